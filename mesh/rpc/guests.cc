// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/guests.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "mesh/wire/message.h"

namespace vidai::mesh::rpc {

namespace {

std::string name_of(const seal::PeerIdentity& who) {
    return who.node.empty() ? "the local socket" : who.node.str();
}

}  // namespace

Guests::Guests(kj::Timer& timer, const Clock& clock, transport::PeerTraffic& traffic,
               Refused refused)
    : timer_(timer), clock_(clock), traffic_(traffic), refused_(kj::mv(refused)), tasks_(*this) {}

Guests::~Guests() noexcept(false) = default;

void Guests::add(transport::Handshaken done, ::capnp::Capability::Client bootstrap, Kind kind) {
    Guest guest;
    guest.kind = kind;
    enter_sealed(std::move(done), kj::mv(bootstrap), std::move(guest));
}

void Guests::add_returning(transport::Handshaken done, ::capnp::Capability::Client bootstrap) {
    Guest guest;
    guest.kind = Kind::kStranger;
    guest.returning = true;
    enter_sealed(std::move(done), kj::mv(bootstrap), std::move(guest));
}

void Guests::enter_sealed(transport::Handshaken done, ::capnp::Capability::Client bootstrap,
                          Guest guest) {
    guest.who = done.session.peer;
    auto stream =
        kj::heap<transport::SealedStream>(std::move(done), wire::kOperatorWordsMax, clock_);
    stream->meter(traffic_);
    guest.stream = stream.get();
    enter(kj::mv(stream), kj::mv(bootstrap), std::move(guest));
}

void Guests::add_local(kj::Own<kj::AsyncIoStream> stream, ::capnp::Capability::Client bootstrap) {
    enter(kj::mv(stream), kj::mv(bootstrap), Guest());
}

void Guests::enter(kj::Own<kj::AsyncIoStream> stream, ::capnp::Capability::Client bootstrap,
                   Guest guest) {
    const MonoTime now = clock_.mono_now();
    if (!make_room(guest.kind, now)) {
        return refused_(name_of(guest.who),
                        {ErrorCode::kResourceExhausted,
                         "too many operators, observers or joiners are connected at once, and all "
                         "of them at work",
                         "operator_slots"});
    }
    guest.session =
        kj::heap<Session>(kj::mv(stream), ::capnp::rpc::twoparty::Side::SERVER, kj::mv(bootstrap),
                          wire::kOperatorWordsMax, timer_, traffic_, clock_);
    guest.since = now;
    const std::uint64_t number = ++next_;
    // Later: it may end in a call of this very session.
    tasks_.add(guest.session->ended().then(
        [this, number]() { return kj::evalLater([this, number]() { ended(number); }); }));
    guests_.emplace(number, std::move(guest));
}

void Guests::listen(MonoTime now) {
    for (auto& [number, guest] : guests_) {
        if (std::exchange(guest.heard, guest.session->heard()) != guest.heard) guest.since = now;
    }
}

bool Guests::make_room(Kind kind, MonoTime now) {
    listen(now);
    const auto is_one = [&](const auto& each) { return each.second.kind == kind; };
    const auto taken = static_cast<std::size_t>(std::ranges::count_if(guests_, is_one));
    if (taken < kPlaces[static_cast<std::size_t>(kind)]) return true;
    auto silent = guests_.end();
    for (auto at = guests_.begin(); at != guests_.end(); ++at) {
        if (!is_one(*at)) continue;
        if (silent == guests_.end() || at->second.since < silent->second.since) silent = at;
    }
    if (now - silent->second.since < kGivesWay) return false;
    guests_.erase(silent);
    return true;
}

void Guests::ended(std::uint64_t number) {
    const auto guest = guests_.find(number);
    if (guest == guests_.end()) return;
    std::optional<Error> fault = guest->second.session->fault();
    if (!fault && guest->second.stream != nullptr) fault = guest->second.stream->fault();
    const std::string name = name_of(guest->second.who);
    guests_.erase(guest);
    if (fault) refused_(name, *fault);
}

void Guests::tick(MonoTime now, WallTime wall, const seal::Roots& roots) {
    listen(now);
    std::erase_if(guests_, [&](const auto& each) {
        const Guest& guest = each.second;
        const bool stranger = guest.kind == Kind::kStranger;
        if (now - guest.since > (stranger ? kStrangerIdleMax : kIdleMax)) return true;
        if (guest.who.valid_until == WallTime{}) return false;
        return wall > guest.who.valid_until + seal::kClockTolerance ||
               (!guest.returning && !roots.believes(guest.who.root, wall));
    });
}

void Guests::close_revoked(const seal::RevokedKeys& revoked) {
    std::erase_if(guests_, [&](const auto& each) { return revoked.covers(each.second.who); });
}

void Guests::close_all_but_local() {
    std::erase_if(guests_, [](const auto& each) { return each.second.stream != nullptr; });
}

}  // namespace vidai::mesh::rpc
