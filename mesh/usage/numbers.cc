// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/numbers.h"

#include <algorithm>
#include <iterator>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::usage {

bool Numbers::contains(std::uint64_t number) const {
    return contains(Span{number, number});
}

bool Numbers::contains(const Span& span) const {
    const auto after = runs_.upper_bound(span.from);
    return after != runs_.begin() && std::prev(after)->second >= span.through;
}

bool Numbers::insert(std::uint64_t number) {
    if (contains(number)) return false;
    insert(Span{number, number});
    return true;
}

void Numbers::insert(const Span& span) {
    CHECK(span.from <= span.through);
    std::uint64_t from = span.from;
    std::uint64_t through = span.through;
    auto run = runs_.upper_bound(from);
    // One before it ends below it, or touches it; none of the sums overflows.
    if (run != runs_.begin()) {
        const auto before = std::prev(run);
        if (before->second >= from || before->second + 1 == from) run = before;
    }
    while (run != runs_.end() && (run->first <= through || run->first - 1 == through)) {
        from = std::min(from, run->first);
        through = std::max(through, run->second);
        run = runs_.erase(run);
    }
    runs_.emplace_hint(run, from, through);
}

void Numbers::insert(const Numbers& more) {
    for (const auto& [from, through] : more.runs_) insert(Span{from, through});
}

void Numbers::erase(const Span& span) {
    auto run = runs_.upper_bound(span.from);
    if (run != runs_.begin() && std::prev(run)->second >= span.from) run = std::prev(run);
    while (run != runs_.end() && run->first <= span.through) {
        const auto [from, through] = *run;
        run = runs_.erase(run);
        if (from < span.from) runs_.emplace(from, span.from - 1);
        if (through > span.through) runs_.emplace(span.through + 1, through);
    }
}

std::uint64_t Numbers::count() const {
    std::uint64_t count = 0;
    for (const auto& [from, through] : runs_) count += through - from + 1;
    return count;
}

std::vector<Span> Numbers::spans() const {
    std::vector<Span> spans;
    spans.reserve(runs_.size());
    for (const auto& [from, through] : runs_) spans.push_back({from, through});
    return spans;
}

std::vector<Span> Numbers::lacking(const Span& span, std::size_t most) const {
    std::vector<Span> gaps;
    std::uint64_t from = span.from;
    auto run = runs_.upper_bound(from);
    if (run != runs_.begin() && std::prev(run)->second >= from) run = std::prev(run);
    for (; run != runs_.end() && run->first <= span.through; ++run) {
        if (gaps.size() >= most) return gaps;
        if (run->first > from) gaps.push_back({from, run->first - 1});
        if (run->second >= span.through) return gaps;
        from = run->second + 1;
    }
    if (from <= span.through && gaps.size() < most) gaps.push_back({from, span.through});
    return gaps;
}

}  // namespace vidai::mesh::usage
