// SPDX-License-Identifier: Apache-2.0
// Policy: what an operator has decided about a budget besides its limit and its calendar. In its
// owner's log, so that it passes to heirs with the money. Value types; any thread.
#pragma once

#include <optional>

namespace vidai::mesh::budget {

struct Policy {
    // False: what would be refused is counted and let through, and charged all the same.
    bool enforce = true;
    friend bool operator==(const Policy&, const Policy&) = default;
};

// What is not said stays as it is.
struct PolicyChange {
    std::optional<bool> enforce;
    friend bool operator==(const PolicyChange&, const PolicyChange&) = default;
};

inline Policy changed(Policy policy, const PolicyChange& change) {
    policy.enforce = change.enforce.value_or(policy.enforce);
    return policy;
}

}  // namespace vidai::mesh::budget
