// SPDX-License-Identifier: Apache-2.0
// The inside of Membership, one class over six sources by topic: core.cc (inputs, timers, this
// node itself), verdicts.cc (claims and accusations), probing.cc, sharing.cc (gossip and state
// exchange), links.cc (connections and dials), topology.cc (how many of them). Nothing outside this
// folder includes it.
#pragma once

#include <array>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "mesh/membership/membership.h"
#include "mesh/membership/roster.h"
#include "mesh/membership/rumors.h"
#include "mesh/membership/timing.h"
#include "schema/base/rng.h"

namespace vidai::mesh::membership {

class Membership::Core {
  public:
    Core(const Identity& self, std::string address, WireRange wire, Crypto crypto,
         const Options& options, std::uint64_t seed, std::span<const ClaimRef> roster);

    // Every input of Membership runs inside one turn: the pause check before it, pushing what it
    // made newsworthy after it.
    template <class Input>
    void turn(MonoTime now, Effects& out, Input input) {
        now_ = now;
        out_ = &out;
        check_pause();
        input();
        if (!rumors_.empty()) share();
        out_ = nullptr;
    }

    void join(std::vector<std::string> seeds);
    void leave();
    void set_address(std::string address);
    void renew(const PublicKeyBytes& key, std::uint64_t serial, std::string credential);
    void forget(const NodeId& id, Version up_to);
    void on_connected(const NodeId& peer);
    void on_disconnected(const NodeId& peer, LinkEnd end);
    void on_dial_failed(const Dial& dial, DialFailure failure);
    void on_message(const NodeId& from, const Message& message);
    void on_timer(TimerToken token);

    const Roster& roster() const { return roster_; }
    std::uint32_t health() const { return health_; }
    const Counters& counters() const { return counters_; }
    std::size_t rumors_queued() const { return rumors_.size(); }
    bool aged(const Member& member) const;

  private:
    enum class Timer : std::uint8_t {
        kTick,
        kProbe,
        kRedial,
        kSync,
        kGossip,
        kLinger,
        kRelay,
        kSuspicion,
        kReconnect
    };
    enum class Source : std::uint8_t { kGossip, kSync };
    static constexpr std::size_t kTimersOfOneKind = 6;  // kTick..kLinger
    // The one probe in flight: direct first, then through helpers, decided at the next tick.
    struct Probe {
        bool active = false;
        bool pinged = false;
        std::uint32_t target = 0;
        std::uint64_t seq = 0;
        MonoTime sent;
        std::uint32_t asked = 0;
        std::vector<NodeId> silent;  // asked, and neither ack nor nack came back
        std::vector<NodeId> nacked;
    };
    // Somebody else's probe that we make for them.
    struct Relay {
        NodeId requester;
        std::uint64_t their_seq = 0;
        std::uint64_t our_seq = 0;
        std::uint32_t target = 0;
        MonoTime sent;
    };

    // core.cc
    void check_pause();
    void restate(Claim claim);
    void refute(const NodeId& by);
    void hear_of_self(const Claim& claim);
    bool is_of_later_start(const Claim& claim) const;
    void outgrow(const Claim& claim);
    void worsen_health(std::uint32_t by);
    void improve_health();
    void arm(Timer timer, MonoTime at);  // the one of its kind: overtakes what was armed before
    void arm_member(Timer timer, std::uint32_t index, std::uint32_t generation, MonoTime at);
    void arm_relay(std::uint64_t seq, MonoTime at);
    void arm_suspicion(std::uint32_t index);
    void send(const NodeId& to, Message message);
    void notify(EventKind kind, std::uint32_t index, const NodeId& by = {});
    Member& self() { return roster_[Roster::kSelf]; }
    bool has_left() const { return roster_[Roster::kSelf].status == Status::kLeft; }

    // verdicts.cc
    void hear(const Rumor& rumor, Source source);
    void hear_claim(const ClaimRef& claim, Source source);
    bool is_news(Source source);
    void vouch(std::uint32_t index, const Claim& claim);
    void meet(const ClaimRef& claim);
    void update(std::uint32_t index, const ClaimRef& claim);
    void watch_starts(const ClaimRef& before, const Claim& now);
    void describe(std::uint32_t index, const ClaimRef& claim);
    void hear_accusation(const Accusation& accusation, Source source);
    void accuse(std::uint32_t index, Evidence evidence, const NodeId& by);
    bool answers_us(const Member& member) const;
    bool refuses(const Member& member) const;
    bool all_refuse() const;
    void decide(std::uint32_t index);
    void declare_dead(std::uint32_t index, const NodeId& by);

