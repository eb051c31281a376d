// SPDX-License-Identifier: Apache-2.0
// Standing: whether this node has anybody to speak with, and whether it was told that the mesh has
// no place for it. A node that is alone may serve by its own counts and keys, for a partition must
// not stop it, but it says so, again and again; one that was told why it is turned away is no part
// of the mesh and does not serve. Whoever turns a node away proves to be a member, and is believed
// only while no other member takes its connections. Pure; mesh thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "mesh/membership/membership.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

// The reasons that a peer may give and we act on: mesh/rpc/refusals.h has them all.
inline constexpr const char* kSameNodeId = "same_node_id";
inline constexpr const char* kCertificateRevoked = "certificate_revoked";

// How attempts to speak with a peer failed; the names are a metric's labels.
enum class Failing : std::uint8_t { kRefused, kUnreachable, kRejected, kClosed };
inline constexpr std::array<std::string_view, 4> kFailingNames = {"refused", "unreachable",
                                                                  "rejected", "closed"};

class Standing {
  public:
    static constexpr std::chrono::seconds kTaken{2};  // a connection that holds so long is one
    static constexpr std::chrono::milliseconds kHeld{200};  // one that is refused does not
    static constexpr std::chrono::seconds kAlone{5};        // without one: alone
    static constexpr std::chrono::seconds kAgain{60};       // between two warnings
    static constexpr std::chrono::seconds kSoughtFresh{30};

    Standing(NodeId self, MonoTime now) : self_(std::move(self)), lonely_since_(now) {}

    void connected(const NodeId& peer, MonoTime now);
    void disconnected(const NodeId& peer, membership::LinkEnd end, MonoTime now);
    void dial_failed(const membership::Dial& dial, membership::DialFailure failure,
                     const Error& why, MonoTime now);
    // What a member says who then closes; false: a reason that we do not know.
    bool turned_away(const NodeId& by, std::string_view reason);
    // Each second. `members`: others are known that have not left. A warning when one is due.
    std::optional<std::string> look(bool members, MonoTime now);

    // Empty: it is not. For a person, with what to do.
    const std::string& alone() const { return alone_; }
    const std::string& refusal() const { return refusal_; }
    // Of the last attempt that failed, since somebody took a connection; empty: none did.
    const std::string& last_failure() const { return last_; }
    std::uint64_t failed(Failing how) const { return failed_[static_cast<std::size_t>(how)]; }

  private:
    void note(Failing how, const std::string& where, const std::string& why);

    NodeId self_;
    std::map<NodeId, MonoTime> peers_;  // connected, since when
    MonoTime lonely_since_;
    // When it last tried to have company: a seed could not be dialled, or somebody closed at once.
    std::optional<MonoTime> sought_;
    std::optional<MonoTime> warned_;
    std::string last_, alone_, refusal_;
    std::array<std::uint64_t, kFailingNames.size()> failed_{};
};

}  // namespace vidai::mesh::rpc
