// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/links.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <netdb.h>
#include <sys/socket.h>

#include "mesh/transport/sockets.h"
#include "mesh/wire/message.h"
#include "schema/base/mutant.h"

namespace vidai::mesh::rpc {

namespace {

using membership::DialFailure;
using membership::LinkEnd;
using Side = ::capnp::rpc::twoparty::Side;

const seal::Roles kWelcome =
    seal::Role::kPeer | seal::Role::kOperator | seal::Role::kObserver | seal::Role::kJoin;

std::string text_of(const kj::Exception& e) {
    return e.getDescription().cStr();
}

// KJ files every way in which a connect fails under one type; only its text tells them apart.
DialFailure failure_of(const kj::Exception& e) {
    const bool refused = text_of(e).find(std::strerror(ECONNREFUSED)) != std::string::npos;
    return refused ? DialFailure::kRefused : DialFailure::kUnreachable;
}

std::string remote_address(kj::AsyncIoStream& stream) {
    sockaddr_storage address{};
    kj::uint size = sizeof address;
    stream.getpeername(reinterpret_cast<sockaddr*>(&address), &size);
    std::array<char, NI_MAXHOST> host{};
    if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(),
                      nullptr, 0, NI_NUMERICHOST) != 0) {
        return "?";
    }
    return host.data();
}

Error id_taken(const NodeId& id) {
    return {ErrorCode::kConflict,
            "another node with the id " + id.str() +
                " and another key is connected: give each node an id of its own (mesh.node_id)",
            "same_node_id"};
}

}  // namespace

// A node that lost its volume may come back with a new key; one that is here may not be pushed out.
bool Links::taken(const seal::PeerIdentity& who) const {
    const auto held = sessions_.find(who.node);
    return held != sessions_.end() && held->second.who.key != who.key;
}

Links::Links(kj::Network& network, kj::Timer& timer, const Clock& clock, seal::RandomSource& random,
             seeds::Resolver& resolver, Self self, LinkEvents& events, std::uint64_t seed)
    : network_(network),
      timer_(timer),
      clock_(clock),
      random_(random),
      resolver_(resolver),
      turns_(seed),
      self_(std::move(self)),
      events_(events),
      tasks_(*this) {}

Links::~Links() noexcept(false) = default;

void Links::taskFailed(kj::Exception&& e) {
    events_.on_refused("", {ErrorCode::kInternal, "a connection task failed: " + text_of(e), ""});
}

Session* Links::find(const NodeId& peer) {
    const auto found = sessions_.find(peer);
    return found == sessions_.end() ? nullptr : found->second.session.get();
}

void Links::send(const NodeId& to, const membership::Message& message) {
    if (Session* session = find(to)) session->deliver(message);
}

// --- dialling

kj::Promise<Links::Attempt> Links::shake(kj::Own<kj::AsyncIoStream> stream, const NodeId& expect) {
    transport::tune(*stream);
    const std::string address = remote_address(*stream);
    seal::HandshakeOptions options{self_.credentials, self_.hello,   seal::Role::kPeer, expect,
                                   wall_now(),        self_.revoked, self_.roots};
    auto machine = std::make_unique<seal::Initiator>(std::move(options), random_);
    auto told = std::make_shared<seal::Bytes>();
    return transport::run_handshake(kj::mv(stream), std::move(machine), told)
        .then(
            [this, address, told](Result<transport::Handshaken>&& done) -> Attempt {
                if (!told->empty()) events_.on_told_of_roots(address, *told);
                if (done) door_.know(address);
                if (done) return std::move(*done);
                return std::unexpected(Failed{DialFailure::kRejected, std::move(done).error()});
            },
            [](kj::Exception&& e) -> Attempt {
                return std::unexpected(Failed{
                    DialFailure::kRejected,
                    {ErrorCode::kUnavailable, "the handshake broke off: " + text_of(e), "broken"}});
            });
}

