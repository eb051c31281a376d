// SPDX-License-Identifier: Apache-2.0
// Report: sums of events by what an operator asks for. An event counts once, by its origin and
// number, from whichever copies it comes and however often. Bounded: beyond kGroupsMax rows, what
// has none of its own is summed in `others`, so that the total is right all the same. Sums stop at
// the greatest number instead of wrapping. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/seal/keys.h"
#include "mesh/usage/event.h"
#include "mesh/usage/numbers.h"
#include "schema/vocabulary/result.h"

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

struct Query {
    std::vector<Field> by;
    WallTime since = WallTime::min();  // from it on
    WallTime until = WallTime::max();  // before it
};

struct Sums {
    std::uint64_t events = 0;
    std::uint64_t unpriced = 0;  // of `events`, those of which nobody knew a price
    TokensByKind tokens;
    MicroUsd cost;
    MicroUsd estimated;  // of `cost`, what providers did not say
    MicroUsd charged;    // to each hard budget that they stood under

    void add(const Event& event);
    friend bool operator==(const Sums&, const Sums&) = default;
};

class Report {
  public:
    using Group = std::vector<std::string>;  // a value for each field of the query

    explicit Report(Query query) : query_(std::move(query)) {}

    // Whether it was counted: false where it was already, or lies outside the query's time.
    bool add(const seal::PublicKey& origin, const Event& event);

    const Query& query() const { return query_; }
    const std::map<Group, Sums>& rows() const { return rows_; }
    const Sums& others() const { return others_; }
    const Sums& total() const { return total_; }

  private:
    Query query_;
    std::map<seal::PublicKey, Numbers> seen_;
    std::map<Group, Sums> rows_;
    Sums others_;
    Sums total_;
};

}  // namespace vidai::mesh::usage
