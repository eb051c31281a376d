// SPDX-License-Identifier: Apache-2.0
// Correcting: finds out of a node's own events which calls cost something else than was recorded,
// and makes for each an event that adds the difference (Event::adjusts). What was recorded stays.
// Sums need not know which call a correction belongs to, wherever copies of both lie; and since a
// correction is made of the difference to what there is already, doing it twice does nothing.
// Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mesh/usage/event.h"
#include "schema/vocabulary/time.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh::usage {

// Of one run, which is half of what a queue of events takes; then it is to be asked for again.
inline constexpr std::size_t kCorrectedMax = 20'000;
inline constexpr std::size_t kCorrectedRowsMax = 1'000;  // told of one by one

// What a call cost.
struct Worth {
    MicroUsd cost;
    WallTime price_from{};
    bool ceiling = false;
    bool billed = false;  // the provider says so
};
// Nothing: nobody knows, so that it stays as it is.
using Judge = std::function<std::optional<Worth>(const Event&)>;
// Makes one that remembers for one run what it has looked up. Any thread; empty: no prices are
// known.
using Pricer = std::function<Judge()>;

// Of the event of that number.
struct Bill {
    std::uint64_t number = 0;
    MicroUsd cost;
};
inline constexpr std::size_t kBillsMax = 10'000;            // at a time
inline constexpr MicroUsd kBillMax{1'000'000'000'000'000};  // of one call; 10^9 USD
Judge by_bills(const std::vector<Bill>& bills);

struct Corrected {
    struct Row {
        std::uint64_t corrected = 0;
        MicroUsd before, after;  // of these
    };
    std::uint64_t looked = 0;     // calls of that time
    std::uint64_t corrected = 0;  // of these
    std::uint64_t unpriced = 0;   // without a price still
    std::uint64_t billed = 0;     // would differ, but a provider's bill was taken for them
    MicroUsd before, after;       // what all come to
    std::map<std::pair<std::string, std::string>, Row> rows;  // by provider and target
    bool more = false;  // there is more to be corrected: kCorrectedMax at a time
};

class Correcting {
  public:
    // Of calls from `since` on and before `until`.
    Correcting(Judge judge, WallTime since, WallTime until)
        : judge_(std::move(judge)), since_(since), until_(until) {}

    // First all events of the origin, for what was corrected before; as many entries are held as
    // calls were.
    void look(const Event& event);
    // Then again all of them.
    void correct(const Event& event);

    const Corrected& sums() const { return sums_; }
    std::vector<Event> take() { return std::move(made_); }  // without numbers; once, in the end

  private:
    struct Known {
        MicroUsd sum;
        bool priced = false, billed = false;
    };
    bool of_that_time(const Event& event) const {
        return event.time >= since_ && event.time < until_;
    }

    Judge judge_;
    const WallTime since_, until_;
    std::map<std::uint64_t, Known> known_;  // by the number of the call
    Corrected sums_;
    std::vector<Event> made_;
};

}  // namespace vidai::mesh::usage
