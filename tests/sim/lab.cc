// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/lab.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "tests/sim/arguments.h"

namespace vidai::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t kFirstSeed = 1000;
constexpr std::uint32_t kOwnWorldUpTo = 16;

}  // namespace

std::string Setting::conditions() const {
    std::string text = "N=" + std::to_string(nodes) + ", " + std::to_string(trials) +
                       (nodes > kOwnWorldUpTo ? " trials in one mesh" : " trials") +
                       ", 0.5 ms round trip, ";
    text += loss > 0 ? std::to_string(std::lround(loss * 100)) + " % loss" : "no loss";
    return text + ", " + (note.empty() ? "default options" : note);
}

Quantiles quantiles(std::vector<double> times) {
    std::sort(times.begin(), times.end());
    if (times.empty() || times.front() < 0) return {-1, -1, -1};
    const auto at = [&](double q) {
        return times[static_cast<std::size_t>(q * static_cast<double>(times.size() - 1) + 0.5)];
    };
    return {at(0.5), at(0.99), times.back()};
}

Plan lab_plan(const Setting& setting, std::uint64_t seed) {
    Plan plan;
    plan.seed = seed;
    plan.nodes = setting.nodes;
    plan.links.latency = milliseconds(1) / 4;
    plan.links.jitter = milliseconds(1) / 4;
    plan.links.user_timeout = seconds(10);
    if (!setting.old_kernel) plan.links.rto_max = seconds(1);
    return plan;
}

void run_clean(World& world, Duration span) {
    world.run(world.now() + span);
    const Violation& broken = world.violation();
    if (broken.rule.empty()) return;
    std::fprintf(stderr, "vidai-sim: a figure's run broke the rule %s: %s\n", broken.rule.c_str(),
                 broken.detail.c_str());
    std::exit(kSafety);
}

std::unique_ptr<World> settled(const Setting& setting, std::uint64_t seed) {
    auto world = std::make_unique<World>(lab_plan(setting, seed), setting.options);
    settle(*world, setting, seed);
    return world;
}

void settle(World& world, const Setting& setting, std::uint64_t seed) {
    Rng rng(seed);
    // As a cluster starts them; a thousand at once would all dial the first one.
    const std::uint64_t spread_ms = 1000 + 10 * setting.nodes;
    for (std::uint32_t i = 0; i < setting.nodes; ++i) {
        world.scheduler().after(milliseconds(static_cast<std::int64_t>(rng.below(spread_ms))),
                                [&world, i] { world.start(i); });
    }
    const MonoTime begin = world.now();
    const Duration longest = milliseconds(static_cast<std::int64_t>(spread_ms)) + seconds(120);
    do run_clean(world, seconds(1));
    while (!world.disagreement().empty() && world.now() - begin < longest);
    if (const std::string why = world.disagreement(); !why.empty()) {
        std::fprintf(stderr, "vidai-sim: a figure's mesh did not settle: %s\n", why.c_str());
        std::exit(kLiveness);
    }
    // From here on, because all of a hundred nodes are never of one mind while each is suspected
    // and refutes now and then.
    world.set_loss(setting.loss);
    run_clean(world, seconds(5) + milliseconds(static_cast<std::int64_t>(rng.below(2000))));
}

double time_until(World& world, const std::function<bool()>& done, Duration step) {
    const MonoTime begin = world.now();
    while (!done()) {
        if (world.now() - begin > seconds(60)) return -1;
        run_clean(world, step);
    }
    return static_cast<double>((world.now() - begin).count()) / 1e9;
}

Quantiles measure(const Setting& setting, const Act& act, const Done& done) {
    std::vector<double> times;
    if (setting.nodes <= kOwnWorldUpTo) {
        for (std::uint32_t i = 0; i < setting.trials; ++i) {
            const auto world = settled(setting, kFirstSeed + i);
            act(*world, 0);
            times.push_back(time_until(*world, [&] { return done(*world, 0); }));
        }
        return quantiles(std::move(times));
    }
    const auto world = settled(setting, kFirstSeed);
    return quantiles(take_turns(*world, setting.trials, act, done));
}

std::vector<double> take_turns(World& world, std::uint32_t trials, const Act& act,
                               const Done& done) {
    std::vector<double> times;
    Rng rng(kFirstSeed);
    const Duration step = milliseconds(world.size() > 500 ? 20 : 5);
    for (std::uint32_t i = 0; i < trials; ++i) {
        const std::uint32_t node = i % world.size();
        act(world, node);
        times.push_back(time_until(world, [&] { return done(world, node); }, step));
        if (!world.running(node)) world.start(node);
        run_clean(world, seconds(6) + milliseconds(static_cast<std::int64_t>(rng.below(1000))));
    }
    return times;
}

}  // namespace vidai::sim
