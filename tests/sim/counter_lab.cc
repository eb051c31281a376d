// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/counter_lab.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "schema/base/rng.h"
#include "tests/sim/counters.h"

namespace vidai::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t kSeed = 1000;

struct CountingMesh {
    CountingMesh(const Setting& setting, std::uint32_t keys, std::uint32_t limit)
        : plan(make_plan(setting, keys, limit)), world(plan, setting.options) {
        auto service = std::make_unique<Counters>(world, plan);
        counted = service.get();
        world.add(std::move(service));
        settle(world, setting, kSeed);
    }
    static Plan make_plan(const Setting& setting, std::uint32_t keys, std::uint32_t limit) {
        Plan plan = lab_plan(setting, kSeed);
        plan.traffic.keys = keys;
        plan.traffic.requests_per_minute = limit;
        plan.traffic.hold_max = std::chrono::hours(1000);  // nothing is given back meanwhile
        return plan;
    }
    const Plan plan;
    World world;
    Counters* counted;
};

}  // namespace

std::vector<double> counter_times(const Setting& setting) {
    CountingMesh mesh(setting, setting.trials, 10);
    std::vector<double> times;
    Rng rng(kSeed);
    for (std::uint32_t key = 0; key < setting.trials; ++key) {
        run_clean(mesh.world, milliseconds(static_cast<std::int64_t>(rng.below(300))));
        const std::uint32_t node = key % setting.nodes;
        if (!mesh.counted->request(node, key)) continue;
        times.push_back(time_until(mesh.world, [&] {
            for (std::uint32_t i = 0; i < setting.nodes; ++i) {
                if (i != node && mesh.counted->known(i, key) == 0) return false;
            }
            return true;
        }));
    }
    return times;
}

double bytes_after_counts(const Setting& setting, Duration span) {
    CountingMesh mesh(setting, 1, 2 * setting.nodes);
    for (std::uint32_t node = 0; node < setting.nodes; ++node) {
        (void)mesh.counted->request(node, 0);
    }
    run_clean(mesh.world, seconds(10));
    const std::uint64_t before = mesh.world.network().bytes();
    run_clean(mesh.world, span);
    const double sent = static_cast<double>(mesh.world.network().bytes() - before);
    return sent / setting.nodes / std::chrono::duration<double>(span).count();
}

}  // namespace vidai::sim
