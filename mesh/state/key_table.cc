// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/key_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include <sodium.h>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::state {
namespace {

constexpr std::size_t kNameBytesMax = 128;
constexpr std::size_t kModelsMax = 256;
constexpr std::size_t kModelBytesMax = 128;

// Without branches on what was sent, which no predictor could guess.
bool is_key_id_char(char c) {
    const auto byte = static_cast<unsigned char>(c);
    const unsigned letter = (byte | 0x20U) - 'a';
    return static_cast<bool>(static_cast<unsigned>(letter < 26) |
                             static_cast<unsigned>(byte - unsigned{'0'} < 10));
}

// One multiplication, as wyhash mixes. A peer chooses the ids of the keys that it writes, and would
// choose some that fall together, but for what it does not know.
std::size_t hash_of(const KeyIdChars& id, const KeyTable::HashSeed& seed) {
    std::uint64_t head = 0;
    std::uint32_t tail = 0;
    std::memcpy(&head, id.data(), sizeof head);
    std::memcpy(&tail, id.data() + sizeof head, sizeof tail);
    __extension__ using Product = unsigned __int128;
    const Product product = static_cast<Product>(head ^ seed[0]) * (tail ^ seed[1]);
    return static_cast<std::size_t>(product ^ (product >> 64U));
}

}  // namespace

std::optional<KeyIdChars> parse_key_id(std::string_view text) {
    if (text.size() != kKeyIdChars) return std::nullopt;
    bool good = true;
    for (const char c : text) good &= is_key_id_char(c);
    if (!good) return std::nullopt;
    KeyIdChars id;
    std::ranges::copy(text, id.begin());
    return id;
}

Result<void> validate(const KeyRecord& record) {
    if (!parse_key_id(record.id.str())) {
        return fail(ErrorCode::kInvalidRequest, "a key id is 12 of A-Z, a-z and 0-9", "id");
    }
    if (record.name.size() > kNameBytesMax) {
        return fail(ErrorCode::kInvalidRequest, "a key's name is at most 128 bytes", "name");
    }
    const auto bad = [](const std::string& model) {
        return model.empty() || model.size() > kModelBytesMax;
    };
    if (record.models.size() > kModelsMax || std::ranges::any_of(record.models, bad)) {
        return fail(ErrorCode::kInvalidRequest,
                    "a key allows at most 256 models, each named by 1 to 128 bytes", "models");
    }
    const std::vector<BudgetId>& budgets = record.budgets;
    if (budgets.size() > kKeyBudgetsMax) {
        return fail(ErrorCode::kInvalidRequest, "a key stands under at most 8 budgets", "budgets");
    }
    for (auto at = budgets.begin(); at != budgets.end(); ++at) {
        if (const auto named = parse_budget_id(at->str()); !named) {
            return fail(ErrorCode::kInvalidRequest, named.error().message, "budgets");
        }
        if (std::find(budgets.begin(), at, *at) != at) {
            return fail(ErrorCode::kInvalidRequest,
                        "a key stands under a budget once: " + at->str() + " is named twice",
                        "budgets");
        }
    }
    for (const std::string* name :
         {&record.owner.user, &record.owner.team, &record.owner.project}) {
        if (name->size() <= kNameBytesMax) continue;
        return fail(ErrorCode::kInvalidRequest,
                    "the names of a key's user, team and project are at most 128 bytes each",
                    "owner");
    }
    return {};
}

KeyTable::HashSeed KeyTable::random_seed() {
    HashSeed seed;
    randombytes_buf(seed.data(), sizeof seed);
    return seed;
}

KeyTable::KeyTable(std::vector<KeyEntry> entries, HashSeed seed)
    : entries_(std::move(entries)), index_(std::bit_ceil(2 * entries_.size() + 1)), seed_(seed) {
    const std::size_t mask = index_.size() - 1;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const std::optional<KeyIdChars> id = parse_key_id(entries_[i].record.id.str());
        CHECK(id, "validate() was not asked");
        std::size_t at = hash_of(*id, seed_) & mask, probes = 1;
        for (; index_[at].entry_plus_one != 0; at = (at + 1) & mask, ++probes) {
            CHECK(index_[at].id != *id, "the same key twice");
        }
        probes_max_ = std::max(probes_max_, probes);
        index_[at] = {*id, static_cast<std::uint32_t>(i + 1)};
    }
}

const KeyEntry* KeyTable::find(const KeyIdChars& id) const {
    if (index_.empty()) return nullptr;
    const std::size_t mask = index_.size() - 1;
    for (std::size_t at = hash_of(id, seed_) & mask;; at = (at + 1) & mask) {
        const IndexCell& cell = index_[at];
        if (cell.entry_plus_one == 0) return nullptr;
        if (cell.id == id) return &entries_[cell.entry_plus_one - 1];
    }
}

}  // namespace vidai::mesh::state