kj::Promise<Links::Attempt> Links::attempt(const membership::Dial& dial) {
    if (shut_) {
        return kj::evalLater([]() -> Attempt {
            return std::unexpected(Failed{DialFailure::kUnreachable,
                                          {ErrorCode::kCancelled, "this node is revoked", ""}});
        });
    }
    return attempt_at(dial.address, dial.expected);
}

kj::Promise<Links::Attempt> Links::attempt_at(const std::string& where, const NodeId& expect) {
    const auto address = transport::parse_host_port(where);
    if (!address) {
        return Attempt(std::unexpected(Failed{DialFailure::kUnreachable, address.error()}));
    }
    auto connecting =
        network_.parseAddress(where.c_str()).then([](kj::Own<kj::NetworkAddress>&& found) {
            auto connected = found->connect();
            return connected.attach(kj::mv(found));
        });
    return connecting.then(
        [this, expect](kj::Own<kj::AsyncIoStream>&& stream) {
            return shake(kj::mv(stream), expect);
        },
        [where](kj::Exception&& e) -> kj::Promise<Attempt> {
            return Attempt(std::unexpected(
                Failed{failure_of(e),
                       {ErrorCode::kUnavailable, "cannot reach " + where + ": " + text_of(e),
                        "unreachable"}}));
        });
}

kj::Promise<Links::Attempt> Links::late(const membership::Dial& dial) {
    return timer_.afterDelay(dial.timeout.count() * kj::NANOSECONDS).then([dial]() -> Attempt {
        return std::unexpected(Failed{
            DialFailure::kUnreachable,
            {ErrorCode::kDeadlineExceeded, dial.address + " did not answer in time", "late"}});
    });
}

void Links::dial(const membership::Dial& dial) {
    if (dial.expected.empty()) return dial_seed(dial);
    tasks_.add(kj::evalNow([&]() { return attempt(dial); })
                   .exclusiveJoin(late(dial))
                   .then([this, dial](Attempt&& done) { dialled(dial, std::move(done)); }));
}

void Links::dialled(const membership::Dial& dial, Attempt attempt) {
    if (!attempt) return events_.on_dial_failed(dial, attempt.error().failure, attempt.error().why);
    const NodeId peer = attempt->session.peer.node;
    const auto held = sessions_.find(peer);
    if (taken(attempt->session.peer)) {
        return events_.on_dial_failed(dial, DialFailure::kRejected, id_taken(peer));
    }
    const Generation generation = attempt->session.hello.generation;
    if (held != sessions_.end() && generation <= held->second.facts.generation) {
        // Our last message stays unsent, so for the other side this never was a connection.
        if (!dial.expected.empty()) return events_.on_link_up(peer);
        return events_.on_dial_failed(dial, DialFailure::kRejected,
                                      {ErrorCode::kAlreadyExists, "connected already", ""});
    }
    ++counters_.dialled;
    adopt(std::move(*attempt), self_.id);
    events_.on_link_up(peer);
}

// --- accepting

void Links::serve(kj::Own<kj::ConnectionReceiver> listener) {
    auto& accepting = *listener;
    tasks_.add(accept_loop(accepting).attach(kj::mv(listener)));
}

kj::Promise<void> Links::accept_loop(kj::ConnectionReceiver& listener) {
    return listener.accept()
        .then(
            [this](kj::Own<kj::AsyncIoStream>&& stream) -> kj::Promise<void> {
                accepted(kj::mv(stream));
                return kj::READY_NOW;
            },
            [this](kj::Exception&&) {  // out of descriptors, most likely: let some close
                return timer_.afterDelay(100 * kj::MILLISECONDS);
            })
        .then([this, &listener]() { return accept_loop(listener); });
}

