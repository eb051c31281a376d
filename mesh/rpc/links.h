// SPDX-License-Identifier: Apache-2.0
// Links: this node's connections. It dials when told to, accepts, runs handshakes within the
// bounds for strangers, keeps one session per peer, and says what happened. Who is alive, and whom
// to dial when, is membership's business. Mesh thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <capnp/capability.h>
#include <kj/async-io.h>
#include <kj/timer.h>

#include "mesh/admission/doorkeeper.h"
#include "mesh/admission/registrar.h"
#include "mesh/clock.h"
#include "mesh/membership/effects.h"
#include "mesh/membership/membership.h"
#include "mesh/rpc/duel.h"
#include "mesh/rpc/guests.h"
#include "mesh/rpc/session.h"
#include "mesh/rpc/tenure.h"
#include "mesh/seal/handshake.h"
#include "mesh/seeds/seed_names.h"
#include "mesh/seeds/seed_turns.h"
#include "mesh/transport/handshaking.h"
#include "mesh/transport/sealed_stream.h"
#include "mesh/transport/traffic.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::rpc {

// Before a stranger has proved who it is, it has this long, and of us what doorkeeper.h says. (A
// message is at most 1 KiB, and none of it is capnproto: mesh/seal.)
inline constexpr int kHandshakeSeconds = 3;

class LinkEvents {
  public:
    // What an authenticated peer, operator, observer or joiner may call; `binding` names this
    // very connection.
    virtual ::capnp::Capability::Client bootstrap_for(const seal::PeerIdentity& who,
                                                      const admission::Binding& binding) = 0;
    virtual void on_link_up(const NodeId& peer) = 0;  // also when it replaced another
    virtual void on_link_down(const NodeId& peer, membership::LinkEnd end) = 0;
    virtual void on_dial_failed(const membership::Dial& dial, membership::DialFailure failure,
                                const Error& why) = 0;
    virtual void on_refused(const std::string& address, const Error& why) = 0;
    // Whom we dialled goes by a newer root and says how it came to that; unverified.
    virtual void on_told_of_roots(const std::string& address, const seal::Bytes& told) = 0;
    // What one may call whose certificate is under a retired root; nothing: it is turned away.
    virtual std::optional<::capnp::Capability::Client> returning(const seal::PeerIdentity& who) = 0;
    // What operators have said about the keys of one who is turned away; for this turn only.
    virtual state::Page evidence_against(const seal::PeerIdentity& who) = 0;
    // The newest that a member has said of itself, for a process of its name that is older.
    virtual membership::Message word_of(const NodeId& peer) = 0;

  protected:
    ~LinkEvents() = default;
};

struct LinkCounters {
    std::uint64_t accepted = 0, dialled = 0, refused = 0, shed = 0, replaced = 0;
    std::uint64_t reauthenticated = 0, expired = 0;
};

class Links final : private kj::TaskSet::ErrorHandler {
  public:
    // What we say in a handshake; asked for each, because a certificate is renewed.
    struct Self {
        NodeId id;
        std::shared_ptr<const seal::Credentials> credentials;
        seal::Hello hello;
        WallTime valid_until;     // of the credentials' chain
        Duration reauthenticate;  // the oldest that a connection may grow
        std::shared_ptr<const seal::RevokedKeys> revoked;
        std::shared_ptr<const seal::Roots> roots;
    };

    // What is borrowed outlives it. `seed` is for the turns of a seed's addresses.
    Links(kj::Network& network, kj::Timer& timer, const Clock& clock, seal::RandomSource& random,
          seeds::Resolver& resolver, Self self, LinkEvents& events, std::uint64_t seed);
    ~Links() noexcept(false);

    void set_self(Self self) { self_ = std::move(self); }
    // Accepts for as long as this object lives.
    void serve(kj::Own<kj::ConnectionReceiver> listener);
    // Operators without a handshake: whoever may open the socket is one.
    void serve_local(kj::Own<kj::ConnectionReceiver> listener,
                     kj::Function<::capnp::Capability::Client()> bootstrap);

