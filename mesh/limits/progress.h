// SPDX-License-Identifier: Apache-2.0
// Progress: how many of one origin's numbered changes this node has, without a gap. An origin
// numbers what it pushes; a batch says from which number to which it tells everything. One that
// begins where this node ends, or before, takes it further; one that begins later leaves a gap,
// which a peer is asked for, and is remembered with those that follow it, so that closing the gap
// takes this node to the newest. A version vector (Parker et al. 1983) is one of these per origin.
// Pure; one thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "schema/base/mutant.h"

namespace vidai::mesh::limits {

// Changes after `since` and up to `upto`; none where those are equal.
struct ChangeRange {
    std::uint64_t since = 0, upto = 0;
    bool empty() const { return upto <= since; }
    friend bool operator==(const ChangeRange&, const ChangeRange&) = default;
};

class Progress {
  public:
    Progress() = default;
    explicit Progress(std::uint64_t have) : have_(have) {}

    std::uint64_t have() const { return have_; }

    // All of `told` has arrived.
    void take(const ChangeRange& told) {
        if (told.empty()) return;
        if (told.since <= have_ || VIDAI_MUTANT("missed-push-forgotten")) {
            have_ = std::max(have_, told.upto);
        } else if (told.since >= beyond_.since && told.since <= beyond_.upto) {
            beyond_.upto = std::max(beyond_.upto, told.upto);
        } else if (told.upto > beyond_.upto) {
            beyond_ = told;
        }
        if (beyond_.since > have_) return;
        have_ = std::max(have_, beyond_.upto);
        beyond_ = {};
    }

  private:
    std::uint64_t have_ = 0;
    ChangeRange beyond_;  // a gap; empty: nothing is
};

}  // namespace vidai::mesh::limits