void Links::accepted(kj::Own<kj::AsyncIoStream> stream) {
    if (shut_) return;
    const std::string address = remote_address(*stream);
    const admission::Door door = door_.admit(mono_now(), address);
    if (!admission::is_open(door)) {
        ++counters_.shed;
        return events_.on_refused(address, {ErrorCode::kResourceExhausted,
                                            "too many handshakes at once or from this address",
                                            admission::door_reason(door)});
    }
    auto left = kj::defer([this, door, address]() { door_.leave(door, address); });
    transport::tune(*stream);
    seal::HandshakeOptions options{self_.credentials, self_.hello,   kWelcome,    {},
                                   wall_now(),        self_.revoked, self_.roots, true};
    auto machine = std::make_unique<seal::Responder>(std::move(options), random_);
    const int patience = VIDAI_MUTANT("handshake-without-timeout") ? 3'600 : kHandshakeSeconds;
    auto late =
        timer_.afterDelay(patience * kj::SECONDS).then([]() -> Result<transport::Handshaken> {
            return fail(ErrorCode::kDeadlineExceeded, "no handshake in time", "late");
        });
    tasks_.add(transport::run_handshake(kj::mv(stream), std::move(machine))
                   .exclusiveJoin(kj::mv(late))
                   .attach(kj::mv(left))
                   .then(
                       [this, address](Result<transport::Handshaken>&& done) {
                           if (done) return welcome(std::move(*done), address);
                           // Closing early is how a dialler that is connected already goes away.
                           if (done.error().code == ErrorCode::kUnavailable) return;
                           ++counters_.refused;
                           events_.on_refused(address, done.error());
                       },
                       [](kj::Exception&&) {}));
}

void Links::welcome(transport::Handshaken done, const std::string& address) {
    const NodeId peer = done.session.peer.node;
    if (!self_.roots->believes(done.session.peer.root, wall_now())) {
        return welcome_back(std::move(done), address);
    }
    if (!done.session.peer.roles.has(seal::Role::kPeer)) {
        auto bootstrap = events_.bootstrap_for(done.session.peer, done.session.binding);
        seal::PeerIdentity who = done.session.peer;
        auto stream =
            kj::heap<transport::SealedStream>(std::move(done), wire::kOperatorWordsMax, clock_);
        stream->meter(traffic_.operators());
        return serve_operator(kj::mv(stream), kj::mv(bootstrap), std::move(who));
    }
    if (peer == self_.id) {
        ++counters_.refused;
        return events_.on_refused(address, {ErrorCode::kConflict,
                                            "another process uses this node's id " + peer.str() +
                                                ": give each node an id of its own",
                                            "same_node_id"});
    }
    if (taken(done.session.peer)) {
        ++counters_.refused;
        return events_.on_refused(address, id_taken(peer));
    }
    ++counters_.accepted;
    door_.know(address);
    if (adopt(std::move(done), peer)) events_.on_link_up(peer);
}

void Links::welcome_back(transport::Handshaken done, const std::string& address) {
    auto bootstrap = events_.returning(done.session.peer);
    if (!bootstrap) {
        ++counters_.refused;
        return events_.on_refused(address, seal::to_error(seal::Refusal::kRootRetired));
    }
    seal::PeerIdentity who = done.session.peer;
    auto stream =
        kj::heap<transport::SealedStream>(std::move(done), wire::kOperatorWordsMax, clock_);
    stream->meter(traffic_.operators());
    serve_operator(kj::mv(stream), kj::mv(*bootstrap), std::move(who));
}

