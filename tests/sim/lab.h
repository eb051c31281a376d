// SPDX-License-Identifier: Apache-2.0
// Trials for figures: a settled mesh, an act, and the time until something is true of all nodes.
// One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mesh/membership/options.h"
#include "tests/sim/plan.h"
#include "tests/sim/world.h"

namespace vidai::sim {

struct Setting {
    std::uint32_t nodes = 3;
    std::uint32_t trials = 100;
    double loss = 0;
    Duration chatter{};  // each tells each other something this often; 0: only membership speaks
    bool old_kernel = true;  // before Linux 6.15: what a lossy stream resends may double for long
    mesh::membership::Options options{};
    std::string note{};  // what differs from the defaults, for the conditions

    std::string conditions() const;
};

struct Quantiles {
    double p50 = 0, p99 = 0, most = 0;  // seconds; negative where some trial never ended
};
Quantiles quantiles(std::vector<double> times);

Plan lab_plan(const Setting& setting, std::uint64_t seed);
// Runs for `span`. No figure stands on a broken rule, nor on a run that one has ended: the program
// ends with kSafety, and says which.
void run_clean(World& world, Duration span);
// All nodes started one after the other and running, everything settled.
void settle(World& world, const Setting& setting, std::uint64_t seed);
std::unique_ptr<World> settled(const Setting& setting, std::uint64_t seed);
// Seconds until `done`, asked each `step`; -1 when that takes more than a minute.
double time_until(World& world, const std::function<bool()>& done,
                  Duration step = std::chrono::milliseconds(1));

// Each trial has a world of its own up to 16 nodes. In larger ones, whose joining takes long, the
// nodes take turns within one world, each back and settled before the next.
using Act = std::function<void(World& world, std::uint32_t node)>;
using Done = std::function<bool(const World& world, std::uint32_t node)>;
Quantiles measure(const Setting& setting, const Act& act, const Done& done);
// The trials of a mesh that has settled.
std::vector<double> take_turns(World& world, std::uint32_t trials, const Act& act,
                               const Done& done);

}  // namespace vidai::sim
