// SPDX-License-Identifier: Apache-2.0
#include "mesh/admission/joining.h"

#include <memory>
#include <random>
#include <thread>
#include <utility>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include "mesh/seal/handshake.h"
#include "mesh/seal/refusal.h"
#include "mesh/seeds/seed_turns.h"
#include "mesh/state/succession.h"
#include "mesh/transport/handshaking.h"
#include "mesh/transport/sealed_stream.h"
#include "mesh/wire/message.h"
#include "mesh/wire/operator_values.h"
#include "mesh/wire_version.h"
#include "schema/rpc/operator.capnp.h"

namespace vidai::mesh::admission {

namespace {

using Answer = Result<seal::Bytes>;
using Side = ::capnp::rpc::twoparty::Side;

constexpr int kTrySeconds = 5;
constexpr auto kPause = 500 * kj::MILLISECONDS;

// The RPC over one sealed connection, alive until its answer is there.
struct Asking {
    Asking(transport::Handshaken done, const Clock& clock)
        : stream(std::move(done), wire::kOperatorWordsMax, clock),
          network(stream, Side::CLIENT, wire::reader_options(wire::kOperatorWordsMax)),
          system(::capnp::makeRpcClient(network)) {}

    proto::Join::Client remote() {
        ::capnp::MallocMessageBuilder message(4);
        auto vat = message.initRoot<::capnp::rpc::twoparty::VatId>();
        vat.setSide(Side::SERVER);
        return system.bootstrap(vat).castAs<proto::Join>();
    }

    transport::SealedStream stream;
    ::capnp::TwoPartyVatNetwork network;
    ::capnp::RpcSystem<::capnp::rpc::twoparty::VatId> system;
};

class Joiner {
  public:
    Joiner(const seal::JoinToken& token, std::shared_ptr<seal::Roots> roots, const NodeId& node,
           const seal::SecretKey& key, const Clock& clock)
        : token_(token),
          roots_(std::move(roots)),
          node_(node),
          key_(key),
          clock_(clock),
          self_(std::make_shared<const seal::Credentials>(token.as)),
          io_(kj::setupAsyncIo()) {}

    // Once more for each new root that the mesh has to tell of.
    Answer ask(const std::string& seed) {
        Answer answer = ask_once(seed);
        for (std::size_t i = 1; i < seal::kRootsMax && follow(); ++i) answer = ask_once(seed);
        return answer;
    }
    void pause() { io_.provider->getTimer().afterDelay(kPause).wait(io_.waitScope); }

  private:
    bool follow() {
        const auto told = state::unpack_successions(std::exchange(*told_, {}));
        const seal::Trust before = roots_->newest();
        if (told) (void)state::follow(*roots_, *told);
        return roots_->newest() != before;
    }

    Answer ask_once(const std::string& seed) {
        auto late = io_.provider->getTimer().afterDelay(kTrySeconds * kj::SECONDS).then([&]() {
            return Answer(fail(ErrorCode::kUnavailable, seed + " did not answer in time", seed));
        });
        auto asked = kj::evalNow([&]() { return dial(seed); }).catch_([&](kj::Exception&& e) {
            return Answer(fail(ErrorCode::kUnavailable,
                               "cannot join at " + seed + ": " + e.getDescription().cStr(), seed));
        });
        return asked.exclusiveJoin(kj::mv(late)).wait(io_.waitScope);
    }

    kj::Promise<Answer> dial(const std::string& seed) {
        return io_.provider->getNetwork()
            .parseAddress(seed.c_str())
            .then([](kj::Own<kj::NetworkAddress>&& found) {
                auto connected = found->connect();
                return connected.attach(kj::mv(found));
            })
            .then([this](kj::Own<kj::AsyncIoStream>&& stream) {
                transport::tune(*stream);
                seal::HandshakeOptions options{self_,
                                               {Generation{0}, {kWireMin, kWireMax}, {}},
                                               seal::Role::kPeer,
                                               {},
                                               clock_.wall_now(),
                                               {},
                                               roots_};
                return transport::run_handshake(
                    kj::mv(stream),
                    std::make_unique<seal::Initiator>(std::move(options), seal::system_random()),
                    told_);
            })
            .then([this](Result<transport::Handshaken>&& done) -> kj::Promise<Answer> {
                if (!done) return Answer(fail(std::move(done).error()));
                return request(std::move(*done));
            });
    }

