// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/budget_table.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::budget {
namespace {

std::size_t hash_of(std::string_view id) {
    return std::hash<std::string_view>{}(id);
}

std::size_t shard_of(std::size_t hash) {
    return hash % BudgetTable::kShards;
}

// The row of that id, or where it belongs.
template <class Rows>
auto find_row(Rows& rows, std::size_t hash, std::string_view id, bool& found) {
    auto at = std::ranges::lower_bound(rows, hash, {}, [](const auto& row) { return row.hash; });
    while (at != rows.end() && at->hash == hash && at->entry->id.str() != id) ++at;
    found = at != rows.end() && at->hash == hash;
    return at;
}

}  // namespace

std::string_view state_name(BudgetEntry::State state) {
    using enum BudgetEntry::State;
    switch (state) {
        case kOpen:
            return "open";
        case kUnknown:
            return "unknown";
        case kExhausted:
            return "exhausted";
        case kOwnerUnreachable:
            return "owner_unreachable";
        case kNoCustodian:
            return "no_custodian";
        case kTakeover:
            return "takeover";
        case kLogFrozen:
            return "log_frozen";
        case kLogLost:
            return "log_lost";
        case kClock:
            return "clock";
        case kDeleted:
            return "deleted";
    }
    CHECK(false, "a State outside the enumeration");
}

BudgetTable BudgetTable::with(std::span<const BudgetEntry> changed,
                              std::span<const BudgetId> forgotten) const {
    BudgetTable next = *this;
    std::array<std::shared_ptr<Shard>, kShards> copies;
    const auto writable = [&](std::size_t hash) -> Shard& {
        const std::size_t at = shard_of(hash);
        if (!copies[at]) {
            const auto& old = next.shards_[at];
            copies[at] = old ? std::make_shared<Shard>(*old) : std::make_shared<Shard>();
            next.shards_[at] = copies[at];
        }
        return *copies[at];
    };
    bool found = false;
    for (const BudgetEntry& entry : changed) {
        const std::size_t hash = hash_of(entry.id.str());
        Shard& shard = writable(hash);
        const auto at = find_row(shard, hash, entry.id.str(), found);
        auto made = std::make_shared<const BudgetEntry>(entry);
        if (found) {
            at->entry = std::move(made);
        } else {
            shard.insert(at, {hash, std::move(made)});
            ++next.size_;
        }
    }
    for (const BudgetId& id : forgotten) {
        const std::size_t hash = hash_of(id.str());
        Shard& shard = writable(hash);
        const auto at = find_row(shard, hash, id.str(), found);
        if (!found) continue;
        shard.erase(at);
        --next.size_;
    }
    return next;
}

const BudgetEntry* BudgetTable::find(std::string_view id) const {
    const std::size_t hash = hash_of(id);
    const auto& shard = shards_[shard_of(hash)];
    if (!shard) return nullptr;
    bool found = false;
    const auto at = find_row(*shard, hash, id, found);
    return found ? at->entry.get() : nullptr;
}

}  // namespace vidai::mesh::budget