    // probing.cc
    void tick();
    void finish_probe();
    std::uint32_t next_target();
    void start_probe(std::uint32_t target, Duration direct);
    void ping(std::uint32_t target, std::uint64_t seq);
    void ask_helpers();
    void probe_soon(std::uint32_t index);
    void learn(Member& member, MonoTime sent);
    void schedule_probing(std::uint32_t index);
    void on_body(const NodeId& from, const Ping& body);
    void on_body(const NodeId& from, const Ack& body);
    void on_body(const NodeId& from, const IndirectPing& body);
    void on_body(const NodeId& from, const Nack& body);
    void on_relay_timer(std::uint32_t seq);

    // sharing.cc
    void share();
    bool may_tell(const NodeId& subject) const;
    void gossip_at(MonoTime at);
    void gossip();
    void push(const std::vector<Rumor>& rumors, std::span<const std::uint32_t> to);
    void sync_with_somebody();
    void request_sync(const NodeId& peer, NodeId& cursor);
    void rumors_about(const Member& member, bool with_claim, std::vector<Rumor>& out) const;
    void on_body(const NodeId& from, const Gossip& body);
    void tell_of_other(const Claim& said);
    void on_body(const NodeId& from, const SyncRequest& body);
    void on_body(const NodeId& from, const SyncReply& body);
    void on_body(const NodeId& from, const SyncDelta& body);
    void compare(const NodeId& from, std::uint32_t index, const Digest& theirs,
                 std::vector<Rumor>& news, std::vector<NodeId>& wanted);
    bool keeps_profiles(const NodeId& peer) const;
    std::vector<std::uint32_t> peers(Status worst, std::uint32_t except = Roster::kNone);

    // links.cc
    void connect(std::uint32_t index);
    void reconnect_later(std::uint32_t index);
    void on_reconnect_timer(std::uint32_t index);
    void redial();
    void redial_aged();
    void dial_seed(const std::string& address);

    // topology.cc
    bool bounded();  // too many members for a connection to each
    void connect_unless_bounded(std::uint32_t index);
    void set_link(std::uint32_t index, Link link);
    void use(const NodeId& peer);
    bool busy(std::uint32_t index) const;
    void review_links();
    void part_with_idle();
    void fill_some();
    void fill_all();
    void on_body(const NodeId& from, const Goodbye& body);

    const Options options_;
    const Duration interval_;
    const Crypto crypto_;
    Rng rng_;
    Roster roster_;
    Rumors rumors_;
    Counters counters_;
    MonoTime now_;
    Effects* out_ = nullptr;  // the running turn's

    bool joined_ = false;
    std::uint32_t health_ = 0;
    MonoTime tick_at_;
    std::array<std::uint32_t, kTimersOfOneKind> armed_{};  // generations: older tokens are stale
    const std::uint64_t first_serial_;                     // of this process
    Version superseded_by_;                                // last told, so that each is told once

    Probe probe_;
    std::uint64_t seq_ = 0;
    std::vector<std::uint32_t> round_;  // shuffled; probed from the back
    std::vector<std::uint32_t> soon_;   // accused by others: probed before the round goes on
    std::vector<Relay> relays_;

    bool gossip_armed_ = false;
    MonoTime gossiped_at_;
    NodeId sync_cursor_;
    MonoTime walked_at_;  // the whole roster was compared with somebody

    std::vector<std::string> seeds_;
    // Of members on the volume whose certificate has expired since: nobody is believed to be there,
    // but while this node is alone, whoever answers may know the others.
    std::vector<std::string> remembered_;
    std::size_t next_seed_ = 0;
    std::uint32_t next_gone_ = 0;
    std::uint32_t next_aged_ = 0;
    bool bounded_ = false;
    std::uint32_t fill_from_ = 0;      // dial from here on; 0: all have been
    std::set<std::uint32_t> linked_;   // members with a connection
    std::set<std::uint32_t> dialing_;  // at most dials_max and the probe's target, where bounded
    std::set<NodeId> strangers_;       // connected, their claim not heard yet
    std::map<NodeId, Version> forgotten_;  // and what of them is not heard any more
    // Of members whose disk was put back, until they know: the word of theirs that says so.
    std::map<NodeId, ClaimRef> set_back_;
};

}  // namespace vidai::mesh::membership
