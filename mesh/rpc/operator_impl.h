// SPDX-License-Identifier: Apache-2.0
// What an OperatorClient is made of, for the files that implement it. The operator client's thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include "mesh/operator.h"
#include "mesh/seal/certificate.h"
#include "mesh/seal/roots.h"
#include "mesh/state/register.h"
#include "mesh/transport/plain_text.h"
#include "mesh/wire/message.h"
#include "mesh/wire/operator_values.h"
#include "schema/rpc/operator.capnp.h"

namespace vidai::mesh {

struct OperatorClient::Impl {
    // `who` and `whom`: nothing on a local socket.
    Impl(std::shared_ptr<kj::AsyncIoContext> loop, kj::Own<kj::AsyncIoStream> connected,
         std::string where, std::shared_ptr<const seal::Credentials> who,
         std::shared_ptr<const seal::Roots> whom, std::chrono::milliseconds limit)
        : io(std::move(loop)),
          stream(kj::mv(connected)),
          network(*stream, ::capnp::rpc::twoparty::Side::CLIENT,
                  wire::reader_options(wire::kPeerWordsMax)),
          system(::capnp::makeRpcClient(network)),
          remote(bootstrap()),
          self(std::move(who)),
          roots(std::move(whom)),
          address(std::move(where)),
          timeout(limit) {}

    proto::Operator::Client bootstrap() {
        ::capnp::MallocMessageBuilder message(4);
        auto vat = message.initRoot<::capnp::rpc::twoparty::VatId>();
        vat.setSide(::capnp::rpc::twoparty::Side::SERVER);
        return system.bootstrap(vat).castAs<proto::Operator>();
    }

    std::uint32_t deadline_ms() const {
        return static_cast<std::uint32_t>(std::clamp<std::int64_t>(timeout.count(), 1, 60'000));
    }

    Result<Stated> announce(Result<state::Register> said);

    // Sends, waits, reads.
    template <class Value, class Request>
    Result<Value> call(Request request) {
        return ask<Value>(kj::mv(request)).wait(io->waitScope);
    }

    template <class Value, class Request>
    kj::Promise<Result<Value>> ask(Request request) {
        return ask<Value>(kj::mv(request), [](const auto&) {});
    }
    // `beside` is shown the reply, which says more than its outcome.
    template <class Value, class Request, class Beside>
    kj::Promise<Result<Value>> ask(Request request, Beside beside) {
        Result<Value> late = fail(ErrorCode::kDeadlineExceeded,
                                  address + " did not answer within the time allowed", address);
        auto limit = io->provider->getTimer().afterDelay(timeout.count() * kj::MILLISECONDS);
        auto expired = limit.then([late = std::move(late)]() mutable { return std::move(late); });
        auto answer = request.send().then(
            [this, beside](auto&& reply) {
                answered = true;
                beside(reply);
                return wire::read_outcome<Value>(reply.getOutcome());
            },
            [this](kj::Exception&& e) -> Result<Value> {
                // A node looks at a certificate last of all, and closes.
                if (self && !answered && e.getType() == kj::Exception::Type::DISCONNECTED) {
                    return fail(ErrorCode::kUnauthenticated,
                                address +
                                    " closed the connection as soon as it knew who this is: the "
                                    "operator's key was revoked, or its certificate has expired. "
                                    "Its log says which",
                                address);
                }
                return fail(
                    ErrorCode::kUnavailable,
                    "the connection to " + address + " broke off: " + transport::plain_text(e),
                    address);
            });
        return answer.exclusiveJoin(kj::mv(expired));
    }

    std::shared_ptr<kj::AsyncIoContext> io;
    kj::Own<kj::AsyncIoStream> stream;
    ::capnp::TwoPartyVatNetwork network;
    ::capnp::RpcSystem<::capnp::rpc::twoparty::VatId> system;
    proto::Operator::Client remote;
    const std::shared_ptr<const seal::Credentials> self;
    const std::shared_ptr<const seal::Roots> roots;
    const std::string address;
    const std::chrono::milliseconds timeout;
    bool answered = false;  // at least once
};

}  // namespace vidai::mesh
