// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/figures.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <set>
#include <utility>

#include <malloc.h>

#include "tests/sim/counter_lab.h"
#include "tests/sim/figure_table.h"
#include "tests/sim/lab.h"
#include "tests/sim/trouble.h"

namespace vidai::sim {
namespace {

using mesh::membership::EventKind;
using mesh::membership::Options;
using mesh::membership::Status;
using std::chrono::milliseconds;
using std::chrono::seconds;

using Goal = std::optional<double>;

std::string number(std::uint32_t value) {
    return std::to_string(value);
}

// Even against odd nodes.
void split_for(World& world, Duration span) {
    const auto cut = [&world](bool on) {
        for (std::uint32_t a = 0; a < world.size(); ++a) {
            for (std::uint32_t b = 0; b < world.size(); ++b) {
                if (a % 2 != b % 2) world.block(a, b, on);
            }
        }
    };
    cut(true);
    run_clean(world, span);
    cut(false);
}

constexpr seconds kIdle(60);

void move_away(World& world, std::uint32_t node) {
    world.readdress(node);
    world.set_address(node, world.node(node).address);
}
bool known_to_all(const World& world, std::uint32_t node) {
    const auto newest = world.node(node).core->self()->version;
    for (std::uint32_t i = 0; i < world.size(); ++i) {
        if (world.node(i).core->version_of(world.node(node).name) != newest) return false;
    }
    return true;
}

void vanish(World& world, std::uint32_t node) {
    world.stop(node, true);
}
bool seen_dead(const World& world, std::uint32_t node) {
    return world.everybody_says(node, Status::kDead);
}

// Of this process, which has one thread: in use, not what it has freed and kept.
double allocated_bytes() {
    const struct mallinfo2 heap = ::mallinfo2();
    return static_cast<double>(heap.uordblks) + static_cast<double>(heap.hblkhd);
}

// Wall time, and memory taken, since it was made.
class Stopwatch {
  public:
    double seconds() const {
        const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began_;
        return wall.count();
    }
    double bytes() const { return allocated_bytes() - before_; }

  private:
    const double before_ = allocated_bytes();
    const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

class Figures {
  public:
    explicit Figures(const Arguments& arguments)
        : table_(std::string("./dev mesh-figures") + (arguments.long_figures ? " --long" : ""),
                 arguments.revision.empty() ? "unknown" : arguments.revision,
                 arguments.report.empty() ? "build/reports/mesh.json" : arguments.report),
          only_(arguments.only_figure),
          long_(arguments.long_figures) {}

    bool run() {
        detection();
        after_trouble();
        slower_interval();
        propagation();
        returning();
        counters();
        idle();
        idle_after_counts();
        slow_nodes();
        loss();
        speed();
        if (long_) thousands();
        return table_.write();
    }

  private:
    bool wanted(const std::string& id) const {
        return id.starts_with(only_) || only_.starts_with(id);
    }
    void add(const std::string& id, const std::string& figure, const Setting& setting,
             const Quantiles& measured, Goal p50, Goal p99, const std::string& anchor) {
        table_.add({id + "_p50", figure + ", p50", "s", "<=", measured.p50, p50, anchor,
                    setting.conditions()});
        table_.add({id + "_p99", figure + ", p99", "s", "<=", measured.p99, p99, anchor,
                    setting.conditions()});
    }

    void death(const std::string& id, const Setting& setting, bool silent, Goal p50, Goal p99,
               const std::string& anchor) {
        if (!wanted(id)) return;
        const std::string figure =
            silent ? "silent death seen by all" : "process crash seen by all";
        add(id, figure, setting,
            measure(
                setting, [silent](World& w, std::uint32_t node) { w.stop(node, silent); },
                seen_dead),
            p50, p99, anchor);
    }

    void detection() {
        death("crash_n2", {.nodes = 2, .trials = 300}, false, 1.5, 2, "");
        death("silent_n2", {.nodes = 2, .trials = 300}, true, 4, 8, "");
        death("crash_n3", {.nodes = 3, .trials = 300}, false, 0.5, 1.5, "serf 5.75/6.97 s");
        death("silent_n3", {.nodes = 3, .trials = 300}, true, 3, 4.5, "serf 5.73/7.69 s");
        death("crash_n10", {.nodes = 10, .trials = 200}, false, 0.5, 1.5, "serf 5.98/7.03 s");
        death("silent_n10", {.nodes = 10, .trials = 200}, true, 3, 4.5, "serf 6.17/6.82 s");
        death("crash_n100", {.nodes = 100, .trials = 20}, false, std::nullopt, std::nullopt, "");
        death("silent_n100", {.nodes = 100, .trials = 20}, true, 4.5, 7,
              "memberlist model 9.7/13.9 s");
        if (!long_) return;
        death("silent_n1000", {.nodes = 1000, .trials = 5}, true, std::nullopt, 8.5,
              "memberlist model 13.7/17.2 s");
    }