bool Links::adopt(transport::Handshaken done, const NodeId& dialler) {
    const NodeId peer = done.session.peer.node;
    const LinkFacts facts{dialler, done.session.hello.generation};
    const MonoTime now = mono_now();
    const auto held = sessions_.find(peer);
    if (held != sessions_.end()) {
        if (!replaces(held->second.facts, facts, now - held->second.since)) return false;
        ++counters_.replaced;
        sessions_.erase(held);
    }
    auto bootstrap = events_.bootstrap_for(done.session.peer, done.session.binding);
    seal::PeerIdentity who = done.session.peer;
    std::string address = done.session.hello.address;
    std::array<std::uint8_t, 4> random{};
    random_.fill(random);
    const Tenure tenure = tenure_of(now, wall_now(),
                                    {self_.reauthenticate, who.valid_until, self_.valid_until,
                                     self_.id < peer, seal::Reader(random).u32()});
    auto sealed = kj::heap<transport::SealedStream>(std::move(done), wire::kPeerWordsMax, clock_);
    transport::SealedStream* const stream = sealed.get();
    stream->meter(traffic_.of(peer));
    auto session = kj::heap<Session>(
        kj::mv(sealed), dialler == self_.id ? Side::CLIENT : Side::SERVER, kj::mv(bootstrap),
        wire::kPeerWordsMax, timer_, traffic_.of(peer), clock_);
    const std::uint64_t number = ++next_number_;
    sessions_.emplace(peer, Held{kj::mv(session), stream, facts, now, number, std::move(who),
                                 std::move(address), tenure});
    watch(peer, number);
    return true;
}

void Links::watch(const NodeId& peer, std::uint64_t number) {
    tasks_.add(sessions_.at(peer).session->ended().then([this, peer, number]() {
        return kj::evalLater([this, peer, number]() { ended(peer, number); });
    }));
}

void Links::ended(const NodeId& peer, std::uint64_t number) {
    const auto held = sessions_.find(peer);
    if (held == sessions_.end() || held->second.number != number) return;  // replaced
    const transport::SealedStream& stream = *held->second.stream;
    const std::string fault = stream.fault();
    LinkEnd end = LinkEnd::kClosed;
    if (stream.timed_out()) end = LinkEnd::kTimeout;
    if (!fault.empty()) end = LinkEnd::kLocal;
    sessions_.erase(held);
    events_.on_link_down(peer, end, fault);
}

// --- the end of a connection's time

void Links::tick(MonoTime now, WallTime wall) {
    std::vector<NodeId> over;
    for (auto& [peer, held] : sessions_) {
        if (held.tenure.over(now, wall) || !self_.roots->believes(held.who.root, wall)) {
            over.push_back(peer);
        } else if (held.tenure.redial_due(now)) {
            renew(peer, held, now);
        }
    }
    for (const NodeId& peer : over) {
        ++counters_.expired;
        close(peer, "expired_session",
              "the connection is as old as it may grow, or the peer's certificate has expired or "
              "its root is retired, and no new one could be made in time");
    }
    std::erase_if(guests_, [&](const auto& guest) {
        const seal::PeerIdentity& who = guest.second.who;
        if (who.valid_until == WallTime{}) return false;
        const bool returning = guest.second.retired;
        return wall > who.valid_until + seal::kClockTolerance ||
               (!returning && !self_.roots->believes(who.root, wall));
    });
}

void Links::renew(const NodeId& peer, Held& held, MonoTime now) {
    held.tenure.redial_at = now + std::max<Duration>(held.tenure.pause, std::chrono::seconds(1));
    if (held.address.empty()) return;
    const membership::Dial dial{held.address, peer, std::chrono::seconds(kHandshakeSeconds)};
    auto late = timer_.afterDelay(kHandshakeSeconds * kj::SECONDS).then([peer]() -> Attempt {
        return std::unexpected(Failed{DialFailure::kUnreachable,
                                      {ErrorCode::kDeadlineExceeded, "no answer in time", "late"}});
    });
    tasks_.add(kj::evalNow([&]() { return attempt(dial); })
                   .exclusiveJoin(kj::mv(late))
                   .then([this, peer, number = held.number](Attempt&& done) {
                       renewed(peer, number, std::move(done));
                   }));
}

void Links::renewed(const NodeId& peer, std::uint64_t number, Attempt attempt) {
    const auto held = sessions_.find(peer);
    if (held == sessions_.end() || held->second.number != number) return;  // replaced meanwhile
    if (!attempt) {
        if (attempt.error().why.code != ErrorCode::kUnauthenticated) return;
        return events_.on_refused(held->second.address, attempt.error().why);
    }
    ++counters_.reauthenticated;
    if (adopt(std::move(*attempt), self_.id)) events_.on_link_up(peer);
}

