// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/plan.h"

#include <algorithm>
#include <cstdio>

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
    return {
        .latency = latency / 2,
        .jitter = latency / pick(rng, {1, 4, 20}),
        .loss = pick(rng, {0.0, 0.0, 0.0, 0.01, 0.05, 0.1, 0.3}),
        .duplicate = pick(rng, {0.0, 0.0, 0.02}),
        .tail = pick(rng, {0.0, 0.0, 0.0, 0.01, 0.05}),
        .tail_max = pick(rng, {milliseconds(50), milliseconds(300), milliseconds(1000)}),
        .user_timeout = pick(rng, {milliseconds(3000), milliseconds(5000), milliseconds(8000)})};
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
    return fault;
}

bool is_end(FaultKind kind) {
    return kind == FaultKind::kCrash || kind == FaultKind::kVanish;
}

}  // namespace

const char* fault_name(FaultKind kind) {
    constexpr const char* kNames[] = {"crash", "vanish", "pause", "restart", "move",
                                      "reuse", "wipe",   "split", "one-way", "leave"};
    return kNames[static_cast<std::size_t>(kind)];
}

bool Plan::calm() const {
    const bool quiet = links.loss == 0 && links.tail == 0;
    return quiet && std::none_of(faults.begin(), faults.end(), [](const Fault& fault) {
               return fault.kind == FaultKind::kPause || fault.kind == FaultKind::kSplit ||
                      fault.kind == FaultKind::kOneWay;
           });
}

std::string Plan::describe() const {
    char text[200];
    const auto ms = [](Duration d) { return static_cast<double>(d.count()) / 1e6; };
    std::snprintf(text, sizeof text,
                  "seed %llu: %u nodes, latency %.1f+%.1f ms, loss %.0f %%, duplicates %.0f %%, "
                  "tails %.0f %% to %.0f ms, user timeout %.0f ms\n",
                  static_cast<unsigned long long>(seed), nodes, ms(links.latency), ms(links.jitter),
                  links.loss * 100, links.duplicate * 100, links.tail * 100, ms(links.tail_max),
                  ms(links.user_timeout));
    std::string out = text;
    for (const Fault& fault : faults) {
        std::snprintf(text, sizeof text, "  %7.3f s %-8s n%u group %llx for %.3f s\n",
                      ms(fault.at) / 1e3, fault_name(fault.kind), fault.node,
                      static_cast<unsigned long long>(fault.group), ms(fault.lasts) / 1e3);
        out += text;
    }
    return out;
}

Plan draw_plan(std::uint64_t seed, std::uint32_t nodes) {
    Rng rng(seed * 0x9e3779b97f4a7c15 + 1);
    Plan plan;
    plan.seed = seed;
    plan.nodes = nodes != 0 ? nodes : 2 + static_cast<std::uint32_t>(rng.below(9));
    plan.links = draw_links(rng);
    plan.timers_first = rng.chance(0.5);
    std::vector<FaultKind> kinds;
    for (int kind = 0; kind <= static_cast<int>(FaultKind::kLeave); ++kind) {
        if (rng.chance(0.4)) kinds.push_back(static_cast<FaultKind>(kind));
    }
    const std::uint64_t count = kinds.empty() ? 0 : rng.below(10);
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
    std::stable_sort(plan.faults.begin(), plan.faults.end(),
                     [](const Fault& a, const Fault& b) { return a.at < b.at; });
    return plan;
}

}  // namespace vidai::sim
