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

#include "mesh/rpc/standing.h"
#include "mesh/seal/refusal.h"
#include "mesh/transport/plain_text.h"
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

constexpr Duration kReauthenticateAgain = std::chrono::seconds(5);

std::string text_of(const kj::Exception& e) {
    return transport::plain_text(e);
}

// KJ files every way in which a connect fails under one type; only its text tells them apart.
DialFailure failure_of(const kj::Exception& e) {
    const bool refused = text_of(e).find(std::strerror(ECONNREFUSED)) != std::string::npos;
    return refused ? DialFailure::kRefused : DialFailure::kUnreachable;
}

// `host` is what is counted by; people are told the port too, which finds the process.
struct Remote {
    std::string host, text;
};

// "?" of one that is gone already: a connection may be reset before it is accepted.
Remote remote_of(kj::AsyncIoStream& stream) {
    sockaddr_storage address{};
    kj::uint size = sizeof address;
    const auto gone = kj::runCatchingExceptions(
        [&]() { stream.getpeername(reinterpret_cast<sockaddr*>(&address), &size); });
    if (gone != nullptr) return {"?", "?"};
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(),
                      port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return {"?", "?"};
    }
    const bool v6 = address.ss_family == AF_INET6;
    const std::string name = host.data();
    return {name, (v6 ? "[" + name + "]" : name) + ":" + port.data()};
}

Error id_taken(const NodeId& id) {
    return {ErrorCode::kConflict,
            "another node with the id " + id.str() +
                " and another key is connected: give each node an id of its own (mesh.node_id)",
            kSameNodeId};
}

}  // namespace

// A node that lost its volume may come back with a new key; one that is here may not be pushed out.
bool Links::taken(const seal::PeerIdentity& who) const {
    const auto held = sessions_.find(who.node);
    return held != sessions_.end() && held->second.who.key != who.key &&
           held->second.next_key != who.key;
}

void Links::expect_key(const NodeId& peer, const seal::PublicKey& held,
                       const seal::PublicKey& next) {
    const auto found = sessions_.find(peer);
    if (found != sessions_.end() && found->second.who.key == held) found->second.next_key = next;
}

void Links::reauthenticate() {
    for (auto& [peer, held] : sessions_) {
        held.tenure.pause = std::min(held.tenure.pause, kReauthenticateAgain);
        renew(peer, held, mono_now());
    }
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
      guests_(timer, clock, traffic_.operators(),
              [this](const std::string& who, const Error& why) {
                  ++(why.param == "operator_slots" ? counters_.shed : counters_.refused);
                  events_.on_refused(who, why);
              }),
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
    const Remote remote = remote_of(*stream);
    seal::HandshakeOptions options{self_.credentials, self_.hello,   seal::Role::kPeer, expect,
                                   wall_now(),        self_.revoked, self_.roots};
    auto machine = std::make_unique<seal::Initiator>(std::move(options), random_);
    auto told = std::make_shared<seal::Bytes>();
    return transport::run_handshake(kj::mv(stream), std::move(machine), told)
        .then(
            [this, remote, told](Result<transport::Handshaken>&& done) -> Attempt {
                if (!told->empty()) events_.on_told_of_roots(remote.text, *told);
                if (done) door_.know(remote.host);
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
            return kj::evalNow([&]() { return shake(kj::mv(stream), expect); })
                .catch_([](kj::Exception&& e) -> Attempt {
                    return std::unexpected(
                        Failed{DialFailure::kUnreachable,
                               {ErrorCode::kUnavailable, text_of(e), "unreachable"}});
                });
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
    const bool connected = held != sessions_.end() && generation <= held->second.facts.generation;
    if (connected && !VIDAI_MUTANT("connected-twice")) {
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
                // Whatever is wrong with one connection, the next is accepted.
                KJ_IF_MAYBE (e, kj::runCatchingExceptions([&]() { accepted(kj::mv(stream)); })) {
                    taskFailed(kj::mv(*e));
                }
                return kj::READY_NOW;
            },
            [this](kj::Exception&&) {  // out of descriptors, most likely: let some close
                return timer_.afterDelay(100 * kj::MILLISECONDS);
            })
        .then([this, &listener]() { return accept_loop(listener); });
}

void Links::accepted(kj::Own<kj::AsyncIoStream> stream) {
    if (shut_) return;
    const Remote remote = remote_of(*stream);
    const admission::Door door = door_.admit(mono_now(), remote.host);
    if (!admission::is_open(door)) {
        ++counters_.shed;
        return events_.on_refused(remote.text, {ErrorCode::kResourceExhausted,
                                                "too many handshakes at once or from this address",
                                                admission::door_reason(door)});
    }
    auto left = kj::defer([this, door, host = remote.host]() { door_.leave(door, host); });
    transport::tune(*stream);
    // Whoever is revoked proves who it is first, and is told.
    seal::HandshakeOptions options{self_.credentials, self_.hello, kWelcome,    {},
                                   wall_now(),        {},          self_.roots, true};
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
                       [this, remote](Result<transport::Handshaken>&& done) {
                           if (done) return welcome(std::move(*done), remote.host, remote.text);
                           // Closing early is how a dialler that is connected already goes away.
                           if (done.error().code == ErrorCode::kUnavailable) return;
                           ++counters_.refused;
                           events_.on_refused(remote.text, done.error());
                       },
                       [](kj::Exception&&) {}));
}

