// SPDX-License-Identifier: Apache-2.0
// What the holder of a join token may call on us: one thing. Mesh thread.
#pragma once

#include <utility>

#include "mesh/admission/registrar.h"
#include "mesh/seal/certificate.h"
#include "schema/rpc/operator.capnp.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::admission {

class JoinCalls {
  public:
    virtual Result<seal::Bytes> certify_joiner(const seal::PeerIdentity& token,
                                               const Binding& binding,
                                               const JoinRequest& request) = 0;

  protected:
    ~JoinCalls() = default;
};

class JoinServer final : public proto::Join::Server {
  public:
    JoinServer(seal::PeerIdentity token, const Binding& binding, JoinCalls& calls)
        : token_(std::move(token)), binding_(binding), calls_(calls) {}

    kj::Promise<void> requestCertificate(RequestCertificateContext context) override;

  private:
    const seal::PeerIdentity token_;
    const Binding binding_;
    JoinCalls& calls_;
};

}  // namespace vidai::mesh::admission
