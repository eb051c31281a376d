// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/tier2/story.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <span>
#include <utility>

#include "schema/base/rng.h"

namespace vidai::sim {

namespace {

using std::chrono::milliseconds;

constexpr std::array<std::string_view, static_cast<std::size_t>(Deed::kCount)> kNames = {
    "crash",     "wipe",     "power loss", "move",       "reuse",      "impostor",
    "partition", "one way",  "reset",      "mute",       "slow",       "flip",
    "repeat",    "omit",     "reflect",    "splice",     "garbage",    "truncated",
    "flood",     "crowd",    "replay",     "foreign",    "wrong mesh", "other mesh",
    "expired",   "not yet",  "issuer",     "no role",    "stolen",     "revoked key",
    "joiner",    "observer", "key create", "key revoke", "spend",      "revoke node"};

constexpr std::int64_t kOffsetMaxMs = 20'000;  // of a clock, either way
constexpr std::int64_t kFaultsBeginMs = 10'000, kDeedsEndMs = 32'000;
constexpr std::int64_t kLastsMinMs = 500, kLastsMaxMs = 30'000;

class Drawing {
  public:
    Drawing(std::uint64_t seed, const Trim& trim) : rng_(seed) {
        story_.seed = seed;
        const std::size_t drawn = 3 + rng_.below(3);
        story_.nodes = trim.nodes > 0 ? trim.nodes : drawn;
        for (std::size_t i = 0; i < story_.nodes; ++i) {
            story_.clocks.push_back(milliseconds(between(-kOffsetMaxMs, kOffsetMaxMs)));
        }
    }

    Story draw() {
        some(Deed::kCrash, Deed::kSlow, 5, 0.5, kFaultsBeginMs);
        some(Deed::kFlip, Deed::kSplice, 4, 0.4, kDeedsEndMs);
        some(Deed::kGarbage, Deed::kObserver, 7, 0.35, kDeedsEndMs);
        some(Deed::kKeyCreate, Deed::kSpend, 10, 0.7, kDeedsEndMs);
        if (rng_.chance(0.3)) add(Deed::kRevokeNode, kDeedsEndMs / 2);
        keep_the_seed();
        std::ranges::stable_sort(story_.events, {}, &Event::at);
        std::uint32_t number = 0;
        for (Event& event : story_.events) event.number = ++number;
        return std::move(story_);
    }

  private:
    std::int64_t between(std::int64_t least, std::int64_t most) {
        return least +
               static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(most - least + 1)));
    }
    void add(Deed deed, std::int64_t before_ms) {
        Event event;
        event.at = milliseconds(between(0, before_ms - 1));
        event.deed = deed;
        event.node = rng_.below(story_.nodes);
        event.other = (event.node + 1 + rng_.below(std::max<std::size_t>(story_.nodes, 2) - 1)) %
                      story_.nodes;
        if (deed == Deed::kMove || deed == Deed::kReuse) keep_a_seed(event);
        event.lasts = milliseconds(between(kLastsMinMs, kLastsMaxMs - 1));
        event.seed = rng_.next();
        story_.events.push_back(event);
    }
    // What a Service's name is to a real mesh, the first node's address is to this one: if all
    // moved at once, nobody could find anybody.
    void keep_a_seed(Event& event) {
        const std::uint64_t others = story_.nodes - 1;
        if (others < 2) {
            event.deed = Deed::kCrash;
            return;
        }
        event.node = 1 + rng_.below(others);
        event.other = 1 + (event.node + rng_.below(others - 1)) % others;
    }
    // And whoever moves while it is put out for good finds nobody who knows where the others are.
    void keep_the_seed() {
        std::size_t moves = 0;
        for (const Event& event : story_.events) {
            moves += event.deed == Deed::kMove ? 1 : event.deed == Deed::kReuse ? 2 : 0;
        }
        for (Event& event : story_.events) {
            if (event.deed != Deed::kRevokeNode || event.other != 0 || moves < 2) continue;
            event.other = 1 + event.node % (story_.nodes - 1);
        }
    }
    // Up to `most`, of the kinds that this seed has: each with that chance.
    void some(Deed first, Deed last, std::uint64_t most, double chance, std::int64_t before_ms) {
        std::vector<Deed> kinds;
        for (auto kind = static_cast<int>(first); kind <= static_cast<int>(last); ++kind) {
            if (rng_.chance(chance)) kinds.push_back(static_cast<Deed>(kind));
        }
        const std::uint64_t count = rng_.below(most + 1);
        for (std::uint64_t i = 0; i < count && !kinds.empty(); ++i) {
            add(kinds[rng_.below(kinds.size())], before_ms);
        }
    }

    Rng rng_;
    Story story_;
};

void trim_events(Story& story, const Trim& trim) {
    std::vector<Event> kept;
    for (Event event : story.events) {
        if (trim.only && std::ranges::find(*trim.only, event.number) == trim.only->end()) continue;
        event.lasts /= std::int64_t{1} << trim.halvings;
        const bool traffic = event.deed >= Deed::kKeyCreate && event.deed <= Deed::kSpend;
        if (!(trim.no_traffic && traffic)) kept.push_back(event);
    }
    story.events = std::move(kept);
    if (trim.one_clock) std::ranges::fill(story.clocks, Duration{});
}

}  // namespace

std::string_view deed_name(Deed deed) {
    return kNames[static_cast<std::size_t>(deed)];
}

Story draw_story(std::uint64_t seed, const Trim& trim) {
    Story story = Drawing(seed, trim).draw();
    trim_events(story, trim);
    return story;
}

std::string Story::describe() const {
    std::string out = "seed " + std::to_string(seed) + ": " + std::to_string(nodes) + " nodes\n";
    for (const Event& event : events) {
        const auto in_seconds = [](Duration span) {
            return std::chrono::duration<double>(span).count();
        };
        char line[160];
        std::snprintf(line, sizeof line, "%3u. %7.3f s  %-12s n%zu", event.number,
                      in_seconds(event.at), std::string(deed_name(event.deed)).c_str(),
                      event.node + 1);
        out += line;
        if (is_tampering(event.deed) || event.deed == Deed::kReuse ||
            event.deed == Deed::kRevokeNode) {
            out += ", other n" + std::to_string(event.other + 1);
        }
        if (is_fault(event.deed)) {
            std::snprintf(line, sizeof line, ", for %.3f s", in_seconds(event.lasts));
            out += line;
        }
        out += "\n";
    }
    return out;
}

}  // namespace vidai::sim
