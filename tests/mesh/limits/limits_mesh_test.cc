// SPDX-License-Identifier: Apache-2.0
// Several nodes' counters in virtual time: requests arrive, changed cells are pushed with a delay,
// some twice, some out of order, nodes crash. Checked at every decision: use never exceeds the
// limit by more than the published bound of that very run (I9), and no request is refused while
// the mesh as a whole had room. The mutants must break one of the two.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mesh/limits/bound.h"
#include "mesh/limits/counter_store.h"
#include "mesh/limits/counter_table.h"
#include "schema/base/rng.h"

namespace vidai::mesh::limits {
namespace {

using namespace std::chrono_literals;
using Ms = std::int64_t;

const KeyId kKey("abcdefghijkl");
constexpr WallTime kStart{std::chrono::minutes(30'000'000) + 20s};  // a minute turns in the run
constexpr Ms kRunMs = 100'000;
constexpr Ms kPushMs = 50;

enum class Mutant : std::uint8_t {
    kNone,
    kMergeAdds,            // a peer's numbers are added to what is known, not maximised
    kRestartKeepsItsCell,  // the same generation after a crash
    kNeverPushes,          // changes wait for significance that never comes
};

struct Setup {
    std::uint64_t seed = 1;
    Mutant mutant = Mutant::kNone;
    bool crashes = false;
    Ms skew_ms = 0;  // greatest difference between two nodes' clocks
};

struct Outcome {
    std::uint64_t admitted = 0;
    std::uint64_t overshoot = 0;
    std::uint64_t bound = 0;
    std::uint64_t phantom_refusals = 0;  // refused while the whole mesh had room
    bool caught() const { return overshoot > bound || phantom_refusals > 0; }
};

class Simulation {
  public:
    explicit Simulation(const Setup& setup) : setup_(setup), rng_(setup.seed) {
        const std::size_t count = 2 + rng_.below(5);
        limit_ = static_cast<std::uint32_t>(100 + rng_.below(900));
        delay_max_ = static_cast<Ms>(1 + rng_.below(150));
        options_.significance = setup.mutant == Mutant::kNeverPushes ? 1e9 : 0.02;
        if (setup.mutant == Mutant::kNeverPushes) options_.flush = 24h;
        for (std::size_t i = 0; i < count; ++i) {
            nodes_.emplace_back();
            nodes_[i].skew =
                static_cast<Ms>(rng_.below(static_cast<std::uint64_t>(setup.skew_ms + 1)));
            start(i);
            at(static_cast<Ms>(rng_.below(kPushMs)), [this, i] { push(i); });
        }
        arrive();
        if (setup.crashes) at(30'000, [this] { crash(rng_.below(nodes_.size())); });
    }

    Outcome run() {
        while (!events_.empty()) {
            auto event = events_.extract(events_.begin());
            now_ = event.key().first;
            if (now_ > kRunMs) break;
            event.mapped()();
        }
        outcome_.bound = overshoot_bound({
            .nodes = static_cast<std::uint32_t>(nodes_.size()),
            .limit = limit_,
            .burst_in_delay = most_arrivals_in(kPushMs + delay_max_),
            .burst_in_skew = setup_.skew_ms > 0 ? most_arrivals_in(setup_.skew_ms) : 0,
            .significance = options_.significance > 1 ? 0 : options_.significance,
            .lost_in_crashes = lost_,
        });
        // Every node rounds its own estimate up; with one clock the sum is rounded once.
        if (setup_.skew_ms > 0) outcome_.bound += nodes_.size();
        return outcome_;
    }

  private:
    struct Node {
        Ms skew = 0;
        std::uint64_t generation = 0;
        bool serving = false;
        std::unique_ptr<CounterTable> table;
        std::unique_ptr<CounterStore> store;
        std::uint64_t told = 0;                      // of `admitted`, in cells that were pushed
        std::uint64_t admitted = 0;                  // by this generation
        std::vector<std::array<OwnCell, 2>> former;  // own cells of crashed generations
        std::map<std::tuple<NodeId, std::uint32_t>, Cell> seen;  // for the mutant
    };

    void at(Ms when, std::function<void()> what) {
        events_.emplace(std::pair(when, sequence_++), std::move(what));
    }
    WallTime wall(const Node& node) const {
        return kStart + std::chrono::milliseconds(now_ + node.skew);
    }
    MonoTime mono() const { return MonoTime{} + std::chrono::milliseconds(now_); }
    state::KeyLimits limits() const { return {limit_, {}, {}}; }
    NodeId name(std::size_t i) const { return NodeId("n" + std::to_string(i)); }

    void start(std::size_t i) {
        Node& node = nodes_[i];
        if (setup_.mutant != Mutant::kRestartKeepsItsCell) ++node.generation;
        node.store.reset();
        node.table = std::make_unique<CounterTable>(1);
        node.store = std::make_unique<CounterStore>(*node.table, name(i),
                                                    Generation{node.generation}, options_);
        ASSERT_TRUE(node.store->bind(kKey, limits()));
        node.told = node.admitted = 0;
        node.serving = true;
    }

    // Poisson arrivals of twice the limit, and bursts.
    void arrive() {
        const double mean_ms = 60'000.0 / (2.0 * limit_);
        for (double t = 0; t < kRunMs; t += -mean_ms * std::log(1 - rng_.unit())) {
            const std::uint64_t burst = rng_.chance(0.01) ? 1 + rng_.below(limit_ / 10) : 1;
            const bool one_node = rng_.chance(0.5);
            std::size_t to = rng_.below(nodes_.size());
            for (std::uint64_t k = 0; k < burst; ++k) {
                if (!one_node) to = rng_.below(nodes_.size());
                arrivals_.push_back(static_cast<Ms>(t));
                at(static_cast<Ms>(t), [this, to] { request(to); });
            }
        }
    }

    std::uint64_t most_arrivals_in(Ms stretch) const {
        std::size_t from = 0, most = 0;
        for (std::size_t to = 0; to < arrivals_.size(); ++to) {
            while (arrivals_[to] - arrivals_[from] > stretch) ++from;
            most = std::max(most, to - from + 1);
        }
        return most;
    }

    // What the mesh has really admitted in the sliding minute.
    std::uint64_t true_use() const {
        std::uint64_t sum = 0;
        WindowUse all;
        for (const Node& node : nodes_) {
            const WindowPosition here = window_at(wall(node));
            WindowUse own;
            const auto add = [&](const std::array<OwnCell, 2>& cells) {
                for (const OwnCell& cell : cells) {
                    if (cell.window == here.window) own.current += cell.charged;
                    if (cell.window + 1 == here.window) own.previous += cell.charged;
                }
            };
            if (node.serving) add(node.table->own(0, LimitKind::kRequests, wall(node)));
            for (const auto& cells : node.former) add(cells);
            sum += sliding_estimate(own, here.left_ms);
            all.current += own.current;
            all.previous += own.previous;
        }
        if (setup_.skew_ms > 0) return sum;
        return sliding_estimate(all, window_at(wall(nodes_[0])).left_ms);
    }

    void request(std::size_t i) {
        Node& node = nodes_[i];
        if (!node.serving) return;
        const bool room = true_use() < limit_;
        if (!node.table->admit(0, limits(), {}, wall(node)).admitted) {
            if (room && setup_.skew_ms == 0) ++outcome_.phantom_refusals;
            return;
        }
        ++outcome_.admitted;
        ++node.admitted;
        const std::uint64_t use = true_use();
        if (use > limit_) outcome_.overshoot = std::max(outcome_.overshoot, use - limit_);
    }

    void push(std::size_t i) {
        at(now_ + kPushMs, [this, i] { push(i); });
        Node& node = nodes_[i];
        if (!node.serving) return;
        const auto count = static_cast<std::uint32_t>(nodes_.size());
        const CellBatch batch = node.store->collect(mono(), wall(node), count);
        if (batch.cells.empty()) return;
        node.told = node.admitted;
        for (std::size_t to = 0; to < nodes_.size(); ++to) {
            if (to == i) continue;
            send(to, batch);
            if (rng_.chance(0.1)) send(to, batch);
        }
    }

    void send(std::size_t to, const CellBatch& batch) {
        const Ms delay = static_cast<Ms>(rng_.below(static_cast<std::uint64_t>(delay_max_) + 1));
        at(now_ + delay, [this, to, batch] { deliver(to, batch); });
    }

    void deliver(std::size_t to, CellBatch batch) {
        Node& node = nodes_[to];
        if (setup_.mutant == Mutant::kMergeAdds) {
            for (Cell& cell : batch.cells) {
                Cell& seen = node.seen[{batch.node, cell.window}];
                seen.charged = cell.charged += seen.charged;
            }
        }
        node.store->merge(batch, mono(), wall(node));
    }

    // The process dies, is started a second later, and serves once every peer has told it all:
    // one peer is not enough, since news that another sent it meanwhile went to a dead process.
    void crash(std::size_t i) {
        Node& node = nodes_[i];
        lost_ += node.admitted - node.told;
        node.former.push_back(node.table->own(0, LimitKind::kRequests, wall(node)));
        node.serving = false;
        at(now_ + 1'000, [this, i] {
            start(i);
            for (std::size_t peer = 0; peer < nodes_.size(); ++peer) {
                if (peer == i) continue;
                const Node& from = nodes_[peer];
                for (const CellBatch& batch : from.store->all_cells(wall(from))) deliver(i, batch);
            }
        });
    }

