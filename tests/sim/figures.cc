// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/figures.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <vector>

#include "tests/sim/world.h"

namespace vidai::sim {
namespace {

using mesh::membership::Status;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Row {
    std::string id, figure, unit, op, conditions;
    double value = 0;
    double goal = 0;
    std::string anchor;
};

struct Quantiles {
    double p50 = 0, p99 = 0;
};

// One trial: a settled mesh, an act, and the time until `done`; negative if not within a minute.
double trial(std::uint32_t nodes, std::uint64_t seed, const std::function<void(World&)>& act,
             const std::function<bool(const World&)>& done) {
    Plan plan;
    plan.seed = seed;
    plan.nodes = nodes;
    plan.links = {.latency = milliseconds(1) / 4,
                  .jitter = milliseconds(1) / 4,
                  .loss = 0,
                  .duplicate = 0,
                  .tail = 0,
                  .tail_max = {},
                  .user_timeout = seconds(5),
                  .bytes_per_second = 0};
    World world(plan, {});
    Rng rng(seed);
    for (std::uint32_t i = 0; i < nodes; ++i) {
        const auto wait = milliseconds(static_cast<std::int64_t>(rng.below(1000)));
        world.scheduler().after(wait, [&world, i] { world.start(i); });
    }
    world.run(world.now() + seconds(12) + milliseconds(static_cast<std::int64_t>(rng.below(2000))));
    act(world);
    const MonoTime begin = world.now();
    while (!done(world)) {
        if (world.now() - begin > seconds(60)) return -1;
        world.run(world.now() + milliseconds(1));
    }
    return static_cast<double>((world.now() - begin).count()) / 1e9;
}

Quantiles quantiles(std::uint32_t nodes, std::uint32_t trials,
                    const std::function<void(World&)>& act,
                    const std::function<bool(const World&)>& done) {
    std::vector<double> times;
    for (std::uint32_t i = 0; i < trials; ++i) times.push_back(trial(nodes, 1000 + i, act, done));
    std::sort(times.begin(), times.end());
    if (times.front() < 0) return {-1, -1};
    const auto at = [&](double q) {
        return times[static_cast<std::size_t>(q * static_cast<double>(times.size() - 1) + 0.5)];
    };
    return {at(0.5), at(0.99)};
}

class Table {
  public:
    void add(const std::string& id, const std::string& figure, Quantiles measured, Quantiles goal,
             const std::string& anchor, const std::string& conditions) {
        row({id + "_p50", figure + ", p50", "s", "<=", conditions, measured.p50, goal.p50, anchor});
        row({id + "_p99", figure + ", p99", "s", "<=", conditions, measured.p99, goal.p99, anchor});
    }
    void row(Row row) {
        std::printf("%-28s %10.3f %-4s goal %s %-8g %s\n", row.id.c_str(), row.value,
                    row.unit.c_str(), row.op.c_str(), row.goal, row.conditions.c_str());
        std::fflush(stdout);
        rows_.push_back(std::move(row));
    }
    bool write(const std::string& path) const {
        std::error_code ignored;
        std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
        std::FILE* file = std::fopen(path.c_str(), "w");
        if (file == nullptr) return false;
        std::fputs("[\n", file);
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            const Row& r = rows_[i];
            std::fprintf(
                file,
                "  {\"id\": \"%s\", \"figure\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", "
                "\"op\": \"%s\", \"goal\": %g, \"anchor\": \"%s\", \"kind\": "
                "\"simulated\", \"command\": \"vidai-sim --figures\", \"conditions\": "
                "\"%s\"}%s\n",
                r.id.c_str(), r.figure.c_str(), r.value, r.unit.c_str(), r.op.c_str(), r.goal,
                r.anchor.c_str(), r.conditions.c_str(), i + 1 < rows_.size() ? "," : "");
        }
        std::fputs("]\n", file);
        return std::fclose(file) == 0;
    }

