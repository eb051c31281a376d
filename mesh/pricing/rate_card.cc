// SPDX-License-Identifier: Apache-2.0
#include "mesh/pricing/rate_card.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace vidai::mesh::pricing {
namespace {

// How exactly a pattern names; only of patterns that fit.
std::size_t exactness(std::string_view pattern) {
    return pattern.ends_with('*') ? pattern.size() - 1 : kNameBytesMax + 1;
}

struct Fit {
    const Row* row;
    std::size_t provider;
    std::size_t model;
};

// The most exact of those that hold at `now`; rows of equal patterns never overlap in time.
const Row* best_at(const std::vector<Fit>& fitting, WallTime now) {
    for (const Fit& fit : fitting) {
        if (fit.row->from <= now && now < fit.row->to) return fit.row;
    }
    return nullptr;
}

template <class T>
bool number(std::string_view text, T& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && text.front() != '-';
}

}  // namespace

bool fits(std::string_view pattern, std::string_view name) {
    if (!pattern.ends_with('*')) return pattern == name;
    pattern.remove_suffix(1);
    return name.starts_with(pattern);
}

PriceHistory RateCard::history(std::string_view provider, std::string_view model) const {
    std::vector<Fit> fitting;
    std::vector<WallTime> turns = {WallTime::min()};
    for (const Row& row : rows) {
        if (!fits(row.provider, provider)) continue;
        std::size_t best = 0;
        bool found = false;
        for (const std::string& pattern : row.models) {
            if (!fits(pattern, model)) continue;
            best = std::max(best, exactness(pattern));
            found = true;
        }
        if (!found) continue;
        fitting.push_back({&row, exactness(row.provider), best});
        turns.push_back(row.from);
        turns.push_back(row.to);
    }
    if (fitting.empty()) return {};
    std::stable_sort(fitting.begin(), fitting.end(), [](const Fit& a, const Fit& b) {
        if (a.row->price.ceiling != b.row->price.ceiling) return b.row->price.ceiling;
        return a.provider != b.provider ? a.provider > b.provider : a.model > b.model;
    });
    std::sort(turns.begin(), turns.end());
    turns.erase(std::unique(turns.begin(), turns.end()), turns.end());
    std::vector<PriceHistory::Span> spans;
    for (const WallTime turn : turns) {
        const Row* const row = best_at(fitting, turn);
        const Price price = row != nullptr ? row->price : Price{};
        if (!spans.empty() && spans.back().price == price) continue;
        spans.push_back({turn, price});
    }
    return PriceHistory(std::move(spans));
}

std::optional<WallTime> parse_day(std::string_view text) {
    using namespace std::chrono;
    std::chrono::seconds time{0};
    if (text.size() == 20) {
        int hour = 0, minute = 0, second = 0;
        if (text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != 'Z' ||
            !number(text.substr(11, 2), hour) || !number(text.substr(14, 2), minute) ||
            !number(text.substr(17, 2), second) || hour > 23 || minute > 59 || second > 59) {
            return {};
        }
        time = hours(hour) + minutes(minute) + seconds(second);
        text = text.substr(0, 10);
    }
    int y = 0;
    unsigned m = 0, d = 0;
    if (text.size() != 10 || text[4] != '-' || text[7] != '-' || !number(text.substr(0, 4), y) ||
        !number(text.substr(5, 2), m) || !number(text.substr(8, 2), d)) {
        return {};
    }
    const year_month_day date{year(y), month(m), day(d)};
    if (!date.ok() || y < 1970) return {};
    return WallTime(duration_cast<milliseconds>(sys_days(date).time_since_epoch() + time));
}

RateCard overlay(const RateCard& over, const RateCard& under) {
    RateCard both = over;
    const auto covered = [&](const Row& row, const std::string& model) {
        return std::ranges::any_of(over.rows, [&](const Row& other) {
            return other.provider == row.provider && other.from <= row.from && other.to >= row.to &&
                   std::ranges::find(other.models, model) != other.models.end();
        });
    };
    for (const Row& row : under.rows) {
        Row left = row;
        std::erase_if(left.models, [&](const std::string& model) { return covered(row, model); });
        if (!left.models.empty()) both.rows.push_back(std::move(left));
    }
    return both;
}

std::string print_day(WallTime time) {
    using namespace std::chrono;
    const auto since = time.time_since_epoch();
    const auto whole = floor<days>(since);
    const year_month_day date{sys_days(whole)};
    char text[32];
    std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
    const auto rest = floor<seconds>(since - whole);
    if (rest == seconds(0)) return text;
    const hh_mm_ss<seconds> clock(rest);
    char full[64];
    std::snprintf(
        full, sizeof full, "%sT%02d:%02d:%02dZ", text, static_cast<int>(clock.hours().count()),
        static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
    return full;
}

}  // namespace vidai::mesh::pricing