    // Ends connections whose time is over and renews those whose time is near: each second.
    void tick(MonoTime now, WallTime wall);
    // Ends every connection that rests on a revoked key.
    void close_revoked();
    // Ends all connections to peers, which are made anew with what we are now.
    void close_all();
    // Makes them anew with what we are now, each beside the old one, whose place it takes.
    void reauthenticate();
    // A connection under `next` may take the place of the one under `held`.
    void expect_key(const NodeId& peer, const seal::PublicKey& held, const seal::PublicKey& next);
    // Ends all connections but local operators', and makes none any more until open().
    void shut();
    void open() { shut_ = false; }
    void dial(const membership::Dial& dial);
    // Ends the connection to `peer`, which has no more use for it, once this turn has answered.
    void part(const NodeId& peer);
    // Nothing without a session to it.
    void send(const NodeId& to, const membership::Message& message);
    Session* find(const NodeId& peer);
    template <class Visit>
    void for_each(Visit visit) {
        for (auto& [peer, held] : sessions_) visit(peer, *held.session);
    }
    std::size_t size() const { return sessions_.size(); }
    const LinkCounters& counters() const { return counters_; }
    transport::Traffic& traffic() { return traffic_; }

  private:
    struct Failed {
        membership::DialFailure failure;
        Error why;
    };
    using Attempt = std::expected<transport::Handshaken, Failed>;
    struct Held {
        kj::Own<Session> session;
        transport::SealedStream* stream;  // the session's
        LinkFacts facts;
        MonoTime since;
        std::uint64_t number;
        seal::PeerIdentity who;
        std::string address;  // where it says it can be dialled
        Tenure tenure;
        std::optional<seal::PublicKey> next_key{};  // that the peer has said it will have
    };
    MonoTime mono_now() const { return clock_.mono_now(); }
    WallTime wall_now() const { return clock_.wall_now(); }
    void taskFailed(kj::Exception&& e) override;
    kj::Promise<Attempt> attempt(const membership::Dial& dial);
    kj::Promise<Attempt> attempt_at(const std::string& address, const NodeId& expect);
    kj::Promise<Attempt> late(const membership::Dial& dial);
    void dial_seed(const membership::Dial& dial);
    kj::Promise<Attempt> attempt_seed(const membership::Dial& dial);
    class Race;
    kj::Promise<Attempt> first_of(std::vector<std::string> addresses);
    bool knows(const std::string& address) const;
    kj::Promise<Attempt> shake(kj::Own<kj::AsyncIoStream> stream, const NodeId& expect);
    void dialled(const membership::Dial& dial, Attempt attempt);
    kj::Promise<void> accept_loop(kj::ConnectionReceiver& listener);
    kj::Promise<void> local_loop(kj::ConnectionReceiver& listener,
                                 kj::Function<::capnp::Capability::Client()>& bootstrap);
    void accepted(kj::Own<kj::AsyncIoStream> stream);
    void welcome(transport::Handshaken done, const std::string& host, const std::string& address);
    void renew(const NodeId& peer, Held& held, MonoTime now);
    void renewed(const NodeId& peer, std::uint64_t number, Attempt attempt);
    void refuse(transport::Handshaken done, const std::string& address, const Error& why);
    void refuse_revoked(transport::Handshaken done, const std::string& address);
    void turn_away(transport::Handshaken done, const Error& why);
    bool is_outlived(const transport::Handshaken& done) const;
    void tell_of_newer(transport::Handshaken done);
    // Ends it then, or after as long as a handshake may take.
    void hold_until(kj::Promise<void> told, kj::Own<Session> session);
    void welcome_back(transport::Handshaken done, const std::string& address);
    void close(const NodeId& peer, const char* reason, const std::string& message);
    bool taken(const seal::PeerIdentity& who) const;
    bool adopt(transport::Handshaken done, const NodeId& dialler);
    void watch(const NodeId& peer, std::uint64_t number);
    void ended(const NodeId& peer, std::uint64_t number);

    kj::Network& network_;
    kj::Timer& timer_;
    const Clock& clock_;
    seal::RandomSource& random_;
    seeds::Resolver& resolver_;
    seeds::SeedTurns turns_;
    std::set<std::string> dialled_seeds_;  // until the answer is there
    Self self_;
    LinkEvents& events_;
    LinkCounters counters_;
    bool shut_ = false;
    admission::Doorkeeper door_;
    transport::Traffic traffic_;
    Guests guests_;
    std::map<std::uint64_t, kj::Own<Session>> turned_away_;  // until they have heard why
    std::uint64_t next_number_ = 0;
    std::map<NodeId, Held> sessions_;
    kj::TaskSet tasks_;
};

}  // namespace vidai::mesh::rpc
