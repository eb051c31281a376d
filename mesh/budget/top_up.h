// SPDX-License-Identifier: Apache-2.0
// Top-ups: money beside a budget's limit, for a while. In its owner's log, so that they pass to
// heirs with the budget; they end by an entry too, because no clock decides what may be spent.
// Value types; any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "schema/vocabulary/time.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh::budget {

inline constexpr std::size_t kTopUpsMax = 16;      // of one budget that are open
inline constexpr std::size_t kTopUpIdMax = 32;     // bytes: lower case letters, digits and -
inline constexpr std::size_t kTopUpNoteMax = 200;  // bytes
// Of one: a thousand million dollars.
inline constexpr MicroUsd kTopUpMost{1'000'000'000'000'000};
inline constexpr WallTime kTopUpLatest{std::chrono::days(3'000 * 366)};  // the year 4976

struct TopUp {
    MicroUsd amount;     // above 0, at most kTopUpMost
    WallTime until{};    // it ends once its owner's clock is past that
    std::string note{};  // for people: no control characters
    friend bool operator==(const TopUp&, const TopUp&) = default;
};
inline bool is_top_up_id(std::string_view id) {
    return !id.empty() && id.size() <= kTopUpIdMax && std::ranges::all_of(id, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}
inline bool is_top_up(const TopUp& one) {
    const auto controls = [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; };
    if (std::ranges::any_of(one.note, controls)) return false;
    return one.amount.value > 0 && one.amount <= kTopUpMost && one.until > WallTime{} &&
           one.until <= kTopUpLatest && one.note.size() <= kTopUpNoteMax;
}

// Of one budget.
struct TopUps {
    std::map<std::string, TopUp> open;  // by id, at most kTopUpsMax
    // Ids of the last kTopUpsMax that have ended, the oldest first: a word that comes late, or
    // twice, opens none of them again.
    std::vector<std::string> ended;

    bool knows(const std::string& id) const {
        return open.contains(id) || std::ranges::find(ended, id) != ended.end();
    }
    void end(const std::string& id) {
        if (open.erase(id) == 0) return;
        if (ended.size() == kTopUpsMax) ended.erase(ended.begin());
        ended.push_back(id);
    }
    void end_all() {
        while (!open.empty()) end(std::string(open.begin()->first));
    }
    MicroUsd sum() const {
        MicroUsd sum;
        for (const auto& [id, one] : open) sum += one.amount;
        return sum;
    }
    friend bool operator==(const TopUps&, const TopUps&) = default;
};

// Both are at least 0; no more than fits.
inline MicroUsd capped_sum(MicroUsd a, MicroUsd b) {
    constexpr MicroUsd kMost{std::numeric_limits<std::int64_t>::max()};
    return a > kMost - b ? kMost : a + b;
}

}  // namespace vidai::mesh::budget
