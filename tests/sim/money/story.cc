// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/money/story.h"

#include <algorithm>
#include <cstdio>

#include "schema/base/rng.h"

namespace vidai::sim {
namespace {

using std::chrono::milliseconds;

constexpr Duration kStrife = milliseconds(30'000);
// 2029-01-01 00:00 UTC: a day, a week, a month and a year begin at once.
constexpr WallTime kNewYear{std::chrono::days(21'550)};

template <class T, std::size_t N>
T pick(Rng& rng, const T (&choices)[N]) {
    return choices[rng.below(N)];
}

Duration between(Rng& rng, Duration low, Duration high) {
    return low + Duration(rng.below(static_cast<std::uint64_t>((high - low).count())));
}

// Kinds that break the assumptions have seeds of their own, and few.
std::vector<MoneyDeed> draw_kinds(Rng& rng) {
    std::vector<MoneyDeed> kinds;
    const bool breaks = rng.chance(0.06);
    for (int i = 0; i <= static_cast<int>(MoneyDeed::kRollBack); ++i) {
        const auto deed = static_cast<MoneyDeed>(i);
        const bool drawn = rng.chance(0.45);
        if (deed == MoneyDeed::kRollBack ? breaks : drawn) kinds.push_back(deed);
    }
    if (kinds.empty()) kinds.push_back(MoneyDeed::kCrash);
    return kinds;
}

MoneyEvent draw_event(Rng& rng, const MoneyStory& story, const std::vector<MoneyDeed>& kinds) {
    MoneyEvent event;
    event.deed = kinds[rng.below(kinds.size())];
    event.at = between(rng, milliseconds(100), kStrife);
    event.node = rng.below(story.nodes);
    event.other = rng.below(story.nodes);
    event.group = rng.below(1ULL << story.nodes);
    event.lasts = rng.chance(0.5) ? between(rng, milliseconds(50), milliseconds(2'000))
                                  : between(rng, milliseconds(2'000), milliseconds(20'000));
    event.seed = rng.next();
    return event;
}

// Not of the generator that the rest is drawn by: seeds keep their meaning without them.
void draw_renewals(std::uint64_t seed, MoneyStory& story) {
    Rng rng(seed ^ 0x72656e6577);
    story.nested = rng.chance(0.4);
    story.retries = rng.chance(0.4);
    std::vector<MoneyDeed> kinds;
    if (rng.chance(0.3)) kinds.push_back(MoneyDeed::kDelete);
    story.windows = rng.chance(0.6);
    if (story.windows) {
        story.begins =
            kNewYear - std::chrono::floor<milliseconds>(between(rng, milliseconds(500), kStrife));
        story.clocks_apart = pick(rng, {milliseconds(0), milliseconds(0), milliseconds(200),
                                        milliseconds(400), milliseconds(4'000)});
        for (const auto deed : {MoneyDeed::kNight, MoneyDeed::kClockJump, MoneyDeed::kClockDrift,
                                MoneyDeed::kSetRule}) {
            if (rng.chance(0.5)) kinds.push_back(deed);
        }
    }
    const std::uint64_t count = kinds.empty() ? 0 : 1 + rng.below(8);
    for (std::uint64_t i = 0; i < count; ++i) {
        story.events.push_back(draw_event(rng, story, kinds));
    }
    story.stumbles = rng.chance(0.3);
}

// Of a generator of their own, for the same reason.
void draw_top_ups(std::uint64_t seed, MoneyStory& story) {
    Rng rng(seed ^ 0x746f7075);
    story.top_ups = rng.chance(0.35);
    if (!story.top_ups) return;
    if (story.begins == WallTime{}) story.begins = kNewYear - std::chrono::hours(5);
    const std::uint64_t count = 1 + rng.below(8);
    for (std::uint64_t i = 0; i < count; ++i) {
        story.events.push_back(draw_event(rng, story, {MoneyDeed::kTopUp}));
    }
}

std::string seconds(Duration time) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f s", static_cast<double>(time.count()) / 1e9);
    return text;
}

}  // namespace

std::string_view deed_name(MoneyDeed deed) {
    constexpr std::string_view kNames[] = {
        "crash",     "power loss", "disk full",  "failed sync", "bit rot", "volume lost", "split",
        "one way",   "loss",       "slow",       "false death", "create",  "raise",       "lower",
        "roll back", "night",      "clock jump", "clock drift", "window",  "delete",      "top up"};
    static_assert(std::size(kNames) == static_cast<std::size_t>(MoneyDeed::kCount));
    return kNames[static_cast<std::size_t>(deed)];
}

bool MoneyStory::rolls_back() const {
    return std::ranges::any_of(
        events, [](const MoneyEvent& event) { return event.deed == MoneyDeed::kRollBack; });
}

std::string MoneyStory::describe() const {
    char line[240];
    std::snprintf(
        line, sizeof line,
        "seed %llu: %zu nodes, %zu custodians, budgets of %lld, requests up to %lld%s, "
        "latency %s and %s, "
        "loss %.2f, twice %.2f, late %.2f, sync %s, first budget after %s, logs of %llu bytes%s\n",
        static_cast<unsigned long long>(seed), nodes, custodians, static_cast<long long>(limit),
        static_cast<long long>(dearest), estimates ? " at most" : "", seconds(latency).c_str(),
        seconds(jitter).c_str(), loss, duplicates, late, seconds(sync).c_str(),
        seconds(quiet).c_str(), static_cast<unsigned long long>(log_bytes),
        clients ? "" : ", clients only in the end");
    std::string out = line;
    if (windows) {
        std::snprintf(line, sizeof line, "  windows; midnight after %s, clocks up to %s off\n",
                      seconds(kNewYear - begins).c_str(), seconds(clocks_apart).c_str());
        out += line;
    }
    if (top_ups) out += "  budgets are topped up\n";
    if (nested) out += "  some requests stand under several budgets\n";
    if (retries) out += "  some calls are lost\n";
    if (stumbles) out += "  half of all starts end at once\n";
    for (const MoneyEvent& event : events) {
        std::snprintf(line, sizeof line, "  %2u. %s %s node %zu other %zu group %llx for %s\n",
                      event.number, seconds(event.at).c_str(),
                      std::string(deed_name(event.deed)).c_str(), event.node, event.other,
                      static_cast<unsigned long long>(event.group), seconds(event.lasts).c_str());
        out += line;
    }
    return out;
}

MoneyStory draw_money(std::uint64_t seed, const Trim& trim) {
    Rng rng(seed ^ 0x6d6f6e6579);
    MoneyStory story;
    story.seed = seed;
    story.nodes = pick(rng, {1U, 2U, 2U, 3U, 3U, 3U, 4U, 5U, 6U, 7U});
    if (trim.nodes > 0) story.nodes = trim.nodes;
    story.custodians = pick(rng, {2U, 2U, 2U, 3U});
    story.limit = pick(rng, {200, 2'000, 20'000, 200'000});
    story.dearest = std::max<std::int64_t>(2, story.limit / pick(rng, {10, 100, 400}));
    story.latency = pick(rng, {milliseconds(1), milliseconds(5), milliseconds(30)});
    story.jitter = story.latency / pick(rng, {1, 4});
    story.loss = pick(rng, {0.0, 0.0, 0.02, 0.15});
    story.duplicates = pick(rng, {0.0, 0.0, 0.05, 0.3});
    story.late = pick(rng, {0.0, 0.0, 0.02});
    story.sync = pick(rng, {milliseconds(1), milliseconds(5), milliseconds(40)});
    story.quiet = pick(rng, {milliseconds(100), milliseconds(5'000), milliseconds(15'000)});
    story.think = pick(rng, {milliseconds(15), milliseconds(60), milliseconds(200)});
    story.call = pick(rng, {milliseconds(2), milliseconds(200), milliseconds(3'000)});
    story.estimates = rng.chance(0.5);
    constexpr std::uint64_t kLogBytes[] = {16U << 20, 16U << 20, 30'000, 6'000};
    story.log_bytes = kLogBytes[seed % std::size(kLogBytes)];
    story.clients = !trim.no_traffic;
    if (trim.plain_links) story.loss = story.duplicates = story.late = 0;
    const auto kinds = draw_kinds(rng);
    const std::uint64_t count = 2 + rng.below(20);
    for (std::uint64_t i = 0; i < count; ++i) {
        story.events.push_back(draw_event(rng, story, kinds));
    }
    if (!trim.plain_budgets) draw_renewals(seed, story);
    if (!trim.plain_budgets) draw_top_ups(seed, story);
    std::ranges::stable_sort(story.events, {}, &MoneyEvent::at);
    std::uint32_t number = 0;
    for (MoneyEvent& event : story.events) event.number = ++number;
    std::erase_if(story.events, [&](const MoneyEvent& event) {
        return trim.only && std::ranges::find(*trim.only, event.number) == trim.only->end();
    });
    for (MoneyEvent& event : story.events) {
        event.lasts /= static_cast<std::int64_t>(1) << trim.halvings;
    }
    return story;
}

}  // namespace vidai::sim
