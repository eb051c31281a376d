// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/tier2/strangers.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include <kj/debug.h>

#include "mesh/rpc/startup.h"
#include "mesh/wire/operator_values.h"
#include "schema/rpc/operator.capnp.h"
#include "schema/rpc/peer.capnp.h"

namespace vidai::sim {

namespace {

namespace seal = mesh::seal;
using Reasons = std::vector<std::string_view>;

// A handshake's time, the way there and back, and what a node may need to say so.
constexpr int kPatienceSeconds = 5;
constexpr int kCountedMs = 1'600;  // metrics are a second old at most
constexpr std::size_t kCrowdSize = 150;
constexpr std::uint64_t kGarbageMax = 3'000;
constexpr std::uint8_t kSecondMessage = 2, kThirdMessage = 3;  // of a handshake, their kinds

// Who is revoked hears that it is, and what the operator signed, and no more.
constexpr std::size_t kFarewellMax = 4'096;

// Under which a node may count them. Whoever comes while a crowd is there may find no room.
Reasons reasons_of(Deed deed) {
    Reasons why;
    switch (deed) {
        case Deed::kGarbage:
            why = {"message_size", "message_kind", "message_malformed", "stranger", "late"};
            break;
        case Deed::kTruncated:
            why = {"late"};
            break;
        case Deed::kFlood:
            why = {"message_kind"};
            break;
        case Deed::kCrowd:
            return {"address_slots"};
        case Deed::kReplay:
            why = {"not_authentic", "certificate_revoked", "late"};
            break;
        case Deed::kForeign:
            why = {"stranger"};
            break;
        case Deed::kWrongMesh:
            why = {"wrong_mesh"};
            break;
        case Deed::kOtherMesh:
            why = {"certificate_mesh"};
            break;
        case Deed::kExpired:
            why = {"certificate_expired"};
            break;
        case Deed::kNotYet:
            why = {"certificate_not_yet_valid"};
            break;
        case Deed::kUnconstrained:
            why = {"certificate_constraint"};
            break;
        case Deed::kNoRole:
            why = {"role_missing"};
            break;
        case Deed::kStolen:
            why = {"bad_proof"};
            break;
        case Deed::kRevoked:
            why = {"certificate_revoked"};
            break;
        default:
            return {};
    }
    why.push_back("slots");
    return why;
}
std::size_t farewell_of(Deed deed) {
    return deed == Deed::kRevoked ? kFarewellMax : 0;
}

// A handshake's second message and nothing else, or nothing at all.
bool is_an_answer(const seal::Bytes& heard) {
    if (heard.empty()) return true;
    return heard.size() > 2 && heard[2] == kSecondMessage &&
           heard.size() == 2 + (std::size_t{heard[0]} << 8 | heard[1]);
}

}  // namespace

struct Strangers::Visit {
    Deed deed{};
    SimNode* node = nullptr;
    Host from;
    std::uint32_t disturbed = 0;
    double refused_before = 0;
    seal::Bytes heard;  // of the handshake, and what came after it
    bool in = false;    // something came after it
    bool let_go = false;
    bool undisturbed() const { return node->runs() && node->disturbed == disturbed; }
    double refused() const {
        double sum = 0;
        for (const std::string_view reason : reasons_of(deed)) sum += node->refusals(reason);
        return sum;
    }
    std::string who() const { return std::string(deed_name(deed)) + " at " + node->id; }
};

struct Strangers::Stand {
    Host host;
    Forger::Shown as;
    kj::Own<kj::ConnectionReceiver> door;
    kj::Promise<void> loop = nullptr;
};

Strangers::Strangers(Door door, kj::Timer& timer, Forger& forger, Accuse accuse)
    : door_(door), timer_(timer), forger_(forger), accuse_(std::move(accuse)), tasks_(*this) {}
Strangers::~Strangers() noexcept(false) = default;

void Strangers::go(const Host& host) {
    stands_.erase(host);
}

void Strangers::taskFailed(kj::Exception&& e) {
    KJ_LOG(FATAL, "a stranger failed", e);
    std::abort();
}

// Each from an address of its own, so that none is refused for another one.
Host Strangers::fresh_host() {
    ++hosts_;
    return "10.9." + std::to_string(hosts_ / 250) + "." + std::to_string(1 + hosts_ % 250);
}

std::shared_ptr<Strangers::Visit> Strangers::arrive(const Event& event, SimNode& node) {
    auto visit = std::make_shared<Visit>();
    visit->deed = event.deed;
    visit->node = &node;
    visit->from = fresh_host();
    visit->disturbed = node.disturbed;
    visit->refused_before = visit->refused();
    return visit;
}

void Strangers::visit(const Event& event, SimNode& node, const SimNode& other,
                      const std::set<Host>& members) {
    if (!node.runs() || !other.startup || node.revoked) return;
    if (!door_.fabric.answers(node.host)) return;  // nobody is at the door
    auto visit = arrive(event, node);
    Rng rng(event.seed);
    seal::HandshakeOptions options{forger_.admin(),
                                   {Generation{1}, mesh::rpc::kWire, {}},
                                   seal::Role::kPeer,
                                   {},
                                   door_.clock.wall_now()};
    const seal::Bytes first = seal::Initiator(std::move(options), door_.random).start();
    seal::Bytes bytes;
    switch (event.deed) {
        case Deed::kGarbage:
            bytes.resize(1 + rng.below(kGarbageMax));
            for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(rng.next() >> 32);
            break;
        case Deed::kTruncated:
            bytes.assign(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(
                                                            1 + rng.below(first.size() - 1)));
            break;
        case Deed::kFlood:
            for (int i = 0; i < 50; ++i) bytes.insert(bytes.end(), first.begin(), first.end());
            break;
        case Deed::kCrowd:
            for (std::size_t i = 0; i < kCrowdSize; ++i) {
                tasks_.add(within(visit, say(visit, {})));
            }
            return;
        case Deed::kReplay:
            bytes = door_.fabric.tape_to(node.host, members);
            if (bytes.empty()) return;
            break;
        case Deed::kJoiner:
        case Deed::kObserver:
            tasks_.add(misuse(visit, forger_.show(event.deed, *other.startup->certified.credentials,
                                                  door_.clock.wall_now())));
            return;
        default:
            tasks_.add(within(
                visit, show(visit, forger_.show(event.deed, *other.startup->certified.credentials,
                                                door_.clock.wall_now()))));
            return;
    }
    tasks_.add(within(visit, say(visit, std::move(bytes))));
}

kj::Promise<void> Strangers::listen(std::shared_ptr<Visit> visit, kj::AsyncIoStream& stream) {
    auto buffer = kj::heapArray<kj::byte>(2'048);
    auto read = stream.tryRead(buffer.begin(), 1, buffer.size());
    return read.then(
        [this, visit, &stream, buffer = kj::mv(buffer)](std::size_t size) -> kj::Promise<void> {
            if (size == 0) return kj::READY_NOW;
            visit->heard.insert(visit->heard.end(), buffer.begin(), buffer.begin() + size);
            return listen(visit, stream);
        },
        [](kj::Exception&&) -> kj::Promise<void> { return kj::READY_NOW; });
}

kj::Promise<void> Strangers::say(std::shared_ptr<Visit> visit, seal::Bytes bytes) {
    return door_.fabric.connect(visit->from, visit->node->host)
        .then(
            [this, visit, bytes = std::move(bytes)](kj::Own<kj::AsyncIoStream>&& stream) mutable {
                auto held = kj::heap<seal::Bytes>(std::move(bytes));
                auto said = stream->write(held->data(), held->size())
                                .attach(kj::mv(held))
                                .catch_([](kj::Exception&&) {});
                auto& heard = *stream;
                return said.then([this, visit, &heard]() { return listen(visit, heard); })
                    .then([visit]() {
                        visit->in |= !is_an_answer(visit->heard);
                        visit->let_go = true;
                    })
                    .attach(kj::mv(stream));
            },
            [visit](kj::Exception&&) { visit->let_go = true; });  // nobody is there
}

kj::Promise<void> Strangers::show(std::shared_ptr<Visit> visit, Forger::Shown as) {
    return shake_hands(door_, visit->from, visit->node->host, std::move(as))
        .then(
            [this, visit](Result<mesh::transport::Handshaken>&& done) -> kj::Promise<void> {
                visit->let_go = true;
                if (!done) return kj::READY_NOW;  // it closed, or is one that we do not believe
                visit->let_go = false;
                visit->heard = std::move(done->early);
                auto last = kj::heap<seal::Bytes>(std::move(done->last));
                auto stream = kj::mv(done->stream);
                auto& heard = *stream;
                return stream->write(last->data(), last->size())
                    .attach(kj::mv(last))
                    .catch_([](kj::Exception&&) {})
                    .then([this, visit, &heard]() { return listen(visit, heard); })
                    .then([visit]() {
                        visit->in |= visit->heard.size() > farewell_of(visit->deed);
                        visit->let_go = true;
                    })
                    .attach(kj::mv(stream));
            },
            [visit](kj::Exception&&) { visit->let_go = true; });
}

kj::Promise<void> Strangers::within(std::shared_ptr<Visit> visit, kj::Promise<void> talk) {
    return talk.exclusiveJoin(timer_.afterDelay(kPatienceSeconds * kj::SECONDS))
        .then([this, visit]() {
            // What came before the time was over counts too.
            if (!visit->let_go && visit->deed >= Deed::kForeign) {
                visit->in |= visit->heard.size() > farewell_of(visit->deed);
            }
            if (visit->in) {
                accuse_("unauthenticated-in", visit->who() + " was answered after its handshake",
                        false);
            }
            if (!visit->let_go && visit->undisturbed()) {
                accuse_("stranger-kept", visit->who() + " was not let go of in time", false);
            }
            return timer_.afterDelay(kCountedMs * kj::MILLISECONDS);
        })
        .then([this, visit]() { judge(visit); });
}

void Strangers::judge(const std::shared_ptr<Visit>& visit) {
    if (!visit->undisturbed() || visit->in) return;
    ++judged_;
    if (visit->refused() <= visit->refused_before) {
        accuse_("refusal-counted", visit->who() + " was turned away and not counted for it", false);
    }
}

// --- who has a role, and wants more than that

namespace {

using Type = kj::Exception::Type;

// Whether the call came back as one that this connection does not have at all.
template <class Request>
kj::Promise<std::string> must_not_exist(const char* name, Request request) {
    return request.send().then([name](auto&&) { return std::string(name) + " was answered"; },
                               [name](kj::Exception&& e) {
                                   if (e.getType() == Type::UNIMPLEMENTED) return std::string();
                                   if (e.getType() == Type::DISCONNECTED) return std::string("-");
                                   return std::string(name) + ": " + e.getDescription().cStr();
                               });
}

template <class Value, class Request>
kj::Promise<std::string> must_not_be_allowed(const char* name, Request request) {
    return request.send().then(
        [name](auto&& reply) {
            const auto done = mesh::wire::read_outcome<Value>(reply.getOutcome());
            const bool refused = !done && done.error().code == ErrorCode::kPermissionDenied;
            return refused ? std::string() : std::string(name) + " was not refused";
        },
        [name](kj::Exception&& e) {
            if (e.getType() == Type::DISCONNECTED) return std::string("-");
            return std::string(name) + ": " + e.getDescription().cStr();
        });
}

kj::Array<kj::Promise<std::string>> peers_calls(Caller& caller) {
    auto peer = caller.as<proto::Peer>();
    auto calls = kj::heapArrayBuilder<kj::Promise<std::string>>(6);
    calls.add(must_not_exist("deliver", peer.deliverRequest()));
    calls.add(must_not_exist("pushRegisters", peer.pushRegistersRequest()));
    calls.add(must_not_exist("pullRegisters", peer.pullRegistersRequest()));
    calls.add(must_not_exist("pushCounters", peer.pushCountersRequest()));
    calls.add(must_not_exist("pullCounters", peer.pullCountersRequest()));
    calls.add(must_not_exist("renewCertificate", peer.renewCertificateRequest()));
    return calls.finish();
}

kj::Array<kj::Promise<std::string>> operators_calls(Caller& caller, bool observer) {
    auto desk = caller.as<proto::Operator>();
    auto calls = kj::heapArrayBuilder<kj::Promise<std::string>>(3);
    auto create = desk.keyCreateRequest();
    create.initRequest().setName("evil");
    auto drain = desk.drainRequest();
    if (observer) {
        calls.add(must_not_be_allowed<mesh::CreatedKey>("keyCreate", kj::mv(create)));
        calls.add(must_not_be_allowed<mesh::Draining>("drain", kj::mv(drain)));
    } else {
        calls.add(must_not_exist("keyCreate", kj::mv(create)));
        calls.add(must_not_exist("members", desk.membersRequest()));
    }
    return calls.finish();
}

}  // namespace

kj::Promise<void> Strangers::misuse(std::shared_ptr<Visit> visit, Forger::Shown as) {
    const bool observer = visit->deed == Deed::kObserver;
    auto talk =
        shake_hands(door_, visit->from, visit->node->host, std::move(as))
            .then([this, visit,
                   observer](Result<mesh::transport::Handshaken>&& done) -> kj::Promise<void> {
                if (!done) return kj::READY_NOW;
                auto caller = kj::heap<Caller>(std::move(*done), door_.clock);
                auto both = kj::heapArrayBuilder<kj::Promise<kj::Array<std::string>>>(2);
                both.add(kj::joinPromises(peers_calls(*caller)));
                both.add(kj::joinPromises(operators_calls(*caller, observer)));
                return kj::joinPromises(both.finish())
                    .then([this, visit](kj::Array<kj::Array<std::string>>&& answers) {
                        visit->let_go = true;
                        for (const auto& some : answers) {
                            for (const std::string& wrong : some) {
                                if (wrong.empty()) continue;
                                if (wrong == "-" && !visit->undisturbed()) continue;
                                accuse_("role-not-held", visit->who() + ": " + wrong, false);
                            }
                        }
                        ++judged_;
                    })
                    .attach(kj::mv(caller));
            });
    return talk.catch_([](kj::Exception&&) {})
        .exclusiveJoin(timer_.afterDelay(kPatienceSeconds * kj::SECONDS));
}

// --- where a member was

void Strangers::stand_in(const Event& event, const Host& host, const seal::Credentials& victim) {
    constexpr std::array<Deed, 9> kAs = {Deed::kForeign,       Deed::kOtherMesh, Deed::kExpired,
                                         Deed::kNotYet,        Deed::kStolen,    Deed::kStolen,
                                         Deed::kUnconstrained, Deed::kNoRole,    Deed::kJoiner};
    auto stand = std::make_unique<Stand>();
    stand->host = host;
    stand->as = forger_.show(kAs[event.seed % kAs.size()], victim, door_.clock.wall_now());
    stand->door = door_.fabric.listen(host);
    stand->loop = receive(*stand).eagerlyEvaluate(nullptr);
    stands_[host] = std::move(stand);
}

kj::Promise<void> Strangers::receive(Stand& stand) {
    return stand.door->accept().then([this, &stand](kj::Own<kj::AsyncIoStream>&& stream) {
        tasks_.add(impersonate(stand, kj::mv(stream)));
        return receive(stand);
    });
}

// Whoever believes us sends the handshake's third message: a second one of it, to us.
kj::Promise<void> Strangers::impersonate(Stand& stand, kj::Own<kj::AsyncIoStream> stream) {
    seal::HandshakeOptions options{stand.as,
                                   {Generation{1}, mesh::rpc::kWire, {}},
                                   seal::Role::kPeer,
                                   {},
                                   door_.clock.wall_now()};
    struct Talk {
        std::unique_ptr<seal::Responder> machine;
        kj::Own<kj::AsyncIoStream> stream;
        std::array<kj::byte, 2'048> buffer{};
        seal::Bytes answer;
    };
    auto talk = kj::heap<Talk>();
    talk->machine = std::make_unique<seal::Responder>(std::move(options), door_.random);
    talk->stream = kj::mv(stream);
    Talk& held = *talk;
    auto first = held.stream->tryRead(held.buffer.data(), 1, held.buffer.size());
    auto heard = first.then([&held](std::size_t size) -> kj::Promise<std::size_t> {
        held.answer = held.machine->feed(seal::ByteView(held.buffer.data(), size)).send;
        if (held.answer.empty()) return std::size_t{0};
        return held.stream->write(held.answer.data(), held.answer.size()).then([&held]() {
            return held.stream->tryRead(held.buffer.data(), 1, held.buffer.size());
        });
    });
    return heard
        .then(
            [this, &held, host = stand.host](std::size_t size) {
                // Its own answer may come back to it, from whoever sits on the path.
                if (size < 3 || held.buffer[2] != kThirdMessage) return;
                accuse_("unauthenticated-in", "an impostor at " + host + " was believed", false);
            },
            [](kj::Exception&&) {})
        .exclusiveJoin(timer_.afterDelay(kPatienceSeconds * kj::SECONDS))
        .attach(kj::mv(talk));
}

}  // namespace vidai::sim
