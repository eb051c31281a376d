// SPDX-License-Identifier: Apache-2.0
// One seed's life: start, faults, healing, convergence.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include "tests/sim/counters.h"
#include "tests/sim/registers.h"
#include "tests/sim/world.h"

namespace vidai::sim {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kStepsMax = 3'000'000;

bool in_group(const Fault& fault, std::uint32_t node) {
    return ((fault.group >> (node % 64)) & 1) != 0;
}

void set_split(World& world, const Plan& plan, const Fault& fault, bool on) {
    for (std::uint32_t a = 0; a < plan.nodes; ++a) {
        for (std::uint32_t b = 0; b < plan.nodes; ++b) {
            const bool cut = fault.kind == FaultKind::kSplit
                                 ? in_group(fault, a) != in_group(fault, b)
                                 : a == fault.node && b != a && in_group(fault, b);
            if (cut) world.block(a, b, on);
        }
    }
}

void revive(World& world, const Plan& plan, const Fault& fault) {
    if (world.running(fault.node)) world.stop(fault.node, false);
    if (fault.kind == FaultKind::kMove) world.readdress(fault.node);
    if (fault.kind == FaultKind::kWipe) world.wipe(fault.node);
    if (fault.kind == FaultKind::kOldDisk) world.restore_disk(fault.node);
    if (fault.kind == FaultKind::kReuse) {
        for (std::uint32_t i = 0; i < plan.nodes; ++i) {
            if (i != fault.node && world.take_address(fault.node, i)) break;
        }
    }
    world.start(fault.node);
}

void clone(World& world, const Fault& fault) {
    const std::uint32_t process = world.clone_disk(fault.node);
    world.start(process);
    world.scheduler().after(fault.lasts, [&world, process] { world.end_clone(process); });
}

// Too little processor: short turns with long gaps between them.
void stall(World& world, std::uint32_t node, MonoTime until) {
    if (world.now() >= until) return;
    world.pause(node, true);
    world.scheduler().after(milliseconds(500), [&world, node] { world.pause(node, false); });
    world.scheduler().after(milliseconds(600),
                            [&world, node, until] { stall(world, node, until); });
}

void perform(World& world, const Plan& plan, const Fault& fault) {
    world.remember(std::string("fault: ") + fault_name(fault.kind));
    switch (fault.kind) {
        case FaultKind::kCrash:
            return world.stop(fault.node, false);
        case FaultKind::kVanish:
            return world.stop(fault.node, true);
        case FaultKind::kPause:
            world.pause(fault.node, true);
            return world.scheduler().after(fault.lasts,
                                           [&world, fault] { world.pause(fault.node, false); });
        case FaultKind::kRestart:
        case FaultKind::kMove:
        case FaultKind::kReuse:
        case FaultKind::kWipe:
        case FaultKind::kOldDisk:
            return revive(world, plan, fault);
        case FaultKind::kSplit:
        case FaultKind::kOneWay:
            set_split(world, plan, fault, true);
            return world.scheduler().after(
                fault.lasts, [&world, &plan, fault] { set_split(world, plan, fault, false); });
        case FaultKind::kLeave:
            return world.leave(fault.node);
        case FaultKind::kReaddress:
            world.readdress(fault.node);
            return world.set_address(fault.node, world.node(fault.node).address);
        case FaultKind::kReset:
            return world.reset(fault.node, static_cast<std::uint32_t>(fault.group % plan.nodes));
        case FaultKind::kClock:
            return world.step_clock(fault.node, fault.lasts);
        case FaultKind::kStall:
            return stall(world, fault.node, world.now() + fault.lasts);
        case FaultKind::kForge:
            return world.forge(fault.node, static_cast<std::uint32_t>(fault.group % plan.nodes));
        case FaultKind::kRenew:
            return world.renew(fault.node);
        case FaultKind::kClone:
            return clone(world, fault);
    }
}

// Links that carry less than an idle node of a large mesh may send, and what others relay as well:
// they are full, and who refutes at once may be heard too late.
bool is_crowded(const Plan& plan) {
    constexpr std::uint64_t kIdleMax = 15'000;  // bytes a second, docs/reference/mesh-figures.md
    const std::uint64_t rate = plan.links.bytes_per_second;
    return plan.connections != 0 && rate != 0 && rate < kIdleMax;
}

// In a calm network a death may only be declared of a life that has ended.
void forbid_false_deaths(World& world, const Plan& plan) {
    using mesh::membership::EventKind;
    world.watch([&world, &plan](std::uint32_t by, const mesh::membership::Event& event) {
        if (event.kind != EventKind::kDead) return;
        // Two processes of one identity take all connections from each other, and the one that
        // never has the time to say a word finds itself alone. Others must not believe it.
        if (world.node(by).doubled) return;
        for (std::uint32_t i = 0; i < plan.nodes; ++i) {
            if (world.node(i).name != event.subject || !world.running(i)) continue;
            if (world.node(i).doubled) continue;  // a life of its name may have ended
            const auto& own = world.node(i).core->self()->version;
            if (own.serial == event.version.serial && own.generation == event.version.generation) {
                world.violate("no-false-death", event.subject.str() +
                                                    " is declared dead in a calm network by " +
                                                    event.by.str());
            }
        }
    });
}

// Those who vanished without a word are found by a probe each, and who doubts itself as much as it
// may, which it does where most of those it asks for help are gone too, makes one in 4.5 s.
Duration heal_time(const Plan& plan) {
    const auto vanished = std::ranges::count(plan.faults, FaultKind::kVanish, &Fault::kind);
    const auto more = plan.calm() ? 0 : std::max<std::ptrdiff_t>(vanished, 1) - 1;
    return kHealTime + more * milliseconds(4500);
}

}  // namespace