void Links::close(const NodeId& peer, const char* reason, const std::string& message) {
    const auto held = sessions_.find(peer);
    if (held == sessions_.end()) return;
    const std::string address = held->second.address;
    sessions_.erase(held);
    events_.on_refused(address, {ErrorCode::kUnauthenticated, message, reason});
    events_.on_link_down(peer, LinkEnd::kLocal, {});
}

// Not at once: it may be in a call of this very session that membership said so.
void Links::part(const NodeId& peer) {
    const auto held = sessions_.find(peer);
    if (held == sessions_.end()) return;
    tasks_.add(kj::evalLast([this, peer, number = held->second.number]() {
        const auto found = sessions_.find(peer);
        if (found == sessions_.end() || found->second.number != number) return;  // replaced
        sessions_.erase(found);
        ++counters_.parted;
        events_.on_link_down(peer, LinkEnd::kLocal, {});
    }));
}

void Links::close_revoked() {
    std::vector<NodeId> over;
    for (const auto& [peer, held] : sessions_) {
        if (self_.revoked->covers(held.who)) over.push_back(peer);
    }
    for (const NodeId& peer : over) {
        close(peer, "certificate_revoked", "an operator has revoked this peer's key");
    }
    std::erase_if(guests_,
                  [&](const auto& guest) { return self_.revoked->covers(guest.second.who); });
}

void Links::close_all() {
    std::vector<NodeId> all;
    for (const auto& [peer, held] : sessions_) all.push_back(peer);
    for (const NodeId& peer : all) {
        sessions_.erase(peer);
        events_.on_link_down(peer, LinkEnd::kLocal, {});
    }
}

void Links::shut() {
    shut_ = true;
    close_all();
    std::erase_if(guests_, [](const auto& guest) { return !guest.second.who.node.empty(); });
}

// --- operators

void Links::serve_operator(kj::Own<kj::AsyncIoStream> stream, ::capnp::Capability::Client bootstrap,
                           seal::PeerIdentity who) {
    if (guests_.size() >= kOperatorsMax) {
        ++counters_.shed;
        return events_.on_refused(who.node.str(),
                                  {ErrorCode::kResourceExhausted,
                                   "too many operators are connected at once", "operator_slots"});
    }
    auto session = kj::heap<Session>(kj::mv(stream), Side::SERVER, kj::mv(bootstrap),
                                     wire::kOperatorWordsMax, timer_, traffic_.operators(), clock_);
    const std::uint64_t number = ++next_number_;
    tasks_.add(session->ended().then(
        [this, number]() { return kj::evalLater([this, number]() { guests_.erase(number); }); }));
    const bool retired =
        who.valid_until != WallTime{} && !self_.roots->believes(who.root, wall_now());
    guests_.emplace(number, Guest{kj::mv(session), std::move(who), retired});
}

void Links::serve_local(kj::Own<kj::ConnectionReceiver> listener,
                        kj::Function<::capnp::Capability::Client()> bootstrap) {
    auto& accepting = *listener;
    auto held = kj::heap(kj::mv(bootstrap));
    auto& make = *held;
    tasks_.add(local_loop(accepting, make).attach(kj::mv(listener), kj::mv(held)));
}

kj::Promise<void> Links::local_loop(kj::ConnectionReceiver& listener,
                                    kj::Function<::capnp::Capability::Client()>& bootstrap) {
    return listener.accept()
        .then(
            [this, &bootstrap](kj::Own<kj::AsyncIoStream>&& stream) -> kj::Promise<void> {
                serve_operator(kj::mv(stream), bootstrap(), {});
                return kj::READY_NOW;
            },
            [this](kj::Exception&&) { return timer_.afterDelay(100 * kj::MILLISECONDS); })
        .then([this, &listener, &bootstrap]() { return local_loop(listener, bootstrap); });
}

}  // namespace vidai::mesh::rpc
