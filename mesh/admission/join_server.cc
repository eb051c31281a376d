// SPDX-License-Identifier: Apache-2.0
#include "mesh/admission/join_server.h"

#include <algorithm>

#include "mesh/wire/operator_values.h"

namespace vidai::mesh::admission {

kj::Promise<void> JoinServer::requestCertificate(RequestCertificateContext context) {
    const auto asked = context.getParams();
    JoinRequest request;
    const bool sized = asked.getKey().size() == request.key.bytes.size() &&
                       asked.getProof().size() == request.proof.bytes.size();
    Result<seal::Bytes> chain =
        fail(ErrorCode::kProtocol, "a certificate request is malformed", "message_malformed");
    if (sized) {
        request.node = wire::text_of(asked.getNode());
        std::copy(asked.getKey().begin(), asked.getKey().end(), request.key.bytes.begin());
        std::copy(asked.getProof().begin(), asked.getProof().end(), request.proof.bytes.begin());
        chain = calls_.certify_joiner(token_, binding_, request);
    }
    wire::write_outcome(chain, context.getResults().initOutcome());
    return kj::READY_NOW;
}

}  // namespace vidai::mesh::admission
