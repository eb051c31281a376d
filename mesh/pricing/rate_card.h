// SPDX-License-Identifier: Apache-2.0
// A rate card: what providers ask for their models, each price with the time from and to which it
// holds. A row names models exactly, or by what they begin with ("gpt-4o-20*"); of several that
// fit the one that names provider and model more exactly counts. A model that no row fits has no
// price, and no key under a hard budget may call it; unless the card has a ceiling, a row that is
// no model's price and counts where there is none.
// Pure values; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/pricing/price.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::pricing {

inline constexpr std::size_t kRowsMax = 2'000;
inline constexpr std::size_t kModelsMax = 32;  // of one row
inline constexpr std::size_t kNameBytesMax = 256;
inline constexpr std::size_t kNoteBytesMax = 512;
inline constexpr std::size_t kCardBytesMax = 1024 * 1024;

struct Row {
    std::string provider;             // "openai"; "*": any
    std::vector<std::string> models;  // exact, or with one '*' at the end
    WallTime from = WallTime::min();  // inclusive
    WallTime to = WallTime::max();    // exclusive
    Price price;                      // known
    std::string note;                 // where it was read; may be empty
    int line = 0;                     // of the file; 0: of none

    // Two rows say the same, wherever they stand.
    friend bool operator==(const Row& a, const Row& b) {
        return a.provider == b.provider && a.models == b.models && a.from == b.from &&
               a.to == b.to && a.price == b.price && a.note == b.note;
    }
};

struct RateCard {
    std::string name;   // for people, e.g. "list prices"
    std::string dated;  // YYYY-MM-DD: when somebody last looked; may be empty
    std::vector<Row> rows;

    // All prices of one model, made ready for a worker; empty when no row fits.
    PriceHistory history(std::string_view provider, std::string_view model) const;
    friend bool operator==(const RateCard&, const RateCard&) = default;
};

// As a person would look at both: the rows of `over`, and of `under` the models of which `over` has
// no row for the same name at all times. What a request costs is said by overlay() of price.h.
RateCard overlay(const RateCard& over, const RateCard& under);

// "gpt-4o-20*" fits "gpt-4o-2024-08-06", and "gpt-4o" fits itself.
bool fits(std::string_view pattern, std::string_view name);

// kConfigInvalid with up to 20 lines "NAME:LINE: prices[N]...: what is wrong and what was
// expected": text that is no YAML or JSON, an unknown or repeated key, a price that is negative,
// finer than a millionth of a dollar or in another unit (unit_guard.h), a time span without
// length, two prices for one model at one time, no row at all.
Result<RateCard> read_card(const std::string& text, const std::string& name);

// A card in its one canonical form, which read_card() reads back as the same value.
std::string card_text(const RateCard& card);

// The card that ships with this program: list prices of well-known models on the day it names.
const RateCard& default_card();

// "2026-11-26", or with a time "2026-11-26T12:00:00Z"; UTC.
std::optional<WallTime> parse_day(std::string_view text);
std::string print_day(WallTime time);

}  // namespace vidai::mesh::pricing
