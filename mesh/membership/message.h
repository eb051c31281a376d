// SPDX-License-Identifier: Apache-2.0
// What members say to each other, as plain values: mesh/wire packs them, mesh/seal protects them,
// and validate() is asked before the core sees one that came from a peer. SWIM (Das, Gupta,
// Motivala 2002) with Lifeguard's nack and buddy notice (Dadgar, Phillips, Currey 2017). Any
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "mesh/membership/claim.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::membership {

inline constexpr std::size_t kRumorsPerMessage = 32;    // at most 37 KiB packed
inline constexpr std::size_t kDigestsPerMessage = 256;  // at most 24 KiB packed

// One line of a roster.
struct Digest {
    NodeId id;
    Version version{};
    Status status = Status::kAlive;
    bool described = false;  // the claim has its profile with it
    friend bool operator==(const Digest&, const Digest&) = default;
};

// "Are you there?" `target` is what the sender thinks of the receiver, so that a suspect hears it
// from the probe itself and can refute at once (Lifeguard's buddy notice).
struct Ping {
    std::uint64_t seq = 0;
    Digest target;
};
struct Ack {
    std::uint64_t seq = 0;  // of the Ping, or of the IndirectPing that this answers
};
// "I hear nothing from `target`: ping it for me." Answered by an Ack when it answered, else by a
// Nack, which says: I am here and can be reached, and I did not get through to it either.
struct IndirectPing {
    std::uint64_t seq = 0;
    NodeId target;
};
struct Nack {
    std::uint64_t seq = 0;
};

// "I close this connection for want of use." The receiver closes it; the end of a connection that
// had a Goodbye, on either side, is no evidence of anything.
struct Goodbye {};

using Rumor = std::variant<ClaimRef, Accusation>;  // a ClaimRef in a message is never null
struct Gossip {
    std::vector<Rumor> rumors;  // 1..kRumorsPerMessage
};

// State exchange over a range of ids, in three messages; a large roster is walked in several
// ranges. The request carries the sender's digests of [first, end) (empty: no bound), ascending.
// The reply carries what the requester lacks and asks for what it has newer; the delta answers
// that. Unlike a rumor, a `dead` learned here is taken as a suspicion only: it may be as old as the
// partition that just healed.
struct SyncRequest {
    NodeId first, end;
    std::vector<Digest> digests;  // 0..kDigestsPerMessage
};
struct SyncReply {
    std::vector<Rumor> rumors;   // 0..kRumorsPerMessage; more go in more replies
    std::vector<NodeId> wanted;  // 0..kDigestsPerMessage
};
struct SyncDelta {
    std::vector<Rumor> rumors;  // 1..kRumorsPerMessage
};

using Message =
    std::variant<Ping, Ack, IndirectPing, Nack, Gossip, SyncRequest, SyncReply, SyncDelta, Goodbye>;

std::string_view message_name(const Message& message);  // "ping", "sync_reply", ...

// True for what must never wait behind bulk: probes and their answers.
bool is_urgent(const Message& message);

// Bounds and form only: counts, lengths, ids, verdicts, order. kProtocol with the field at fault.
Result<void> validate(const Message& message);
Result<void> validate(const Claim& claim);

}  // namespace vidai::mesh::membership