    // One after the other, each as soon as the mesh is whole again.
    void after_trouble() {
        const auto at = [&](const std::string& id, const std::string& how, std::uint32_t nodes,
                            Trouble trouble, const std::string& anchor) {
            if (!wanted(id)) return;
            const Setting setting{.nodes = nodes,
                                  .trials = 400,
                                  .note = "20 in turn in each mesh, 1 to 3 s after it was whole"};
            add(id, how, setting, deaths_in_turn(setting, trouble), 3, 4.5, anchor);
        };
        const std::string cut = "machine cut off seen by all";
        const std::string stop = "process stopped (SIGSTOP) seen by all";
        at("cut_in_turn_n3", cut, 3, Trouble::kCutOff, "serf 5.77/7.35 s");
        at("stop_in_turn_n3", stop, 3, Trouble::kStop, "serf 5.73/7.69 s");
        at("cut_in_turn_n10", cut, 10, Trouble::kCutOff, "");
        at("stop_in_turn_n10", stop, 10, Trouble::kStop, "serf 6.17/6.82 s");
    }

    // For a fair comparison: nothing is faster here because we ask more often.
    void slower_interval() {
        Options options;
        options.probe_interval = milliseconds(1000);
        const std::string note = "probe interval 1 s as memberlist's";
        const auto at = [&](std::uint32_t nodes, std::uint32_t trials, const char* anchor) {
            const Setting setting{
                .nodes = nodes, .trials = trials, .options = options, .note = note};
            death("silent_1s_n" + number(nodes), setting, true, std::nullopt, std::nullopt, anchor);
        };
        at(3, 200, "serf 5.73/7.69 s");
        at(10, 100, "serf 6.17/6.82 s");
        at(100, 10, "memberlist model 9.7/13.9 s");
    }

    void propagation() {
        const auto at = [&](std::uint32_t nodes, std::uint32_t trials, double goal) {
            const Setting setting{.nodes = nodes, .trials = trials};
            const std::string id = "event_n" + number(nodes);
            if (!wanted(id)) return;
            add(id, "one event known to all", setting, measure(setting, move_away, known_to_all),
                std::nullopt, goal, "Serf's model 1.6-2.4 s");
        };
        at(3, 200, 0.2);
        at(10, 100, 0.3);
        at(100, 40, 0.8);
        if (long_) at(1000, 10, 1.2);
    }

    void returning() {
        const auto agreed = [](const World& world, std::uint32_t) {
            return world.disagreement().empty();
        };
        const auto move = [](World& world, std::uint32_t node) {
            world.stop(node, true);
            run_clean(world, seconds(8));
            world.readdress(node);
            world.start(node);
        };
        const Setting three{.nodes = 3, .trials = 200};
        if (wanted("rejoin_new_address_n3")) {
            add("rejoin_new_address_n3", "rejoin, same identity, new address", three,
                measure(three, move, agreed), std::nullopt, 1, "refused up to 30 s");
        }
        const auto split = [](World& world, std::uint32_t) {
            split_for(world, std::chrono::minutes(10));
        };
        const auto heal = [&](std::uint32_t nodes, std::uint32_t trials) {
            const Setting setting{.nodes = nodes, .trials = trials};
            const std::string id = "heal_split_n" + number(nodes);
            if (!wanted(id)) return;
            add(id, "heal of a 10 min split", setting, measure(setting, split, agreed),
                std::nullopt, 5, "memberlist never, Serf 30 s");
        };
        heal(10, 40);
        if (long_) heal(100, 3);
        if (long_) healing_of_the_aged(agreed);
    }

    // Both halves have given the other up for a day: each dials each of it once a minute.
    void healing_of_the_aged(const Done& agreed) {
        if (!wanted("heal_aged_n10")) return;
        const Setting setting{.nodes = 10, .trials = 3};
        const auto split = [](World& world, std::uint32_t) {
            split_for(world, std::chrono::hours(25));
        };
        add("heal_aged_n10", "heal of a split of 25 h", setting, measure(setting, split, agreed),
            std::nullopt, 60, "memberlist never");
    }

