// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/trouble.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace vidai::sim {
namespace {

using mesh::membership::EventKind;
using mesh::membership::Status;
using mesh::membership::Version;
using std::chrono::milliseconds;

constexpr std::uint64_t kFirstSeed = 1000;
constexpr std::uint32_t kTurns = 20;

void set_trouble(World& world, std::uint32_t victim, Trouble trouble, bool on) {
    if (trouble == Trouble::kStop) return world.pause(victim, on);
    for (std::uint32_t i = 0; i < world.size(); ++i) {
        if (i == victim) continue;
        world.block(i, victim, on);
        world.block(victim, i, on);
    }
}

// What counters of clients at work put on every connection, and on the heads of its lines.
void chat(World& world, Duration every) {
    for (std::uint32_t from = 0; from < world.size(); ++from) {
        for (std::uint32_t to = 0; to < world.size(); ++to) {
            if (from != to) world.send(from, to, CounterAnswer{});
        }
    }
    world.scheduler().after(every, [&world, every] { chat(world, every); });
}

// Who was declared dead and has not been taken back by everybody.
class Wronged {
  public:
    explicit Wronged(World& world) : world_(world) {
        world.watch([this](std::uint32_t, const mesh::membership::Event& event) {
            if (event.kind == EventKind::kSuspect) ++result_.suspicions;
            if (event.kind != EventKind::kDead) return;
            // Many say it of one life, and it is one death.
            const auto life = std::pair(event.subject, event.version);
            if (!said_.emplace(life, world_.now()).second) return;
            ++result_.deaths;
            open_.emplace_back(*world_.index_of(event.subject), world_.now());
        });
    }

    void look() {
        std::erase_if(open_, [this](const auto& death) {
            const double since = static_cast<double>((world_.now() - death.second).count()) / 1e9;
            result_.refuted_after = std::max(result_.refuted_after, since);
            return world_.everybody_says(death.first, Status::kAlive);
        });
    }
    const FalseDeaths& result() const { return result_; }

  private:
    World& world_;
    FalseDeaths result_;
    std::map<std::pair<NodeId, Version>, MonoTime> said_;
    std::vector<std::pair<std::uint32_t, MonoTime>> open_;
};

}  // namespace

Quantiles deaths_in_turn(const Setting& setting, Trouble trouble) {
    std::vector<double> times;
    for (std::uint32_t first = 0; first < setting.trials; first += kTurns) {
        const auto world = settled(setting, kFirstSeed + first);
        Rng rng(kFirstSeed + first);
        for (std::uint32_t turn = 0; turn < std::min(kTurns, setting.trials - first); ++turn) {
            const std::uint32_t victim = turn % setting.nodes;
            world->run(world->now() + milliseconds(1000) +
                       milliseconds(static_cast<std::int64_t>(rng.below(2000))));
            set_trouble(*world, victim, trouble, true);
            times.push_back(
                time_until(*world, [&] { return world->everybody_says(victim, Status::kDead); }));
            set_trouble(*world, victim, trouble, false);
            const double whole = time_until(*world, [&] { return world->disagreement().empty(); });
            if (times.back() < 0 || whole < 0) return {-1, -1, -1};
        }
    }
    return quantiles(std::move(times));
}

FalseDeaths false_deaths(const Setting& setting, Duration span) {
    FalseDeaths all;
    for (std::uint32_t trial = 0; trial < setting.trials; ++trial) {
        const auto world = settled(setting, kFirstSeed + trial);
        Wronged wronged(*world);
        if (setting.chatter.count() > 0) chat(*world, setting.chatter);
        const MonoTime end = world->now() + span;
        while (world->now() < end) {
            world->run(std::min(end, world->now() + milliseconds(50)));
            wronged.look();
        }
        all.deaths += wronged.result().deaths;
        all.suspicions += wronged.result().suspicions;
        all.refuted_after = std::max(all.refuted_after, wronged.result().refuted_after);
    }
    return all;
}

}  // namespace vidai::sim