    const Setup setup_;
    Rng rng_;
    StoreOptions options_;
    std::uint32_t limit_ = 0;
    Ms delay_max_ = 0;
    Ms now_ = 0;
    std::vector<Node> nodes_;
    std::vector<Ms> arrivals_;
    std::map<std::pair<Ms, std::uint64_t>, std::function<void()>> events_;
    std::uint64_t sequence_ = 0;
    std::uint64_t lost_ = 0;
    Outcome outcome_;
};

Outcome simulate(const Setup& setup) {
    return Simulation(setup).run();
}

constexpr std::uint64_t kSeeds = 60;

TEST(LimitsMesh, NeverExceedTheBoundOfTheirRunNorRefuseWhileThereIsRoom) {
    std::uint64_t overshot = 0;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        const Outcome outcome = simulate({.seed = seed});
        EXPECT_LE(outcome.overshoot, outcome.bound) << "seed " << seed;
        EXPECT_EQ(outcome.phantom_refusals, 0u) << "seed " << seed;
        overshot += outcome.overshoot > 0 ? 1 : 0;
    }
    EXPECT_GT(overshot, kSeeds / 4) << "a run without any overshoot tests no bound";
}

TEST(LimitsMesh, KeepTheBoundThroughCrashes) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        const Outcome outcome = simulate({.seed = seed, .crashes = true});
        EXPECT_LE(outcome.overshoot, outcome.bound) << "seed " << seed;
    }
}

