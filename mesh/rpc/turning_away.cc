// SPDX-License-Identifier: Apache-2.0
// How a node that has proved who it is, and has no place here, is told why before its connection is
// closed: what an operator has signed about it, which it can verify, and one word. It may call
// nothing, and gets nothing else. So is the older of two processes with one identity. And how one
// is let in for a new certificate alone that was off while the root rolled over.
#include <utility>

#include "mesh/rpc/links.h"
#include "mesh/seal/refusal.h"
#include "mesh/wire/message.h"

namespace vidai::mesh::rpc {

namespace {

constexpr std::size_t kTurnedAwayMax = 16;  // at once; the others see the connection close

class Nothing final : public proto::Peer::Server {};

}  // namespace

void Links::refuse(transport::Handshaken done, const std::string& address, const Error& why) {
    ++counters_.refused;
    events_.on_refused(address, why);
    if (done.session.peer.roles.has(seal::Role::kPeer)) turn_away(std::move(done), why);
}

// The port that it came from finds a process only while that runs: the log says whom to look for.
void Links::refuse_revoked(transport::Handshaken done, const std::string& address) {
    Error why = seal::to_error(seal::Refusal::kCertificateRevoked);
    const seal::PeerIdentity& peer = done.session.peer;
    const char* const what = peer.roles.has(seal::Role::kPeer)       ? "node"
                             : peer.roles.has(seal::Role::kJoin)     ? "a join token for"
                             : peer.roles.has(seal::Role::kOperator) ? "operator"
                                                                     : "observer";
    why.message += ". It is " + std::string(what) + " '" + peer.node.str() + "'";
    const std::string& where = done.session.hello.address;
    if (!where.empty()) why.message += " and says that it is at " + where;
    refuse(std::move(done), address, why);
}

void Links::welcome_back(transport::Handshaken done, const std::string& address) {
    auto bootstrap = events_.returning(done.session.peer);
    if (!bootstrap) {
        ++counters_.refused;
        return events_.on_refused(address, seal::to_error(seal::Refusal::kRootRetired));
    }
    guests_.add_returning(std::move(done), kj::mv(*bootstrap));
}

void Links::turn_away(transport::Handshaken done, const Error& why) {
    if (turned_away_.size() >= kTurnedAwayMax) return;
    const state::Page evidence = events_.evidence_against(done.session.peer);
    auto stream =
        kj::heap<transport::SealedStream>(std::move(done), wire::kOperatorWordsMax, clock_);
    stream->meter(traffic_.operators());
    auto session =
        kj::heap<Session>(kj::mv(stream), ::capnp::rpc::twoparty::Side::SERVER, kj::heap<Nothing>(),
                          wire::kOperatorWordsMax, timer_, traffic_.operators(), clock_);
    Session& telling = *session;
    auto shown =
        evidence.registers.empty() ? kj::Promise<bool>(true) : telling.push_registers(evidence);
    auto told = shown.then(
        [&telling, reason = why.param](bool) { return telling.turn_away(reason).ignoreResult(); });
    hold_until(told.exclusiveJoin(telling.ended()), kj::mv(session));
}

void Links::hold_until(kj::Promise<void> told, kj::Own<Session> session) {
    const std::uint64_t number = ++next_number_;
    turned_away_.emplace(number, kj::mv(session));
    auto late = timer_.afterDelay(kHandshakeSeconds * kj::SECONDS);
    tasks_.add(told.exclusiveJoin(kj::mv(late))
                   .catch_([](kj::Exception&&) {})  // however it ends, its place is free
                   .then([this, number]() {
                       tasks_.add(kj::evalLater([this, number]() { turned_away_.erase(number); }));
                   }));
}

bool Links::is_outlived(const transport::Handshaken& done) const {
    const auto held = sessions_.find(done.session.peer.node);
    return held != sessions_.end() && done.session.hello.generation < held->second.facts.generation;
}

// It ends once it hears what the newer one has said (membership's hear_of_self()). Closed without a
// word wherever it dials, it would take everybody for dead, and serve for as long as that one runs.
void Links::tell_of_newer(transport::Handshaken done) {
    if (turned_away_.size() >= kTurnedAwayMax) return;
    const NodeId peer = done.session.peer.node;
    auto stream = kj::heap<transport::SealedStream>(std::move(done), wire::kPeerWordsMax, clock_);
    stream->meter(traffic_.of(peer));
    auto session =
        kj::heap<Session>(kj::mv(stream), ::capnp::rpc::twoparty::Side::SERVER, kj::heap<Nothing>(),
                          wire::kPeerWordsMax, timer_, traffic_.of(peer), clock_);
    session->deliver(events_.word_of(peer));
    auto ended = session->ended();
    hold_until(kj::mv(ended), kj::mv(session));
}

}  // namespace vidai::mesh::rpc
