// SPDX-License-Identifier: Apache-2.0
// KeyTable: every client key this node knows, looked up by the 12 characters of its id. Built by
// the mesh thread from the registers and published as a Snapshot<KeyTable>; immutable, so any
// worker reads it without a lock. Entries live as long as the table.
//
// Open addressing over 16-byte cells (id and index), at most half full: one cache line per look-up
// in most cases, about 20 ns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/state/key_record.h"
#include "mesh/state/limit_record.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::state {

inline constexpr std::size_t kKeyIdChars = 12;
using KeyIdChars = std::array<char, kKeyIdChars>;  // of A-Z a-z 0-9

// Nothing unless `text` is 12 of A-Z a-z 0-9.
std::optional<KeyIdChars> parse_key_id(std::string_view text);
inline std::string_view to_view(const KeyIdChars& id) {
    return {id.data(), id.size()};
}

// Whether a record that came from outside is one we may hold: id of the right form, name at most
// 128 bytes, as those of its owner, at most 256 models of 1 to 128 bytes each, at most 8 budgets
// and none of them twice. kInvalidRequest with the field otherwise.
Result<void> validate(const KeyRecord& record);

// A limit that requests by a key stand under, those that name its model where it has one.
struct AppliedLimit {
    std::uint32_t limit = 0;            // index into KeyTable::limits()
    std::optional<std::uint32_t> slot;  // of the CounterTable; none: no slot was free
    friend bool operator==(const AppliedLimit&, const AppliedLimit&) = default;
};

struct KeyEntry {
    KeyRecord record;
    std::optional<std::uint32_t> slot;  // of the CounterTable; none: revoked, or no slot was free
    std::vector<AppliedLimit> limits{};
};

class KeyTable {
  public:
    using HashSeed = std::array<std::uint64_t, 2>;

    KeyTable() = default;
    // Records are valid() and their ids distinct. Nobody may guess the seed who chooses ids.
    explicit KeyTable(std::vector<KeyEntry> entries, HashSeed seed = random_seed());
    // With the limits that entries name by their place.
    KeyTable(std::vector<KeyEntry> entries, std::vector<LimitRecord> limits)
        : KeyTable(std::move(entries)) {
        limits_ = std::move(limits);
    }

    const KeyEntry* find(const KeyIdChars& id) const;  // null when unknown
    std::span<const KeyEntry> entries() const { return entries_; }
    std::span<const LimitRecord> limits() const { return limits_; }
    std::size_t probes_max() const { return probes_max_; }  // cells that a find() may look at

  private:
    static HashSeed random_seed();
    struct IndexCell {
        KeyIdChars id{};
        std::uint32_t entry_plus_one = 0;  // 0: free
    };
    std::vector<KeyEntry> entries_;
    std::vector<LimitRecord> limits_;
    std::vector<IndexCell> index_;  // a power of two
    HashSeed seed_{};
    std::size_t probes_max_ = 0;
};

}  // namespace vidai::mesh::state
