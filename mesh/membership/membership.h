// SPDX-License-Identifier: Apache-2.0
// Who is in the mesh: SWIM (Das, Gupta, Motivala 2002) with Lifeguard (Dadgar, Phillips, Currey
// 2017) as a sans-IO core over persistent connections. Inputs in, effects out; it owns no clock,
// thread, socket, log or key. Its promises:
//  - A member is alive or left by its own signed word only, dead only after this mesh's suspicion,
//    and every accusation can be refuted. Precedence: version, then left > dead > suspect > alive.
//  - Liveness comes from answered probes only, never from hearsay.
//  - The roster forgets nobody whom no operator removed: who is dead, gone or unreachable is
//    dialled for ever.
//  - An address is an attribute: a member may return anywhere, and two may claim one address.
//
// Contract: `now` never decreases; every effect is performed in order; messages passed to
// on_message() came from an authenticated peer whose id is `from`. An input appends at most
// O(members) effects and allocates at most O(members). Mesh thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mesh/membership/claim.h"
#include "mesh/membership/effects.h"
#include "mesh/membership/message.h"
#include "mesh/membership/options.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::membership {

// How a connection ended.
enum class LinkEnd : std::uint8_t {
    kClosed,   // FIN, RST, or the sealed farewell: the other side said so
    kTimeout,  // TCP_USER_TIMEOUT or an unanswered application ping: nobody said anything
    kLocal,    // we closed it (duplicate, protocol error, revoked)
};

enum class DialFailure : std::uint8_t {
    kRefused,      // ECONNREFUSED on a fresh dial, and nothing else
    kUnreachable,  // ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, no such name, no answer in time
    kRejected,     // connected, but the handshake failed, or somebody else (or we) answered
};

struct MemberView {
    NodeId id;
    Status status = Status::kJoining;
    std::string address;
    Generation generation;
    Incarnation incarnation;
    WireRange wire;
    Profile profile;
    MonoTime since;   // when this node first held that status
    Duration rtt{0};  // smoothed, from direct probes; 0: none yet
    bool connected = false;
    bool self = false;
    bool aged =
        false;  // gone for so long that it is dialled once a minute and otherwise left alone
};

// Monotone; for metrics.
struct Counters {
    std::uint64_t probes = 0, probes_failed = 0, indirect_probes = 0, nacks = 0;
    std::uint64_t suspicions = 0, refutations = 0, deaths = 0, pauses = 0;
    std::uint64_t rumors_sent = 0, claims_rejected = 0, members_refused = 0;
    // Of the suspicions, by what began them here: a probe of ours, refused dials, another's word.
    std::uint64_t suspicions_probe = 0, suspicions_refused = 0, suspicions_told = 0;
    std::uint64_t links_parted = 0;  // idle connections of a large mesh that this node gave up
};

class Membership {
  public:
    // `roster` is what claims() gave before a restart; each is verified again and dialled. Of those
    // that do not stand any more, as where a certificate expired meanwhile, some addresses are.
    // `address` is HOST:PORT that others dial. `seed` drives every random choice.
    Membership(const Identity& self, std::string address, WireRange wire, Crypto crypto,
               const Options& options, std::uint64_t seed, std::span<const ClaimRef> roster = {});
    ~Membership();
    Membership(Membership&&) noexcept;
    Membership& operator=(Membership&&) = delete;

    // The first input; again whenever the configured seeds change. Dials every seed and every
    // known member. No seed and no roster: a mesh of one. A seed may resolve to this very node.
    void join(MonoTime now, std::vector<std::string> seeds, Effects& out);
    // Says goodbye; kSelfLeft follows. Afterwards this node answers probes and does nothing else;
    // only a greater generation can return.
    void leave(MonoTime now, Effects& out);
    // Attributes that may change during a life; each makes a newer claim.
    void set_address(MonoTime now, std::string address, Effects& out);
    void renew(MonoTime now, const PublicKeyBytes& key, std::uint64_t serial,
               std::string credential, Effects& out);

    // An operator has said so, signed: `id` in the life `up_to` (its incarnation does not matter)
    // and in all before it is gone for good, and is heard again only in a newer one. Never this
    // node.
    void forget(MonoTime now, const NodeId& id, const Version& up_to, Effects& out);

    // A usable, authenticated connection to `peer` exists, whoever dialled. Again when another has
    // replaced it, perhaps from a newer process: no on_disconnected() for the one replaced. The
    // peer's claim comes as its first message, so nothing else need be known of it.
    void on_connected(MonoTime now, const NodeId& peer, Effects& out);
    // The last connection to `peer` is gone.
    void on_disconnected(MonoTime now, const NodeId& peer, LinkEnd end, Effects& out);
    void on_dial_failed(MonoTime now, const Dial& dial, DialFailure failure, Effects& out);
    // A message that fails validate() is counted and ignored.
    void on_message(MonoTime now, const NodeId& from, const Message& message, Effects& out);
    void on_timer(MonoTime now, TimerToken token, Effects& out);

    // This node first, then the others in order of arrival. For snapshots: allocates.
    std::vector<MemberView> members() const;
    // One member's status; kJoining for an unknown id. No allocation.
    Status status_of(const NodeId& id) const;
    Version version_of(const NodeId& id) const;
    ClaimRef claim_of(const NodeId& id) const;  // null for an unknown id
    // All others' claims, to be kept on the volume and given to the next life.
    std::vector<ClaimRef> claims() const;
    const ClaimRef& self() const;
    std::uint32_t health() const;  // Lifeguard's local health multiplier: 0 is well
    const Counters& counters() const;
    // Queued rumors, for the bound that tests hold it to: at most 8 per member.
    std::size_t rumors_queued() const;

  private:
    class Core;
    std::unique_ptr<Core> core_;
};

}  // namespace vidai::mesh::membership
