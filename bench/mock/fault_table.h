// SPDX-License-Identifier: Apache-2.0
// Faults set while running: rules that say which calls they touch, how often and how likely, and
// what they do. Every rule that matches is applied, in the order of their making. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/mock/behaviour.h"
#include "schema/base/rng.h"

namespace vidai::bench::mock {

class FaultTable {
  public:
    static constexpr std::size_t kRulesMax = 256;

    explicit FaultTable(std::uint64_t seed) : rng_(seed) {}

    // {"fault": DIRECTIVES, "model"?, "credential"?, "count"?, "probability"?}; the id of the rule.
    // Errors: kInvalidRequest; kResourceExhausted at kRulesMax.
    Result<std::uint64_t> add(std::string_view json);
    // False when there is no such rule.
    bool remove(std::uint64_t id);
    void clear() { rules_.clear(); }

    void apply(std::string_view credential, std::string_view model, Behaviour& behaviour);
    std::string json() const;

  private:
    struct Rule {
        std::uint64_t id = 0;
        std::string directives;
        std::string model;                  // empty: any
        std::string credential;             // empty: any
        std::optional<std::uint64_t> left;  // calls it will still touch; none: all
        double probability = 1;
        std::uint64_t hits = 0;
    };
    std::vector<Rule> rules_;
    std::uint64_t last_id_ = 0;
    Rng rng_;
};

}  // namespace vidai::bench::mock
