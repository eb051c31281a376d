// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/plan.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "schema/base/rng.h"

namespace vidai::sim {
namespace {

using std::chrono::milliseconds;

template <class T, std::size_t N>
T pick(Rng& rng, const T (&choices)[N]) {
    return choices[rng.below(N)];
}

Duration between(Rng& rng, Duration low, Duration high) {
    return low + Duration(rng.below(static_cast<std::uint64_t>((high - low).count())));
}

LinkQuality draw_links(Rng& rng) {
    const Duration latency = pick(rng, {milliseconds(1), milliseconds(1), milliseconds(5),
                                        milliseconds(20), milliseconds(60)});
    return {.latency = latency / 2,
            .jitter = latency / pick(rng, {1, 4, 20}),
            .loss = pick(rng, {0.0, 0.0, 0.0, 0.01, 0.05, 0.1, 0.3}),
            .duplicate = pick(rng, {0.0, 0.0, 0.02}),
            .tail = pick(rng, {0.0, 0.0, 0.0, 0.01, 0.05}),
            .tail_max = pick(rng, {milliseconds(50), milliseconds(300), milliseconds(1000)}),
            .user_timeout = pick(rng, {milliseconds(3000), milliseconds(5000), milliseconds(8000)}),
            .bytes_per_second = pick(rng, {0ULL, 0ULL, 12'500'000ULL, 125'000ULL, 8'000ULL})};
}

Traffic draw_traffic(Rng& rng) {
    Traffic traffic;
    traffic.keys = pick(rng, {0U, 0U, 1U, 1U, 2U, 2U, 5U, 40U});
    traffic.requests_per_minute = pick(rng, {1U, 10U, 60U, 300U, 1000U});
    // Many small limits are what makes much to push: each request is news.
    if (traffic.keys > 5) traffic.requests_per_minute = pick(rng, {10U, 30U});
    traffic.tokens_per_minute = pick(rng, {0ULL, 0ULL, 5'000ULL, 100'000ULL});
    const double share = pick(rng, {0.5, 2.0, 5.0});
    traffic.offered = std::min(150.0, share * traffic.keys * traffic.requests_per_minute / 60.0);
    traffic.burst = pick(rng, {1U, 1U, 5U, 40U});
    traffic.to_one = pick(rng, {0.0, 0.5, 1.0});
    traffic.hold_max = pick(rng, {milliseconds(10), milliseconds(300), milliseconds(4000)});
    return traffic;
}

Fault draw_fault(Rng& rng, const Plan& plan, const std::vector<FaultKind>& kinds) {
    Fault fault;
    fault.kind = kinds[rng.below(kinds.size())];
    fault.at = between(rng, milliseconds(2500), kFaultTime);
    fault.node = static_cast<std::uint32_t>(rng.below(plan.nodes));
    fault.group = rng.below(1ULL << std::min(plan.nodes, 63U));
    const bool long_lived = fault.kind == FaultKind::kSplit || fault.kind == FaultKind::kOneWay;
    fault.lasts = long_lived ? between(rng, milliseconds(300), milliseconds(28'000))
                             : between(rng, milliseconds(100), milliseconds(10'000));
    if (fault.kind == FaultKind::kClock) fault.lasts = (fault.lasts - milliseconds(3000)) / 4;
    return fault;
}

bool is_end(FaultKind kind) {
    return kind == FaultKind::kCrash || kind == FaultKind::kVanish;
}

// Of their own dice, as all that joined later: seeds keep their meaning.
void draw_renewals(Plan& plan) {
    Rng rng(plan.seed ^ 0x4e4e3);
    if (!rng.chance(0.4)) return;
    for (std::uint64_t i = 1 + rng.below(4); i > 0; --i) {
        plan.faults.push_back({.at = between(rng, milliseconds(2500), kFaultTime),
                               .kind = FaultKind::kRenew,
                               .node = static_cast<std::uint32_t>(rng.below(plan.nodes)),
                               .group = 0,
                               .lasts = {}});
    }
}

// Few seeds: what they break makes some checkers look away.
void draw_disks(Plan& plan) {
    Rng rng(plan.seed ^ 0xd15c);
    if (!rng.chance(0.12)) return;
    for (std::uint64_t i = 1 + rng.below(2); i > 0; --i) {
        Fault fault;
        fault.kind = pick(rng, {FaultKind::kOldDisk, FaultKind::kClone});
        fault.at = between(rng, milliseconds(4000), kFaultTime - milliseconds(2000));
        fault.node = static_cast<std::uint32_t>(rng.below(plan.nodes));
        const Duration most = fault.kind == FaultKind::kOldDisk ? fault.at : kFaultTime - fault.at;
        fault.lasts = between(rng, milliseconds(100), most);
        plan.faults.push_back(fault);
    }
}

}  // namespace

const char* fault_name(FaultKind kind) {
    constexpr const char* kNames[kFaultKinds] = {
        "crash", "vanish",    "pause", "restart", "move",  "reuse", "wipe",  "split",    "one-way",
        "leave", "readdress", "reset", "clock",   "stall", "forge", "renew", "old-disk", "clone"};
    return kNames[static_cast<std::size_t>(kind)];
}

bool Plan::calm() const {
    const bool quiet = links.loss == 0 && links.tail == 0;
    return quiet && std::none_of(faults.begin(), faults.end(), [](const Fault& fault) {
               return fault.kind == FaultKind::kPause || fault.kind == FaultKind::kSplit ||
                      fault.kind == FaultKind::kOneWay || fault.kind == FaultKind::kStall;
           });
}

std::uint32_t Plan::clones() const {
    return static_cast<std::uint32_t>(std::ranges::count(faults, FaultKind::kClone, &Fault::kind));
}

bool Plan::is_doubled(std::uint32_t node) const {
    return std::ranges::any_of(faults, [&](const Fault& fault) {
        const bool disk = fault.kind == FaultKind::kOldDisk || fault.kind == FaultKind::kClone;
        return disk && fault.node == node;
    });
}

std::string Plan::describe() const {
    char text[240];
    const auto ms = [](Duration d) { return static_cast<double>(d.count()) / 1e6; };
    std::snprintf(
        text, sizeof text,
        "seed %llu: %u nodes, latency %.1f+%.1f ms, loss %.0f %%, duplicates %.0f %%, "
        "tails %.0f %% to %.0f ms, user timeout %.0f ms, rate %llu B/s, resent within %.0f s\n",
        static_cast<unsigned long long>(seed), nodes, ms(links.latency), ms(links.jitter),
        links.loss * 100, links.duplicate * 100, links.tail * 100, ms(links.tail_max),
        ms(links.user_timeout), static_cast<unsigned long long>(links.bytes_per_second),
        ms(links.rto_max) / 1e3);
    std::string out = text;
    std::snprintf(text, sizeof text,
                  "  %u keys, %u requests and %llu tokens a minute, %.1f requests/s in bursts of "
                  "%u, held %.0f ms, clocks %.0f ms apart\n",
                  traffic.keys, traffic.requests_per_minute,
                  static_cast<unsigned long long>(traffic.tokens_per_minute), traffic.offered,
                  traffic.burst, ms(traffic.hold_max), ms(clocks_apart));
    out += text;
    if (connections != 0) out += "  about " + std::to_string(connections) + " connections each\n";
    if (registers) out += "  registers are written\n";
    if (timers_off.count() != 0) {
        std::snprintf(text, sizeof text, "  timers up to %.0f ms off\n", ms(timers_off));
        out += text;
    }
    if (mixed) out += "  programs of two wire versions\n";
    for (std::size_t i = 0; i < faults.size(); ++i) {
        const Fault& fault = faults[i];
        std::snprintf(text, sizeof text, "  %2zu %7.3f s %-9s n%u group %llx for %.3f s\n", i + 1,
                      ms(fault.at) / 1e3, fault_name(fault.kind), fault.node,
                      static_cast<unsigned long long>(fault.group), ms(fault.lasts) / 1e3);
        out += text;
    }
    return out;
}

namespace {

void apply(const Trim& trim, Plan& plan) {
    if (trim.only) {
        std::vector<Fault> kept;
        for (const std::uint32_t number : *trim.only) {
            if (number >= 1 && number <= plan.faults.size()) {
                kept.push_back(plan.faults[number - 1]);
            }
        }
        plan.faults = std::move(kept);
    }
    if (trim.connections != 0) plan.connections = trim.connections;
    for (Fault& fault : plan.faults) fault.lasts /= std::int64_t{1} << trim.halvings;
    if (trim.plain_links) {
        plan.links.loss = plan.links.duplicate = plan.links.tail = 0;
        plan.links.bytes_per_second = 0;
    }
    if (trim.no_traffic) plan.traffic.keys = 0;
    if (trim.no_traffic) plan.registers = false;
    if (trim.one_clock) plan.clocks_apart = {};
}

}  // namespace

std::string Trim::describe() const {
    std::string out;
    if (nodes != 0) out += " --nodes " + std::to_string(nodes);
    if (only) {
        out += " --only ";
        for (const std::uint32_t number : *only) out += std::to_string(number) + ",";
        if (only->empty()) out += "none";
        if (out.back() == ',') out.pop_back();
    }
    if (halvings != 0) out += " --halve " + std::to_string(halvings);
    if (connections != 0) out += " --connections " + std::to_string(connections);
    if (plain_links) out += " --plain-links";
    if (no_traffic) out += " --no-traffic";
    if (one_clock) out += " --one-clock";
    if (plain_budgets) out += " --plain-budgets";
    return out;
}

Plan draw_plan(std::uint64_t seed, const Trim& trim) {
    Rng rng(seed * 0x9e3779b97f4a7c15 + 1);
    Plan plan;
    plan.seed = seed;
    const auto drawn_nodes = 2 + static_cast<std::uint32_t>(rng.below(9));
    plan.nodes = trim.nodes != 0 ? trim.nodes : drawn_nodes;
    plan.links = draw_links(rng);
    plan.traffic = draw_traffic(rng);
    plan.clocks_apart =
        pick(rng, {milliseconds(0), milliseconds(0), milliseconds(400), milliseconds(5000)});
    plan.into_minute = milliseconds(static_cast<std::int64_t>(rng.below(60'000)));
    plan.timers_first = rng.chance(0.5);
    std::vector<FaultKind> kinds;
    for (int kind = 0; kind <= static_cast<int>(FaultKind::kForge); ++kind) {
        if (rng.chance(0.35)) kinds.push_back(static_cast<FaultKind>(kind));
    }
    const std::uint64_t count = kinds.empty() ? 0 : rng.below(12);
    for (std::uint64_t i = 0; i < count; ++i) plan.faults.push_back(draw_fault(rng, plan, kinds));
    // Most of the dead come back some day, or restarts would be rare.
    const std::size_t drawn = plan.faults.size();
    for (std::size_t i = 0; i < drawn; ++i) {
        const Fault end = plan.faults[i];
        if (!is_end(end.kind) || rng.chance(0.4)) continue;
        Fault back = end;
        back.kind = pick(rng, {FaultKind::kRestart, FaultKind::kRestart, FaultKind::kMove,
                               FaultKind::kReuse, FaultKind::kWipe});
        back.at += between(rng, milliseconds(50), milliseconds(12'000));
        if (back.at < kFaultTime) plan.faults.push_back(back);
    }
    draw_renewals(plan);
    draw_disks(plan);
    std::stable_sort(plan.faults.begin(), plan.faults.end(),
                     [](const Fault& a, const Fault& b) { return a.at < b.at; });
    // Not of `rng`: seeds keep their meaning.
    plan.registers = Rng(seed ^ 0x4e61).chance(0.4);
    if (Rng(seed ^ 0x6615).chance(0.5)) plan.links.rto_max = std::chrono::seconds(1);
    Rng timers(seed ^ 0x71e6);
    if (timers.chance(0.4)) {
        plan.timers_off = pick(timers, {milliseconds(1), milliseconds(5), milliseconds(20)});
    }
    plan.mixed = Rng(seed ^ 0x71e5).chance(0.3);
    Rng links(seed ^ 0x5ca1e);
    if (plan.nodes >= 6 && links.chance(0.2)) {
        plan.connections = 3 + static_cast<std::uint32_t>(links.below(plan.nodes - 5));
    }
    apply(trim, plan);
    return plan;
}

}  // namespace vidai::sim