  private:
    std::vector<Row> rows_;
};

bool all_say_dead(const World& world) {
    return world.everybody_says(0, Status::kDead);
}

std::string conditions(std::uint32_t nodes, std::uint32_t trials) {
    return "N=" + std::to_string(nodes) + ", " + std::to_string(trials) +
           " trials, default options, 0.5 ms round trip, no loss";
}

void detection(Table& table) {
    struct Case {
        std::uint32_t nodes, trials;
        Quantiles crash, silent;
        const char* crash_anchor;
        const char* silent_anchor;
    };
    const Case cases[] = {{2, 300, {1.5, 2}, {4, 8}, "", ""},
                          {3, 300, {0.5, 1.5}, {3, 4.5}, "serf 5.75/6.97 s", "serf 5.73/7.69 s"},
                          {10, 200, {0.5, 1.5}, {3, 4.5}, "serf 5.98/7.03 s", "serf 6.17/6.82 s"},
                          {100, 5, {0.5, 1.5}, {4.5, 7}, "", "memberlist model 9.7/13.9 s"}};
    for (const Case& c : cases) {
        const std::string n = std::to_string(c.nodes);
        table.add("crash_n" + n, "process crash seen by all",
                  quantiles(
                      c.nodes, c.trials, [](World& w) { w.stop(0, false); }, all_say_dead),
                  c.crash, c.crash_anchor, conditions(c.nodes, c.trials));
        table.add("silent_n" + n, "silent death seen by all",
                  quantiles(
                      c.nodes, c.trials, [](World& w) { w.stop(0, true); }, all_say_dead),
                  c.silent, c.silent_anchor, conditions(c.nodes, c.trials));
    }
}

bool all_know_the_address(const World& world) {
    const auto newest = world.node(0).core->self()->version;
    for (std::uint32_t i = 1; i < world.size(); ++i) {
        if (world.node(i).core->version_of(world.node(0).name) != newest) return false;
    }
    return true;
}

void propagation(Table& table) {
    struct Case {
        std::uint32_t nodes, trials;
        double goal;
    };
    for (const Case& c : {Case{3, 200, 0.2}, Case{10, 100, 0.3}, Case{100, 5, 0.8}}) {
        const Quantiles measured = quantiles(
            c.nodes, c.trials, [](World& w) { w.set_address(0, "elsewhere:1"); },
            all_know_the_address);
        table.add("event_n" + std::to_string(c.nodes), "one event known to all", measured,
                  {c.goal, c.goal}, "Serf's model 1.6-2.0 s", conditions(c.nodes, c.trials));
    }
}

void returning(Table& table) {
    const auto agreed = [](const World& world) { return world.disagreement().empty(); };
    const auto move = [](World& world) {
        world.stop(0, true);
        world.run(world.now() + seconds(8));
        world.readdress(0);
        world.start(0);
    };
    table.add("rejoin_new_address_n3", "rejoin, same identity, new address",
              quantiles(3, 200, move, agreed), {1, 1}, "refused up to 30 s", conditions(3, 200));
    const auto split = [](World& world) {
        const auto cut = [&world](bool on) {
            for (std::uint32_t a = 0; a < world.size(); ++a) {
                for (std::uint32_t b = 0; b < world.size(); ++b) {
                    if (a % 2 != b % 2) world.block(a, b, on);
                }
            }
        };
        cut(true);
        world.run(world.now() + std::chrono::minutes(10));
        cut(false);
    };
    table.add("heal_split_n10", "heal of a 10 min split", quantiles(10, 40, split, agreed), {5, 5},
              "memberlist never, Serf 30 s", conditions(10, 40));
}

void speed(Table& table, std::uint32_t nodes, seconds simulated, double goal) {
    Plan plan;
    plan.nodes = nodes;
    plan.links.latency = milliseconds(1) / 4;
    plan.links.user_timeout = seconds(5);
    World world(plan, {});
    for (std::uint32_t i = 0; i < nodes; ++i) world.start(i);
    world.run(world.now() + seconds(5));
    const std::uint64_t before = world.network().messages();
    const auto begin = std::chrono::steady_clock::now();
    world.run(world.now() + simulated);
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
    const double span = static_cast<double>(simulated.count());
    const std::string how = "N=" + std::to_string(nodes) + ", idle mesh, checks after every step";
    table.row({"sim_speed_n" + std::to_string(nodes), "simulated seconds per second", "1",
               ">=", how, span / wall.count(), goal, ""});
    table.row({"idle_messages_n" + std::to_string(nodes), "messages received per node and second",
               "1/s", "<=", how,
               static_cast<double>(world.network().messages() - before) / span / nodes, 20, ""});
}

}  // namespace

bool write_figures(const Arguments& arguments) {
    Table table;
    detection(table);
    propagation(table);
    returning(table);
    speed(table, 10, seconds(1000), 1000);
    speed(table, 100, seconds(20), 10);
    return table.write(arguments.report);
}

}  // namespace vidai::sim
