// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/key_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <utility>

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

// Ids are random and made by us, so mixing their bits is enough; nobody chooses what is in the
// table by choosing what to ask for.
std::size_t hash_of(const KeyIdChars& id) {
    std::uint64_t head = 0;
    std::uint32_t tail = 0;
    std::memcpy(&head, id.data(), sizeof head);
    std::memcpy(&tail, id.data() + sizeof head, sizeof tail);
    const std::uint64_t mixed = (head ^ std::rotl(std::uint64_t{tail}, 29)) * 0x9e3779b97f4a7c15;
    return mixed ^ (mixed >> 32);
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
    return {};
}

KeyTable::KeyTable(std::vector<KeyEntry> entries)
    : entries_(std::move(entries)), index_(std::bit_ceil(2 * entries_.size() + 1)) {
    const std::size_t mask = index_.size() - 1;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const std::optional<KeyIdChars> id = parse_key_id(entries_[i].record.id.str());
        CHECK(id, "validate() was not asked");
        std::size_t at = hash_of(*id) & mask;
        for (; index_[at].entry_plus_one != 0; at = (at + 1) & mask) {
            CHECK(index_[at].id != *id, "the same key twice");
        }
        index_[at] = {*id, static_cast<std::uint32_t>(i + 1)};
    }
}

const KeyEntry* KeyTable::find(const KeyIdChars& id) const {
    if (index_.empty()) return nullptr;
    const std::size_t mask = index_.size() - 1;
    for (std::size_t at = hash_of(id) & mask;; at = (at + 1) & mask) {
        const IndexCell& cell = index_[at];
        if (cell.entry_plus_one == 0) return nullptr;
        if (cell.id == id) return &entries_[cell.entry_plus_one - 1];
    }
}

}  // namespace vidai::mesh::state