void Links::welcome(transport::Handshaken done, const std::string& host,
                    const std::string& address) {
    const NodeId peer = done.session.peer.node;
    const bool revoked = self_.revoked->covers(done.session.peer);
    if (revoked && !VIDAI_MUTANT("revocation-not-asked")) {
        return refuse_revoked(std::move(done), address);
    }
    if (!self_.roots->believes(done.session.peer.root, wall_now())) {
        return welcome_back(std::move(done), address);
    }
    if (!done.session.peer.roles.has(seal::Role::kPeer)) {
        auto bootstrap = events_.bootstrap_for(done.session.peer, done.session.binding);
        const seal::Roles roles = done.session.peer.roles;
        const auto kind = roles.has(seal::Role::kOperator)   ? Guests::Kind::kOperator
                          : roles.has(seal::Role::kObserver) ? Guests::Kind::kObserver
                                                             : Guests::Kind::kStranger;
        return guests_.add(std::move(done), kj::mv(bootstrap), kind);
    }
    if (peer == self_.id) {
        const Error why{ErrorCode::kConflict,
                        "another process, at " + done.session.hello.address +
                            ", uses this node's id " + peer.str() +
                            ": give each node an id of its own",
                        kSameNodeId};
        return refuse(std::move(done), address, why);
    }
    if (taken(done.session.peer)) {
        Error why = id_taken(peer);
        why.message +=
            ". The one that is turned away says that it is at " + done.session.hello.address;
        return refuse(std::move(done), address, why);
    }
    if (is_outlived(done)) return tell_of_newer(std::move(done));
    ++counters_.accepted;
    door_.know(host);
    if (adopt(std::move(done), peer)) events_.on_link_up(peer);
}

bool Links::adopt(transport::Handshaken done, const NodeId& dialler) {
    const NodeId peer = done.session.peer.node;
    const LinkFacts facts{dialler, done.session.hello.generation};
    const MonoTime now = mono_now();
    const auto held = sessions_.find(peer);
    if (held != sessions_.end()) {
        if (!replaces(held->second.facts, facts, now - held->second.since)) return false;
        ++counters_.replaced;
        if (VIDAI_MUTANT("connected-twice")) {
            turned_away_.emplace(++next_number_, kj::mv(held->second.session));
        }
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
    const std::optional<Error> fault =
        stream.fault() ? stream.fault() : held->second.session->fault();
    LinkEnd end = LinkEnd::kClosed;
    if (stream.timed_out()) end = LinkEnd::kTimeout;
    if (fault) end = LinkEnd::kLocal;
    sessions_.erase(held);
    if (fault) {
        ++counters_.refused;
        events_.on_refused(peer.str(), *fault);
    }
    events_.on_link_down(peer, end);
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
    guests_.tick(now, wall, *self_.roots);
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
    events_.on_link_down(peer, LinkEnd::kLocal);
}

// Not at once: it may be in a call of this very session that membership said so.
void Links::part(const NodeId& peer) {
    const auto held = sessions_.find(peer);
    if (held == sessions_.end()) return;
    tasks_.add(kj::evalLast([this, peer, number = held->second.number]() {
        const auto found = sessions_.find(peer);
        if (found == sessions_.end() || found->second.number != number) return;  // replaced
        sessions_.erase(found);
        events_.on_link_down(peer, LinkEnd::kLocal);
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
    guests_.close_revoked(*self_.revoked);
}

void Links::close_all() {
    std::vector<NodeId> all;
    for (const auto& [peer, held] : sessions_) all.push_back(peer);
    for (const NodeId& peer : all) {
        sessions_.erase(peer);
        events_.on_link_down(peer, LinkEnd::kLocal);
    }
}

void Links::shut() {
    shut_ = true;
    close_all();
    guests_.close_all_but_local();
}

// --- operators without a handshake

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
                guests_.add_local(kj::mv(stream), bootstrap());
                return kj::READY_NOW;
            },
            [this](kj::Exception&&) { return timer_.afterDelay(100 * kj::MILLISECONDS); })
        .then([this, &listener, &bootstrap]() { return local_loop(listener, bootstrap); });
}

}  // namespace vidai::mesh::rpc
