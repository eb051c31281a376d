// SPDX-License-Identifier: Apache-2.0
#include "mesh/admission/joining.h"

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <random>
#include <utility>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include "mesh/seal/handshake.h"
#include "mesh/seal/refusal.h"
#include "mesh/seeds/seed_names.h"
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
constexpr auto kGlance = 50 * kj::MILLISECONDS;  // whether it is to end
constexpr std::chrono::milliseconds kLook{50};   // the same, for the thread that waits
constexpr std::chrono::seconds kFirstWord{1}, kNextWord{5};

// What the thread that joins and the one that waits for it tell each other.
struct Progress {
    std::atomic<bool> over{false};
    std::mutex mutex;
    std::string where, why;  // the last failure

    void failed(const std::string& at, const Error& error) {
        const std::lock_guard lock(mutex);
        where = at;
        why = error.message;
    }
};

std::unexpected<Error> given_up() {
    return fail(ErrorCode::kCancelled, "it was told to end before it had joined", "join");
}

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
           const seal::SecretKey& key, const Clock& clock, Progress& progress)
        : token_(token),
          roots_(std::move(roots)),
          node_(node),
          key_(key),
          clock_(clock),
          progress_(progress),
          self_(std::make_shared<const seal::Credentials>(token.as)),
          io_(kj::setupAsyncIo()) {}

    // Once more for each new root that the mesh has to tell of.
    Answer ask(const std::string& seed) {
        Answer answer = ask_once(seed);
        for (std::size_t i = 1; i < seal::kRootsMax && follow(); ++i) answer = ask_once(seed);
        return answer;
    }
    void pause() {
        auto rest = io_.provider->getTimer().afterDelay(kPause);
        rest.exclusiveJoin(ended()).wait(io_.waitScope);
    }
    seeds::Resolver::Answer resolve(const std::string& seed) {
        auto never = ended().then([]() -> seeds::Resolver::Answer { return given_up(); });
        return resolver_.resolve(seed).exclusiveJoin(kj::mv(never)).wait(io_.waitScope);
    }

  private:
    kj::Promise<void> ended() {
        return io_.provider->getTimer().afterDelay(kGlance).then([this]() -> kj::Promise<void> {
            if (progress_.over) return kj::READY_NOW;
            return ended();
        });
    }
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
        auto never = ended().then([]() -> Answer { return given_up(); });
        return asked.exclusiveJoin(kj::mv(late)).exclusiveJoin(kj::mv(never)).wait(io_.waitScope);
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
                if (!done) return Answer(fail(refused(std::move(done).error())));
                return request(std::move(*done));
            });
    }

    // A node closes on what it does not believe, without a word.
    static Error refused(Error why) {
        if (why.param == transport::kClosedParam) {
            why.message +=
                ". If the token is void or has expired, another one is needed: `vidaictl "
                "mesh token create`";
        }
        return why;
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
                return fail(
                    ErrorCode::kUnauthenticated,
                    "the node closed the connection: the token has expired, was revoked, is "
                    "from before a root that was retired, or of another mesh; its log says "
                    "which. Another one is needed: `vidaictl mesh token create`");
            })
            .attach(kj::mv(asking));
    }

    const seal::JoinToken& token_;
    const std::shared_ptr<seal::Roots> roots_;
    const std::shared_ptr<seal::Bytes> told_ = std::make_shared<seal::Bytes>();
    const NodeId& node_;
    const seal::SecretKey& key_;
    const Clock& clock_;
    Progress& progress_;
    const std::shared_ptr<const seal::Credentials> self_;
    kj::AsyncIoContext io_;
    seeds::ResolverThread resolver_;
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
                 const Clock& clock, Progress& progress) {
    Joiner joiner(token, roots, node, key, clock, progress);
    seeds::SeedTurns turns(std::random_device{}());
    const MonoTime end = clock.mono_now() + within;
    for (;;) {
        Answer last = fail(ErrorCode::kInvalidRequest, "the join token names no seeds", "join");
        for (const std::string& seed : token.seeds) {
            const auto found = joiner.resolve(seed);
            if (!found) progress.failed(seed, found.error());
            if (!found) last = fail(found.error());
            auto turn = found ? turns.next(seed, *found, [](const std::string&) { return false; })
                              : std::vector<std::string>();
            for (const std::string& address : turn) {
                last = checked(*roots, node, key, clock, joiner.ask(address));
                if (last || last.error().code != ErrorCode::kUnavailable) return last;
                progress.failed(address, last.error());
            }
        }
        if (progress.over) return given_up();
        if (token.seeds.empty() || clock.mono_now() > end) return last;
        joiner.pause();
    }
}

std::string listed(const std::vector<std::string>& seeds) {
    std::string all;
    for (const std::string& seed : seeds) all += (all.empty() ? "" : ", ") + seed;
    return all;
}

}  // namespace

Result<seal::Bytes> join_mesh(const seal::JoinToken& token,
                              const std::shared_ptr<seal::Roots>& roots, const NodeId& node,
                              const seal::SecretKey& key, std::chrono::seconds within,
                              const Clock& clock, const JoinWatch& watch) {
    Progress progress;
    if (watch.asking) watch.asking(listed(token.seeds), {});
    // The caller's thread may have a KJ loop already, and can have one only.
    auto asking = std::async(std::launch::async, [&]() {
        return join_here(token, roots, node, key, within, clock, progress);
    });
    MonoTime next_word = clock.mono_now() + kFirstWord;
    while (asking.wait_for(kLook) != std::future_status::ready) {
        if (watch.give_up && watch.give_up()) progress.over = true;
        if (progress.over || !watch.asking || clock.mono_now() < next_word) continue;
        next_word = clock.mono_now() + kNextWord;
        const std::lock_guard lock(progress.mutex);
        if (!progress.why.empty()) watch.asking(progress.where, progress.why);
    }
    return asking.get();
}

}  // namespace vidai::mesh::admission
