// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/limit_record.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include <sodium.h>

#include "mesh/state/key_table.h"

namespace vidai::mesh::state {
namespace {

constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kValueBytesMax = 128;
constexpr std::uint32_t kSpanMaxS = 86'400;
constexpr std::string_view kFieldNames[kScopeFields] = {"key",     "user",  "team",
                                                        "project", "model", "provider"};
constexpr std::string_view kUnitNames[] = {"requests", "tokens", "concurrency"};
constexpr std::string_view kModeNames[] = {"optimistic", "fair_share", "escrow"};
constexpr std::string_view kIdChars =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
// What every key has, or may have: fields that a counter can be told apart by.
constexpr unsigned kEachMask = 0b1111;

std::unexpected<Error> invalid(const char* field, std::string what) {
    return fail(ErrorCode::kInvalidRequest, std::move(what), field);
}

// 62^12 is 2^71: of as many counters as a mesh may have no two meet.
std::string id_of(const std::array<std::uint8_t, 2 * kKeyIdChars>& bytes) {
    std::string id;
    for (std::size_t i = 0; i < kKeyIdChars; ++i) {
        id += kIdChars[(bytes[2 * i] << 8U | bytes[2 * i + 1]) % kIdChars.size()];
    }
    return id;
}

bool is_limit_id(std::string_view text) {
    return text.starts_with(kLimitIdPrefix) &&
           parse_key_id(text.substr(kLimitIdPrefix.size())).has_value();
}

bool is_name(std::string_view name) {
    const auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    };
    return !name.empty() && name.size() <= kNameBytesMax && std::ranges::all_of(name, good) &&
           !parse_key_id(name) && !name.starts_with(kLimitIdPrefix);
}

const std::string& value_of(const KeyRecord& key, std::size_t field) {
    const std::string* const values[] = {&key.id.str(), &key.owner.user, &key.owner.team,
                                         &key.owner.project};
    return *values[field];
}

Result<void> validate_scope(const LimitScope& scope) {
    for (const std::string& value : scope.equal) {
        const bool printable = std::ranges::all_of(
            value, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 127; });
        if (value.size() > kValueBytesMax || !printable) {
            return invalid("scope", "a scope compares with at most 128 printable bytes");
        }
    }
    const std::string& key = scope[ScopeField::kKey];
    if (!key.empty() && !parse_key_id(key)) {
        return invalid("scope", "key= takes a key's id, 12 of A-Z, a-z and 0-9, not '" + key + "'");
    }
    if ((scope.each & ~kEachMask) != 0) {
        return invalid("each", "counters are told apart by key, user, team and project");
    }
    return {};
}

}  // namespace

std::string_view scope_field_name(ScopeField field) {
    return kFieldNames[static_cast<std::size_t>(field)];
}
std::string_view limit_unit_name(LimitUnit unit) {
    return kUnitNames[static_cast<std::size_t>(unit)];
}
std::string_view limit_mode_name(LimitMode mode) {
    return kModeNames[static_cast<std::size_t>(mode)];
}

std::string to_text(const LimitScope& scope) {
    std::string text;
    for (std::size_t i = 0; i < kScopeFields; ++i) {
        if (scope.equal[i].empty()) continue;
        text += (text.empty() ? "" : ",") + std::string(kFieldNames[i]) + "=" + scope.equal[i];
    }
    for (std::size_t i = 0; i < kScopeFields; ++i) {
        if (!scope.is_each(ScopeField{static_cast<std::uint8_t>(i)})) continue;
        text += (text.empty() ? "each " : ",each ") + std::string(kFieldNames[i]);
    }
    return text.empty() ? "all" : text;
}

Result<void> validate(const LimitRecord& record) {
    if (!is_limit_id(record.id)) return invalid("id", "a limit's id is not one");
    if (!is_name(record.name)) {
        return invalid("name",
                       "a limit's name is 1 to 64 of a-z, 0-9, '.', '_' and '-', and neither in "
                       "the form of a key's id, 12 letters and digits, nor of a limit's, lim-...");
    }
    if (auto scope = validate_scope(record.scope); !scope) return scope;
    if (record.unit > LimitUnit::kConcurrency) return invalid("unit", "no such unit of a limit");
    if (record.mode > LimitMode::kEscrow) return invalid("mode", "no such mode of a limit");
    if (record.amount > kAmountMax) {
        return invalid("amount", "a limit is at most " + std::to_string(kAmountMax));
    }
    if (record.span_s == 0 || record.span_s > kSpanMaxS) {
        return invalid("window", "a window lasts from a second to a day");
    }
    const bool windowed = record.unit != LimitUnit::kConcurrency;
    if (!windowed && (record.span_s != 60 || record.fixed || record.burst > 0)) {
        return invalid("window", "concurrency has neither a window nor a burst");
    }
    if (record.burst > record.amount) {
        return invalid("burst", "a burst is at most the limit itself");
    }
    return {};
}

Result<void> check_supported(const LimitRecord& record) {
    if (record.mode == LimitMode::kEscrow) {
        return invalid("mode",
                       "mode escrow needs the engine of hard budgets, which this version has not; "
                       "take optimistic or fair_share");
    }
    if (!record.scope[ScopeField::kProvider].empty()) {
        return invalid("scope",
                       "limits of a provider are not enforced in this version; name its model");
    }
    return {};
}

std::string new_limit_id() {
    std::array<std::uint8_t, 2 * kKeyIdChars> bytes;
    randombytes_buf(bytes.data(), bytes.size());
    return std::string(kLimitIdPrefix) + id_of(bytes);
}

bool concerns(const LimitScope& scope, const KeyRecord& key) {
    for (std::size_t field = 0; field <= static_cast<std::size_t>(ScopeField::kProject); ++field) {
        const std::string& value = value_of(key, field);
        if (!scope.equal[field].empty() && scope.equal[field] != value) return false;
        if ((scope.each >> field & 1U) != 0 && value.empty()) return false;
    }
    return true;
}

KeyId counter_of(const LimitRecord& limit, const KeyRecord& key) {
    std::string text = "counter of " + limit.id + " " + std::string(limit_unit_name(limit.unit)) +
                       " " + std::to_string(limit.span_s);
    for (std::size_t field = 0; field <= static_cast<std::size_t>(ScopeField::kProject); ++field) {
        if ((limit.scope.each >> field & 1U) == 0) continue;
        const std::string& value = value_of(key, field);
        text += " " + std::to_string(field) + ":" + std::to_string(value.size()) + ":" + value;
    }
    std::vector<unsigned char> said(text.begin(), text.end());
    std::array<std::uint8_t, 2 * kKeyIdChars> hash;
    crypto_generichash(hash.data(), hash.size(), said.data(), said.size(), nullptr, 0);
    return KeyId(id_of(hash));
}

std::string counted_for(const LimitRecord& limit, const KeyRecord& key) {
    std::string text;
    for (std::size_t field = 0; field <= static_cast<std::size_t>(ScopeField::kProject); ++field) {
        if ((limit.scope.each >> field & 1U) == 0) continue;
        text += (text.empty() ? "" : ",") + std::string(kFieldNames[field]) + "=" +
                value_of(key, field);
    }
    return text;
}

}  // namespace vidai::mesh::state
