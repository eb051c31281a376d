// SPDX-License-Identifier: Apache-2.0
// Sheet: sums of events by what an operator asks for. Bounded: beyond kGroupsMax rows, what has
// none of its own is summed in `others`, so that the total is right all the same. Sums stop at the
// greatest number instead of wrapping. A value; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/usage/event.h"
#include "mesh/usage/numbers.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::usage {

enum class Field : std::uint8_t {
    kUser,
    kTeam,
    kProject,
    kKey,
    kModel,
    kProvider,
    kTarget,
    kEndpoint
};
inline constexpr std::size_t kFields = 8;
inline constexpr std::size_t kGroupsMax = 10'000;

std::string_view to_text(Field field);
// Names behind each other with commas, as "team,model"; empty: none, one row for all.
// kInvalidRequest: no such field, or one twice.
Result<std::vector<Field>> parse_fields(std::string_view text);
std::string to_text(const std::vector<Field>& fields);  // what parse_fields() reads

// Events of one origin, that a node has a copy of.
struct Part {
    std::string origin;  // the key of its volume, 64 hex digits
    Span span;
    friend bool operator==(const Part&, const Part&) = default;
};
inline constexpr std::size_t kPartsMax = 65'536;

struct Query {
    std::vector<Field> by;
    WallTime since = WallTime::min();  // from it on
    WallTime until = WallTime::max();  // before it
    std::vector<Part> parts{};         // empty: all that the node that is asked made itself
};

// Which events, one by one.
struct Search {
    std::uint64_t from = 1;  // the number of the first that is looked at
    WallTime since = WallTime::min();
    WallTime until = WallTime::max();
    std::string request;   // empty: of any
    std::string origin{};  // as in Part; empty: that of the node that is asked
    std::uint64_t through = UINT64_MAX;
};

struct Sums {
    std::uint64_t events = 0;
    std::uint64_t unpriced = 0;  // of `events`, those of which nobody knew a price
    TokensByKind tokens;
    MicroUsd cost;
    MicroUsd estimated;  // of `cost`, what providers did not say, or what is by a ceiling
    MicroUsd charged;    // to each hard budget that they stood under
    MicroUsd adjusted;   // of `cost`, what was corrected since; may be negative
    std::uint64_t priced_since = 0;  // of `unpriced`

    void add(const Event& event);
    void add(const Sums& more);
    friend bool operator==(const Sums&, const Sums&) = default;
};

struct Sheet {
    using Group = std::vector<std::string>;  // a value for each field that was asked for

    std::map<Group, Sums> rows;
    Sums others;
    Sums total;

    // By how it is to be grouped.
    void add(Group group, const Sums& more);
    void add(const Sheet& more);

  private:
    Sums& row(Group&& group);
};

}  // namespace vidai::mesh::usage