    // One request is admitted; all others must count it.
    void counters() {
        const auto at = [&](std::uint32_t nodes, std::uint32_t trials, double goal) {
            const Setting setting{.nodes = nodes, .trials = trials};
            const std::string id = "counter_n" + number(nodes);
            if (!wanted(id)) return;
            add(id, "a soft counter known to all", setting, quantiles(counter_times(setting)),
                std::nullopt, goal, "Gubernator global about 200 ms and two round trips");
        };
        at(3, 200, 0.1);
        at(10, 100, 0.1);
        at(64, 40, 0.25);
        if (long_) at(1000, 40, 1.5);
    }

    void idle() {
        const auto at = [&](std::uint32_t nodes, Goal goal) {
            if (!wanted("idle_bytes_n" + number(nodes))) return;
            const auto world = settled({.nodes = nodes, .trials = 1}, 1000);
            idle_rows(*world, goal);
        };
        at(3, 2'000);
        at(10, std::nullopt);
        at(100, 15'000);
        if (long_) at(1000, 40'000);
    }

    void idle_rows(World& world, Goal goal) {
        const std::uint64_t bytes = world.network().bytes();
        const std::uint64_t messages = world.network().messages();
        run_clean(world, kIdle);
        const double share = static_cast<double>(kIdle.count()) * world.size();
        const std::string n = "_n" + number(world.size());
        const std::string how = "N=" + number(world.size()) +
                                ", 60 s idle, default options, short names, no credential; "
                                "TCP payload as sealed, with its RPC envelope; "
                                "1 KiB for each message of a handshake";
        table_.add({"idle_bytes" + n, "idle gossip sent per node", "B/s",
                    "<=", static_cast<double>(world.network().bytes() - bytes) / share, goal,
                    "Serf's model up to 42 kB/s", how});
        table_.add({"idle_messages" + n, "messages received per node and second", "1/s",
                    "<=", static_cast<double>(world.network().messages() - messages) / share, 20,
                    "", how});
    }

    // What a mesh costs that rests after all its nodes have counted something: they compare.
    void idle_after_counts() {
        const auto at = [&](std::uint32_t nodes, Goal goal) {
            const std::string id = "idle_counted_bytes_n" + number(nodes);
            if (!wanted(id)) return;
            table_.add({id, "sent per node while idle, after each has counted", "B/s",
                        "<=", bytes_after_counts({.nodes = nodes, .trials = 1}, kIdle), goal, "",
                        "N=" + number(nodes) + ", 60 s, begun 10 s after each had counted a " +
                            "request, default options; bytes as idle_bytes"});
        };
        at(100, 15'000);
        if (long_) at(1000, 40'000);
    }

    // All but the counters in one mesh, since so many take minutes to meet.
    void thousands() {
        const Setting setting{.nodes = 5000, .trials = 5};
        const std::string n = "_n" + number(setting.nodes);
        if (wanted("counter" + n)) {
            add("counter" + n, "a soft counter known to all", setting,
                quantiles(counter_times(setting)), std::nullopt, std::nullopt, "");
        }
        const auto any = {"sim_speed", "idle_bytes", "event", "silent"};
        if (std::ranges::none_of(any, [&](const char* id) { return wanted(id + n); })) return;
        const Stopwatch joining;
        const auto world = settled(setting, 1000);
        const double joined = joining.seconds();
        const Stopwatch idling;
        idle_rows(*world, std::nullopt);
        speed_rows(setting.nodes, static_cast<double>(kIdle.count()) / idling.seconds(), joined,
                   joining.bytes(), std::nullopt);
        add("event" + n, "one event known to all", setting,
            quantiles(take_turns(*world, setting.trials, move_away, known_to_all)), std::nullopt,
            1.5, "Serf's model 1.6-2.4 s");
        add("silent" + n, "silent death seen by all", setting,
            quantiles(take_turns(*world, setting.trials, vanish, seen_dead)), std::nullopt, 10.5,
            "");
    }

    // Starved of processor: of each 600 ms such a node runs for 100.
    void slow_nodes() {
        for (const std::uint32_t slow : {1U, 4U, 10U}) {
            const std::string id = "slow_" + number(slow) + "_of_100";
            if (!wanted(id)) continue;
            const Setting setting{.nodes = 100, .trials = 1};
            const auto world = settled(setting, 1000);
            std::set<NodeId> wronged;
            world->watch([&](std::uint32_t, const mesh::membership::Event& event) {
                const auto subject = world->index_of(event.subject);
                if (event.kind == EventKind::kDead && subject && *subject >= slow) {
                    wronged.insert(event.subject);
                }
            });
            std::function<void(std::uint32_t)> starve = [&](std::uint32_t node) {
                world->pause(node, true);
                world->scheduler().after(milliseconds(500),
                                         [&world, node] { world->pause(node, false); });
                world->scheduler().after(milliseconds(600), [&starve, node] { starve(node); });
            };
            for (std::uint32_t i = 0; i < slow; ++i) {
                world->scheduler().after(milliseconds(60 * i), [&starve, i] { starve(i); });
            }
            run_clean(*world, seconds(120));
            table_.add({id, "healthy nodes declared dead beside slow ones", "1",
                        "<=", static_cast<double>(wronged.size()), 0,
                        "one slow SWIM member causes false positives",
                        "N=100, 120 s, slow nodes run 100 ms of each 600, default options"});
        }
    }

    // Declared dead by anybody while it runs; how long until everybody has taken it back.
    void loss() {
        const auto at = [&](Setting setting, seconds span, Goal goal, const std::string& anchor) {
            const std::string percent =
                number(static_cast<std::uint32_t>(setting.loss * 100 + 0.5));
            const std::string id = "false_deaths_n" + number(setting.nodes) + "_loss" + percent +
                                   (setting.old_kernel ? "" : "_linux_6_15");
            if (!wanted(id)) return;
            const bool chatty = setting.nodes <= 10;
            if (chatty) setting.chatter = milliseconds(50);
            const FalseDeaths found = false_deaths(setting, span);
            const std::string how =
                "N=" + number(setting.nodes) + ", " + number(setting.trials) + " meshes for " +
                std::to_string(span.count()) + " simulated s, " + percent +
                " % loss of segments (a delay over TCP, as Linux " +
                (setting.old_kernel ? "before 6.15" : "since 6.15") + " has it)" +
                (chatty ? ", counters pushed each 50 ms" : "") + ", default options";
            table_.add({id, "false deaths", "1", "<=", static_cast<double>(found.deaths), goal,
                        anchor, how});
            table_.add({id + "_refuted", "the longest until all had taken one back", "s",
                        "<=", found.refuted_after, 2, "", how});
            table_.add({id + "_suspicions", "suspicions of nodes that run", "1",
                        "<=", static_cast<double>(found.suspicions), std::nullopt, "", how});
        };
        const seconds span = long_ ? seconds(86'400) : seconds(600);
        at({.nodes = 3, .trials = 20, .loss = 0.3}, seconds(600), 0, "");
        at({.nodes = 3, .trials = 20, .loss = 0.3, .old_kernel = false}, seconds(600), 0, "");
        at({.nodes = 10, .trials = 5, .loss = 0.3}, seconds(600), 0, "");
        at({.nodes = 100, .trials = 1, .loss = 0.1}, span, 0, "UDP SWIM: 0.77 % of probes fail");
        at({.nodes = 100, .trials = 1, .loss = 0.3}, span, 1, "UDP SWIM: 22 % of probes fail");
    }

    void speed() {
        const auto at = [&](std::uint32_t nodes, seconds simulated, Goal goal) {
            if (!wanted("sim_speed_n" + number(nodes))) return;
            const Stopwatch joining;
            const auto world = settled({.nodes = nodes, .trials = 1}, 1000);
            const double joined = joining.seconds();
            const Stopwatch running;
            run_clean(*world, simulated);
            const double speed = static_cast<double>(simulated.count()) / running.seconds();
            speed_rows(nodes, speed, joined, joining.bytes(), goal);
        };
        at(10, seconds(1000), 1000);
        at(100, seconds(60), 10);
        if (long_) at(1000, seconds(20), 1);
    }

    void speed_rows(std::uint32_t nodes, double speed, double joined, double bytes, Goal goal) {
        const std::string n = "_n" + number(nodes);
        const std::string how = "N=" + number(nodes) + ", idle mesh, checks after every step";
        table_.add(
            {"sim_speed" + n, "simulated seconds per second", "1", ">=", speed, goal, "", how});
        table_.add({"sim_join" + n, "wall time until all had met", "s", "<=", joined, std::nullopt,
                    "", how});
        table_.add({"sim_memory" + n, "memory per simulated node", "B", "<=", bytes / nodes,
                    std::nullopt, "",
                    how + "; its share of the model network and of the checks included"});
    }

    FigureTable table_;
    const std::string only_;
    const bool long_;
};

}  // namespace

bool write_figures(const Arguments& arguments) {
    return Figures(arguments).run();
}

}  // namespace vidai::sim
