// SPDX-License-Identifier: Apache-2.0
// A limit as a resource of its own, as it is replicated: whom it is for, how much of what in which
// window, and what becomes of it when the network splits. A value; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "mesh/state/key_record.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::state {

// What is known of a request: by its key, but for the model that it names and the provider, whose
// credential it is made with.
enum class ScopeField : std::uint8_t { kKey, kUser, kTeam, kProject, kModel, kProvider };
inline constexpr std::size_t kScopeFields = 6;
std::string_view scope_field_name(ScopeField field);  // "key", ...

// For requests of which every field that is named here is equal; with `each`, of those fields every
// value has a counter of its own, and a request without one is not concerned. Nothing named: all.
struct LimitScope {
    std::array<std::string, kScopeFields> equal;
    std::uint8_t each = 0;  // bits of fields of a key

    const std::string& operator[](ScopeField field) const {
        return equal[static_cast<std::size_t>(field)];
    }
    bool is_each(ScopeField field) const {
        return (each >> static_cast<unsigned>(field) & 1U) != 0;
    }
    friend bool operator==(const LimitScope&, const LimitScope&) = default;
};
std::string to_text(const LimitScope& scope);  // "team=ml,each key", or "all"

enum class LimitUnit : std::uint8_t { kRequests, kTokens, kConcurrency };
enum class LimitMode : std::uint8_t {
    kOptimistic,  // under a split each side may spend it
    kFairShare,   // under a split a side may spend the share of the nodes that it sees
    kEscrow,      // leased from one owner; needs the engine of budgets: refused until it is there
};
std::string_view limit_unit_name(LimitUnit unit);  // "requests", ...
std::string_view limit_mode_name(LimitMode mode);  // "optimistic", ...

struct LimitRecord {
    std::string id;    // "lim-" and 12 of A-Z a-z 0-9; made with it, and never used again
    std::string name;  // 1 to 64 of a-z 0-9 . _ -, not in the form of a key's id nor of a limit's
    LimitScope scope;
    LimitUnit unit = LimitUnit::kRequests;
    std::uint64_t amount = 0;   // at most kAmountMax
    std::uint32_t span_s = 60;  // of its window, a second to a day; 60 for concurrency
    bool fixed = false;         // the window; else it slides
    std::uint64_t burst = 0;    // so much at once on one node, then at an even pace; 0: all of it
    LimitMode mode = LimitMode::kOptimistic;
    WallTime created;
    bool deleted = false;
    friend bool operator==(const LimitRecord&, const LimitRecord&) = default;
};
inline constexpr std::uint64_t kAmountMax = (std::uint64_t{1} << 38) - 1;
inline constexpr std::string_view kLimitIdPrefix = "lim-";

// Whether a record that came from outside is one we may hold; kInvalidRequest with the field
// otherwise, and what to do.
Result<void> validate(const LimitRecord& record);
// Of one that an operator asks for here besides, that this program enforces all of it.
Result<void> check_supported(const LimitRecord& record);

std::string new_limit_id();

// Whether requests by the key, whatever their model, may be concerned.
bool concerns(const LimitScope& scope, const KeyRecord& key);

// Where what is counted of a limit for requests by the key is counted: by its fields `each`. It has
// the form of a key's id, by which counters are named among nodes, and is another one where the
// unit or the window is.
KeyId counter_of(const LimitRecord& limit, const KeyRecord& key);
// And for people: the values, "key=abc,team=ml"; empty where there is one counter.
std::string counted_for(const LimitRecord& limit, const KeyRecord& key);

}  // namespace vidai::mesh::state