Outcome run_plan(const Plan& plan, const mesh::membership::Options& defaults, bool verbose) {
    mesh::membership::Options options = defaults;
    if (plan.connections != 0) options.full_mesh_max = options.connections_max = plan.connections;
    World world(plan, options);
    if (plan.calm() && !is_crowded(plan)) forbid_false_deaths(world, plan);
    if (plan.traffic.keys > 0) world.add(std::make_unique<Counters>(world, plan));
    if (plan.registers) world.add(std::make_unique<Registers>(world, plan));
    Rng rng(plan.seed + 17);
    const MonoTime begin = world.now();
    for (std::uint32_t i = 0; i < plan.nodes; ++i) {
        const auto wait = milliseconds(static_cast<std::int64_t>(rng.below(2000)));
        world.scheduler().after(wait, [&world, i] { world.start(i); });
    }
    for (const Fault& fault : plan.faults) {
        if (fault.kind == FaultKind::kOldDisk) {
            const MonoTime copied = begin + std::max<Duration>(fault.at - fault.lasts, {});
            world.scheduler().at(copied, [&world, &fault] { world.copy_disk(fault.node); });
        }
        world.scheduler().at(begin + fault.at,
                             [&world, &plan, &fault] { perform(world, plan, fault); });
    }
    const MonoTime healed = begin + kFaultTime;
    world.run(healed);
    world.heal();
    MonoTime converged = healed;
    const MonoTime last = healed + heal_time(plan);
    for (MonoTime t = healed; t <= last; t += milliseconds(100)) {
        if (t > healed + kHealTime && converged < t - milliseconds(100)) break;
        world.run(t);
        if (!world.disagreement().empty()) converged = t;
    }
    const std::string when = ", " +
                             std::to_string((world.now() - healed) / std::chrono::seconds(1)) +
                             " s after healing";
    if (std::string why = world.disagreement(); !why.empty()) {
        world.violate("convergence", why + when, true);
    }
    if (std::string why = world.services_disagreement(); !why.empty()) {
        world.violate("state-converges", why + when, true);
    }
    world.finish();
    if (world.scheduler().steps() > kStepsMax) {
        world.violate("steps-bounded", std::to_string(world.scheduler().steps()) + " steps");
    }
    if (verbose) std::fputs(plan.describe().c_str(), stdout);
    return {.violation = world.violation(),
            .trace_hash = world.trace_hash(),
            .steps = world.scheduler().steps(),
            .bytes_per_second_max = world.network().bytes_per_second_max(),
            .converged_after = converged - healed,
            .simulated = world.now() - begin,
            .history = world.history()};
}

}  // namespace vidai::sim
