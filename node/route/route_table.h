// SPDX-License-Identifier: Apache-2.0
// The route room: from the model a client names to the targets to try, in order. Built once per
// configuration, immutable, read by every worker; a Plan borrows from its table, so hold the
// table (SnapshotReader::share) as long as the plan. Pure. About 50 ns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "node/route/options.h"
#include "schema/base/rng.h"
#include "schema/vocabulary/result.h"

namespace vidai::node::route {

inline constexpr std::size_t kPlanMax = 16;   // targets in one plan
inline constexpr std::size_t kGroupMax = 64;  // targets in one group
inline constexpr std::uint32_t kWeightMax = 1'000;
inline constexpr std::uint32_t kAttemptsMax = 8;

struct Choice {
    const Target* target = nullptr;
    // Small number of the (provider, model) pair, the same in every alias: what health is kept by.
    std::uint16_t endpoint = 0;
};

// Targets in the order to try them. It may list more than attempts_max of them: the first ones
// may be skipped for their health without having been attempts.
class Plan {
  public:
    std::span<const Choice> choices() const { return {choices_.data(), size_}; }
    std::uint32_t attempts_max = 1;
    std::string_view alias;  // what was asked for, in the table's memory

  private:
    friend class RouteTable;
    std::array<Choice, kPlanMax> choices_{};
    std::size_t size_ = 0;
};

class RouteTable {
  public:
    // kConfigInvalid, naming the alias, for: an empty or repeated alias name, no group, an empty
    // or too large group, a weight outside 1 to kWeightMax, a provider index at or beyond
    // `providers`, an empty model, attempts_max outside 1 to kAttemptsMax.
    static Result<RouteTable> make(RouteOptions options, std::size_t providers);

    // Groups in order; within one, weighted random without replacement. kModelNotFound, with
    // param "model", when no alias has that name.
    Result<Plan> plan(std::string_view alias, Rng& rng) const;

    std::span<const Alias> aliases() const { return options_.aliases; }  // as configured
    std::size_t endpoints() const { return endpoints_; }  // Choice::endpoint is below this

  private:
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };
    RouteTable() = default;
    void pick_group(std::size_t alias, std::size_t group, Rng& rng, Plan& plan) const;

    RouteOptions options_;
    std::vector<std::vector<std::vector<std::uint16_t>>> endpoint_of_;  // as options_.aliases
    std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> index_;
    std::size_t endpoints_ = 0;
};

}  // namespace vidai::node::route
