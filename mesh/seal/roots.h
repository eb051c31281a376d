// SPDX-License-Identifier: Apache-2.0
// Roots: whom a node believes, now and for what was signed before. A mesh begins with one root;
// each later one is named by the root before it and accepts to follow it, both by signature
// (mesh/state/succession.h verifies them). The old root is believed beside the new one until the
// date that was stated; afterwards it only vouches for what operators said in its time. The path
// from the oldest to the newest root leads through the one that a node was given, its anchor.
// docs/security.md, section 4. Pure: the time is an argument. One thread writes it, the same reads.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "mesh/seal/certificate.h"
#include "mesh/seal/keys.h"
#include "mesh/seal/refusal.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::seal {

// `from` hands over to `to`.
struct Succession {
    PublicKey from, to;
    WallTime began;  // when the roll-over was decided: of two by one root the earlier one counts
    WallTime until;  // from then on `from` is not believed any more
    friend bool operator==(const Succession&, const Succession&) = default;
};

// More than anybody rolls over in the time that they are remembered.
inline constexpr std::size_t kRootsMax = 16;
// As long as what operators said under the old root stays in force, and a node may have been off.
inline constexpr std::chrono::days kSuccessionMemory{400};

class Roots {
  public:
    explicit Roots(const Trust& anchor) : mesh_(anchor.mesh), path_{{anchor.root, {}, {}}} {}

    enum class Added : std::uint8_t {
        kTaken,        // the path is longer, or the old root's date another one
        kUnconnected,  // neither of its roots is one of ours
        kFull,         // kRootsMax are known
    };
    // Verified before, and what this node goes by: another one of the same old root is replaced,
    // and with it all that followed. `evidence` is what tells others of it, opaque here.
    Added add(const Succession& said, Bytes evidence);
    // Forgets those that have been over for kSuccessionMemory; the newest root is the anchor then.
    void collect(WallTime now);

    const MeshId& mesh() const { return mesh_; }
    Trust newest() const { return {mesh_, path_.back().root}; }
    std::size_t size() const { return path_.size(); }
    bool knows(const PublicKey& root) const { return find(root) != path_.size(); }
    bool believes(const PublicKey& root, WallTime now) const;
    // When it stops to be believed; nothing: not for all we know.
    std::optional<WallTime> until(const PublicKey& root) const;
    // From the newest to the oldest, for whoever must try.
    std::vector<PublicKey> all() const;
    // What tells the way from `root` towards the newest, of at most `bytes_max` bytes.
    Bytes evidence_from(const PublicKey& root, std::size_t bytes_max) const;

    // As the function of that name, under any root that is believed now; kRootRetired where it
    // would be valid under one that is not any more.
    Checked<PeerIdentity> verify_chain(WallTime now, ByteView chain) const;
    // As of `then`, under any root that this node knows of: for what was signed in the past.
    Checked<PeerIdentity> verify_recorded(WallTime then, ByteView chain) const;

  private:
    struct Link {
        PublicKey root;
        std::optional<Succession> next;  // none: it is the newest
        Bytes evidence;                  // of `next`
    };
    std::size_t find(const PublicKey& root) const;

    MeshId mesh_;
    std::vector<Link> path_;  // oldest first, never empty
};

}  // namespace vidai::mesh::seal