TEST(LimitsMesh, KeepTheBoundWhenClocksDiffer) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        const Outcome outcome = simulate({.seed = seed, .skew_ms = 400});
        EXPECT_LE(outcome.overshoot, outcome.bound) << "seed " << seed;
    }
}

TEST(LimitsMesh, GiveTheSameRunForTheSameSeed) {
    const Outcome a = simulate({.seed = 9, .crashes = true});
    const Outcome b = simulate({.seed = 9, .crashes = true});
    EXPECT_EQ(a.admitted, b.admitted);
    EXPECT_EQ(a.overshoot, b.overshoot);
    EXPECT_EQ(a.bound, b.bound);
}

// How many seeds it takes to catch a mutant; kSeeds + 1: it got away.
std::uint64_t seeds_to_catch(Mutant mutant, bool crashes) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        if (simulate({.seed = seed, .mutant = mutant, .crashes = crashes}).caught()) return seed;
    }
    return kSeeds + 1;
}

TEST(LimitsMutants, AMergeThatAddsInsteadOfMaximisingIsCaught) {
    EXPECT_LE(seeds_to_catch(Mutant::kMergeAdds, false), kSeeds);
}

TEST(LimitsMutants, ARestartThatKeepsItsCellIsCaught) {
    EXPECT_LE(seeds_to_catch(Mutant::kRestartKeepsItsCell, true), kSeeds);
}

TEST(LimitsMutants, ANodeThatNeverPushesIsCaught) {
    EXPECT_LE(seeds_to_catch(Mutant::kNeverPushes, false), kSeeds);
}

}  // namespace
}  // namespace vidai::mesh::limits
