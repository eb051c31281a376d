// SPDX-License-Identifier: Apache-2.0
// LimitBook: the limits that are resources, which of them each key stands under, and the counters
// that they are counted by: one per limit, or one per value that it tells apart. What a request has
// to look at is found here, when a key or a limit changes, and not when the request comes.
// Pure: no clock, I/O or thread. Mesh thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mesh/limits/counter_store.h"
#include "mesh/state/key_table.h"
#include "mesh/state/limit_record.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::limits {

// Live ones.
inline constexpr std::size_t kLimitsMax = 1'000;
// That one request may stand under, of those for its key and for no model or for its own.
inline constexpr std::size_t kLimitsPerRequest = kClausesMax - kKeyClauses;
// That a key may stand under, whatever the model. Beyond, which only limits that were made at once
// on two nodes can reach, the key's requests are refused.
inline constexpr std::size_t kLimitsPerKey = 64;

class LimitBook {
  public:
    using Limits = std::map<std::string, state::LimitRecord>;  // by id

    explicit LimitBook(CounterStore& counters) : counters_(counters) {}  // which outlives it

    // A new one, a change, or the end of one.
    void put(const state::LimitRecord& limit);
    // Whether limits have changed since take_changed() was asked last: then all keys must be told
    // anew, by apply().
    bool take_changed() { return std::exchange(changed_, false); }

    // The limits that the key stands under, each with its counter; the order of all() numbers them.
    std::vector<state::AppliedLimit> apply(const state::KeyRecord& key);
    // After apply() for every live key: the counters that none of them uses are given back.
    void sweep(MonoTime now);

    const Limits& all() const { return limits_; }  // that are not deleted
    // By name or id: none, one, or several that were given one name at once on two nodes.
    std::vector<const state::LimitRecord*> find(const std::string& name) const;

    // The most of them that any request by the key may stand under.
    std::size_t most_for(const state::KeyRecord& key) const;
    std::size_t most_for(const state::KeyRecord& key, const state::LimitRecord& besides) const;

  private:
    using Place = Limits::const_iterator;
    using Chosen = std::vector<Place>;
    Chosen candidates(const state::KeyRecord& key) const;
    static std::size_t most(const std::vector<const state::LimitRecord*>& limits);
    void index();

    CounterStore& counters_;
    Limits limits_;
    // By the narrowest field of a key that a limit compares, and those that compare none.
    std::array<std::map<std::string, Chosen>, 4> by_field_;
    Chosen general_;
    std::map<std::string, std::uint32_t> numbers_;  // in the order of all()
    std::set<KeyId> used_, kept_;                   // counters, since the last sweep and before
    bool changed_ = false;
};

}  // namespace vidai::mesh::limits
