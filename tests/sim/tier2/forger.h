// SPDX-License-Identifier: Apache-2.0
// Makes what strangers show in a handshake: certificates of which each is wrong in one way, as
// somebody could come by them. Deterministic by its source of randomness. One thread.
#pragma once

#include <memory>
#include <string>

#include "mesh/seal/identity.h"
#include "mesh/seal/keys.h"
#include "schema/vocabulary/time.h"
#include "tests/sim/tier2/story.h"

namespace vidai::sim {

class Forger {
  public:
    using Shown = std::shared_ptr<const mesh::seal::Credentials>;

    // Of the mesh whose files lie in `folder`.
    Forger(const std::string& folder, WallTime now, mesh::seal::RandomSource& random);

    // For a stranger of that kind, kForeign to kObserver. `victim`: a member's own.
    Shown show(Deed deed, const mesh::seal::Credentials& victim, WallTime now);
    // The good certificate whose key operators revoke.
    const Shown& ghost() const { return ghost_; }
    const Shown& admin() const { return admin_; }

  private:
    Shown by_root(const mesh::seal::Trust& as, mesh::seal::NodeCertificate says);

    const mesh::seal::Root root_;
    const Shown admin_;
    mesh::seal::RandomSource& random_;
    Shown ghost_;
};

}  // namespace vidai::sim
