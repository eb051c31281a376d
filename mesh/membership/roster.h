// SPDX-License-Identifier: Apache-2.0
// Everybody this node has ever heard of. Only a signed removal takes an entry out; its slot serves
// whoever is met next, so an index stays in range for the roster's life; entry 0 is this node.
// An entry is small, because the simulator holds a roster of five thousand for each of as many.
// Not thread-safe; part of the membership core.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "mesh/membership/claim.h"
#include "mesh/membership/timing.h"

namespace vidai::mesh::membership {

// Who accuses a suspect, and since when the clock runs.
struct Suspicion {
    MonoTime started;
    SuspicionTimes times;
    std::vector<std::pair<NodeId, Evidence>> accusers;  // at most times.expected + 3

    std::uint32_t refusers() const;
    // False where this adds nothing: known accuser without stronger evidence, or enough of them.
    bool add(const NodeId& accuser, Evidence evidence);
    MonoTime deadline() const;
};

// Our connection to a member, and how we go about getting one.
struct Link {
    bool up = false;
    bool closed = false;         // the last one was ended by FIN or RST, and none came since
    bool parting = false;        // we have said Goodbye and wait for the other side to close
    MonoTime since{};            // when it came up
    MonoTime used{};             // last message either way; kept in a large mesh only
    MonoTime dialing_until{};    // a dial is under way until its outcome, at most this long
    std::uint32_t failures = 0;  // dials in a row that failed
    std::uint32_t refusals = 0;  // of those after `closed`, how many were refused
    MonoTime first_refusal{};
};

struct Member {
    ClaimRef claim;
    Status status = Status::kJoining;
    MonoTime since;
    MonoTime addressed;                         // when we first heard of its address
    std::unique_ptr<Suspicion> suspicion;       // exactly while kSuspect
    std::shared_ptr<const NodeId> declared_by;  // who concluded that it is dead; null: nobody yet
    Link link;
    RoundTrip rtt;
    bool silent = false;                // our last probe of it failed
    MonoTime answered{};                // the end of its last silence
    MonoTime acked{};                   // when it last answered a probe of ours
    std::uint32_t suspicion_timer = 0;  // generations: older tokens are stale
    std::uint32_t reconnect_timer = 0;
    MonoTime redialled;      // as one of the aged
    MonoTime quiet_until{};  // when its next word may be passed on to all at once
    bool forgotten = false;  // nobody: a free slot

#ifdef VIDAI_MUTANTS
    MonoTime heard_of;  // somebody said that it is alive
#endif

    const NodeId& id() const { return claim->id; }
    const Version& version() const { return claim->version; }
    bool living() const { return status == Status::kAlive || status == Status::kSuspect; }
    bool accused_by(const NodeId& accuser) const;
};

class Roster {
  public:
    explicit Roster(ClaimRef self);

    static constexpr std::uint32_t kSelf = 0;
    static constexpr std::uint32_t kNone = ~0U;
    std::uint32_t find(const NodeId& id) const;  // kNone if unknown
    std::uint32_t add(ClaimRef claim, Status status, MonoTime now);
    // Keeps living() right; clears the suspicion unless `status` is kSuspect.
    void set_status(std::uint32_t index, Status status, MonoTime now);
    // True where `claim` says more than what is known of `index`.
    bool supersedes(const Claim& claim, std::uint32_t index) const;

    Member& operator[](std::uint32_t index) { return members_[index]; }
    const Member& operator[](std::uint32_t index) const { return members_[index]; }
    std::uint32_t size() const { return static_cast<std::uint32_t>(members_.size()); }  // slots
    std::uint32_t known() const { return static_cast<std::uint32_t>(by_id_.size()); }
    // Alive and suspect members, oneself included: the N of the protocol's rules.
    std::uint32_t living() const { return living_; }
    // In order of id, what state exchange walks; and where in it `id` is or would be.
    std::span<const std::uint32_t> by_id() const { return by_id_; }
    std::size_t lower_bound(const NodeId& id) const;
    // Not this node. Timers that run for the member are stale from here on.
    void forget(std::uint32_t index, MonoTime now);

  private:
    std::size_t slot_of(const NodeId& id) const;  // in table_: where it is, or may be put
    void build_table(std::size_t slots);

    std::vector<Member> members_;
    std::vector<std::uint32_t> by_id_;
    // The same for find() alone: open addressing, at most half full, kNone where nobody is.
    std::vector<std::uint32_t> table_;
    std::vector<std::uint32_t> free_;
    std::uint32_t living_ = 1;  // this node counts itself, whatever it has met
};

}  // namespace vidai::mesh::membership