    kj::Promise<Answer> request(transport::Handshaken done) {
        const seal::Signature proof =
            seal::sign_request(key_, done.session.binding, token_.as.trust.mesh, node_);
        auto asking = kj::heap<Asking>(std::move(done), clock_);
        auto call = asking->remote().requestCertificateRequest();
        call.setNode(wire::to_text(node_.str()));
        call.setKey(wire::to_data(key_.public_key().bytes));
        call.setProof(wire::to_data(proof.bytes));
        auto answer = call.send().then(
            [](auto&& reply) { return wire::read_outcome<seal::Bytes>(reply.getOutcome()); });
        return answer
            .catch_([](kj::Exception&&) -> Answer {
                return fail(ErrorCode::kUnauthenticated,
                            "the node closed the connection: the token has expired, was revoked or "
                            "is of another mesh; its log says which");
            })
            .attach(kj::mv(asking));
    }

    const seal::JoinToken& token_;
    const std::shared_ptr<seal::Roots> roots_;
    const std::shared_ptr<seal::Bytes> told_ = std::make_shared<seal::Bytes>();
    const NodeId& node_;
    const seal::SecretKey& key_;
    const Clock& clock_;
    const std::shared_ptr<const seal::Credentials> self_;
    kj::AsyncIoContext io_;
};

Answer checked(const seal::Roots& roots, const NodeId& node, const seal::SecretKey& key,
               const Clock& clock, Answer chain) {
    if (!chain) return chain;
    const auto who = roots.verify_chain(clock.wall_now(), *chain);
    if (!who) return fail(seal::to_error(who.error()));
    if (who->node != node || who->key != key.public_key() || !who->roles.has(seal::Role::kPeer)) {
        return fail(ErrorCode::kProtocol, "the mesh certified another node than this one", "join");
    }
    return chain;
}

Answer join_here(const seal::JoinToken& token, const std::shared_ptr<seal::Roots>& roots,
                 const NodeId& node, const seal::SecretKey& key, std::chrono::seconds within,
                 const Clock& clock) {
    Joiner joiner(token, roots, node, key, clock);
    seeds::SeedTurns turns(std::random_device{}());
    const MonoTime end = clock.mono_now() + within;
    for (;;) {
        Answer last = fail(ErrorCode::kInvalidRequest, "the join token names no seeds", "join");
        for (const std::string& seed : token.seeds) {
            const auto found = seeds::resolve_seed(seed);
            if (!found) last = fail(found.error());
            auto turn = found ? turns.next(seed, *found, [](const std::string&) { return false; })
                              : std::vector<std::string>();
            for (const std::string& address : turn) {
                last = checked(*roots, node, key, clock, joiner.ask(address));
                if (last || last.error().code != ErrorCode::kUnavailable) return last;
            }
        }
        if (token.seeds.empty() || clock.mono_now() > end) return last;
        joiner.pause();
    }
}

}  // namespace

Result<seal::Bytes> join_mesh(const seal::JoinToken& token,
                              const std::shared_ptr<seal::Roots>& roots, const NodeId& node,
                              const seal::SecretKey& key, std::chrono::seconds within,
                              const Clock& clock) {
    Answer answer = fail(ErrorCode::kInternal, "not asked");
    // The caller's thread may have a KJ loop already, and can have one only.
    std::thread asking([&]() { answer = join_here(token, roots, node, key, within, clock); });
    asking.join();
    return answer;
}

}  // namespace vidai::mesh::admission
