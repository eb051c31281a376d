// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <tuple>

#include "mesh/limits/bound.h"
#include "tests/sim/counters.h"

namespace vidai::sim {

using namespace mesh::limits;  // NOLINT(google-build-using-namespace)

namespace {

const char* kind_name(CellKind kind) {
    if (kind == CellKind::kSpend) return "micro-USD";
    return kind == CellKind::kRequests ? "requests" : "tokens";
}

// Whether it may have been collected by a clock that is at `window`.
bool is_over(CellKind kind, std::uint32_t of, std::uint32_t window) {
    return kind != CellKind::kSpend && of + 1 < window;
}

std::string about(std::uint32_t key, CellKind kind) {
    return std::string(kind_name(kind)) + " of key " + std::to_string(key);
}

std::map<CellKey, std::pair<std::uint64_t, std::uint64_t>> held_by(const CounterStore& store,
                                                                   WallTime wall) {
    std::map<CellKey, std::pair<std::uint64_t, std::uint64_t>> held;
    for (const CellBatch& batch : store.all_cells(wall)) {
        for (const Cell& cell : batch.cells) {
            held[{batch.node, batch.generation, cell.key, cell.kind, cell.window}] = {
                cell.charged, cell.returned};
        }
    }
    return held;
}

}  // namespace

void Counters::note_clocks() {
    Duration least = world_.node(0).clock, most = least;
    for (std::uint32_t i = 1; i < nodes_.size(); ++i) {
        least = std::min(least, world_.node(i).clock);
        most = std::max(most, world_.node(i).clock);
    }
    // Their own zero is true time.
    least = std::min(least, Duration{});
    most = std::max(most, Duration{});
    clocks_apart_ = std::max(clocks_apart_, most - least);
}

// How old the oldest news is that this node misses at a decision.
Duration Counters::missing_since(std::uint32_t node) const {
    const MonoTime now = world_.now();
    const MonoTime begin{std::chrono::hours(1)};
    Duration oldest{};
    for (std::uint32_t other = 0; other < nodes_.size(); ++other) {
        if (other == node || !world_.running(other) || world_.node(other).doubled) continue;
        const std::optional<MonoTime> current = news_.current(other, node);
        if (!current) {
            oldest = std::max(oldest, now - begin);
        } else if (nodes_[other].charged_at > *current) {
            oldest = std::max(oldest, now - *current);
        }
    }
    return oldest;
}

void Counters::check_admission(std::uint32_t node, std::uint32_t key) {
    const Duration missing = world_.node(node).doubled ? Duration{} : missing_since(node);
    for (const Kind kind : {Kind::kRequests, Kind::kTokens}) {
        worst(key, kind).delay = std::max(worst(key, kind).delay, missing);
    }
    check_overshoot(key, Kind::kRequests, *limits_.requests_per_minute);
    if (limits_.tokens_per_minute) check_overshoot(key, Kind::kTokens, *limits_.tokens_per_minute);
}

void Counters::check_overshoot(std::uint32_t key, Kind kind, std::uint64_t limit) {
    const std::uint64_t use = ledger_.use(key, kind, world_.wall());
    Worst& so_far = worst(key, kind);
    if (use <= limit || use - limit <= so_far.overshoot) return;
    so_far.overshoot = use - limit;
    const std::uint64_t most = bound(key, kind, limit);
    if (so_far.overshoot <= most) return;
    world_.violate("soft-overshoot",
                   about(key, kind) + ": " + std::to_string(use) + " within a minute, limit " +
                       std::to_string(limit) + ", bound of this run " + std::to_string(most) +
                       " beyond it at a delay of " +
                       std::to_string(so_far.delay / std::chrono::milliseconds(1)) + " ms");
}

std::uint64_t Counters::bound(std::uint32_t key, Kind kind, std::uint64_t limit) const {
    const Worst& so_far = worst_[key * kWindowedKinds + static_cast<std::size_t>(kind)];
    BoundInput in;
    // A process that begins anew enforces the limit alone until it has heard the others.
    in.nodes = std::max(1U, ledger_.lives(key, kind));
    // True time, which use is measured in, is one more clock.
    if (clocks_apart_.count() > 0) in.nodes = std::max(2U, in.nodes);
    in.limit = limit;
    in.burst_in_delay = ledger_.most_in(key, kind, so_far.delay);
    if (clocks_apart_.count() > 0) in.burst_in_skew = ledger_.most_in(key, kind, clocks_apart_);
    if (kind == Kind::kTokens) in.cost_max_unreserved = overrun_max_;
    in.significance = StoreOptions{}.significance * nodes_overestimated_;
    in.lost_in_crashes = so_far.lost;
    // Two who count under one name hide each other's count from all: nobody can make that good.
    for (const auto& [life, amount] : ledger_.by_life(key, kind)) {
        if (world_.node(life.node).doubled) in.lost_in_crashes += amount;
    }
    // Where clocks differ each node rounds its own estimate up.
    return overshoot_bound(in) + (clocks_apart_.count() > 0 ? in.nodes : 0);
}

// What a process had charged and some running node cannot have heard dies with it.
void Counters::lose(std::uint32_t node) {
    if (world_.node(node).doubled) return;  // all that it charged is allowed for
    for (std::uint32_t key = 0; key < keys_.size(); ++key) {
        for (const Kind kind : {Kind::kRequests, Kind::kTokens}) {
            const std::uint64_t all = ledger_.total(key, kind);
            std::uint64_t lost = 0;
            bool alone = true;
            for (std::uint32_t other = 0; other < nodes_.size(); ++other) {
                if (other == node || !world_.running(other)) continue;
                if (world_.node(other).doubled) continue;
                alone = false;
                const std::optional<MonoTime> current = news_.current(node, other);
                lost = std::max(
                    lost, current ? ledger_.charged_since(key, kind, life(node), *current) : all);
            }
            worst(key, kind).lost += alone ? all : lost;
        }
    }
}

void Counters::check_cells(std::uint32_t node, const CellBatch& batch) {
    const auto origin = world_.index_of(batch.node);
    for (const Cell& told : batch.cells) {
        const CellName name{key_of(told.key), told.kind, told.window, origin.value_or(0),
                            batch.generation.value};
        CellTruth truth = ledger_.truth(name);
        truth.charged += ledger_.refused(name);
        truth.returned += ledger_.refused(name);
        if (!origin || told.charged > truth.charged || told.returned > truth.returned) {
            world_.violate("cell-truth", world_.node(node).name.str() + " is told that " +
                                             batch.node.str() + " charged " +
                                             std::to_string(told.charged) + " and returned " +
                                             std::to_string(told.returned) + ", in truth " +
                                             std::to_string(truth.charged) + " and " +
                                             std::to_string(truth.returned));
        }
    }
}

void Counters::check_known(std::uint32_t index, const CellBatch& batch) {
    Node& node = nodes_[index];
    const std::size_t cells_max = lives_ * keys_.size() * (kWindowedKinds * 5 + 1);
    if (node.store->cell_count() > cells_max) {
        world_.violate("cells-bounded", world_.node(index).name.str() + " holds " +
                                            std::to_string(node.store->cell_count()));
    }
    std::uint32_t before = ~0U;
    for (const Cell& told : batch.cells) {
        const std::uint32_t key = key_of(told.key);
        if (std::exchange(before, key) == key) continue;
        const SlotUse use = node.table->use(key, world_.wall(index));
        const auto compare = [&](Kind kind, std::uint64_t known) {
            const std::uint64_t truth = ledger_.charged_by_others(cell(index, key, kind, 0));
            if (known <= truth) return;
            world_.violate("known-within-truth",
                           world_.node(index).name.str() + " believes that others charged " +
                               std::to_string(known) + " " + about(key, kind) + ", in truth " +
                               std::to_string(truth));
        };
        compare(Kind::kRequests, use.requests_known);
        compare(Kind::kTokens, use.tokens_known);
        compare(Kind::kSpend, static_cast<std::uint64_t>(use.spend_known.value));
    }
}

Counters::Held Counters::own(std::uint32_t node) const {
    Held own;
    for (const auto& [name, value] : held_by(*nodes_[node].store, world_.wall(node))) {
        const bool mine =
            std::get<0>(name) == world_.node(node).name && std::get<1>(name) == generation(node);
        if (mine) own[name] = value;
    }
    return own;
}

// How long it takes at most to ask for all that `node` holds, which pages as small as these make
// many questions of.
Duration Counters::first_round(std::uint32_t node) const {
    const std::size_t cells =
        nodes_[node].store->cell_count() + nodes_[node].past.back().second.size();
    return page_time_ * static_cast<std::int64_t>(cells / cells_per_call_ + 1);
}

// What was counted three seconds ago: flushed, pushed and long since taken by all who have been
// connected for so long, and for a first round before that.
void Counters::check_pushes_arrive(std::uint32_t index) {
    constexpr Duration kArrived = std::chrono::seconds(3);
    auto& past = nodes_[index].past;
    const MonoTime now = world_.now();
    while (past.size() > 1 && past[1].first + kArrived <= now) past.pop_front();
    past.emplace_back(now, own(index));
    if (past.front().first + kArrived > now || world_.node(index).doubled) return;
    // Comparing stores is dear: in a large mesh each node has its turn.
    constexpr std::uint32_t kAlwaysUpTo = 100, kTurns = 256;
    if (nodes_.size() > kAlwaysUpTo && (index + nodes_[index].turn++) % kTurns != 0) return;
    const Duration connected = kArrived + first_round(index);
    for (const auto& [peer, since] : nodes_[index].connected) {
        if (world_.node(peer).doubled) continue;
        const auto back = nodes_[peer].connected.find(index);
        const bool both = back != nodes_[peer].connected.end() && world_.running(peer) &&
                          std::max(since, back->second) + connected <= now;
        if (!both || since > past.front().first) continue;
        const std::uint32_t window = window_at(world_.wall(peer)).window;
        const Held held = held_by(*nodes_[peer].store, world_.wall(peer));
        for (const auto& [name, value] : past.front().second) {
            if (is_over(std::get<3>(name), std::get<4>(name), window)) continue;
            const auto found = held.find(name);
            if (found != held.end() && found->second.first >= value.first) continue;
            world_.violate("pushes-arrive", world_.node(peer).name.str() +
                                                " does not know in 3 s that " +
                                                world_.node(index).name.str() + " charged " +
                                                std::to_string(value.first));
        }
    }
}

// Its changes were numbered by two processes, and who has one's has another's hidden.
bool Counters::lived_twice(const SourceName& life) const {
    const auto found = lived_.find(life);
    return found != lived_.end() && found->second > 1;
}

void Counters::check_own_count(std::uint32_t index) {
    const Held held = own(index);
    const NodeId& name = world_.node(index).name;
    const std::uint32_t window = window_at(world_.wall(index)).window;
    for (const auto& [cell, amount] : nodes_[index].charged) {
        if (cell.window + 1 < window) continue;
        const auto found =
            held.find({name, Generation{cell.generation}, keys_[cell.key], cell.kind, cell.window});
        if (found != held.end() && found->second.first >= amount) continue;
        world_.violate("own-count", name.str() + " has charged " + std::to_string(amount) + " " +
                                        about(cell.key, cell.kind) + " and does not count it");
    }
}

// What `node`, which holds `held`, has not heard of what `of` holds: that one's own count, and what
// it knows of those who are gone.
std::string Counters::lacks(std::uint32_t node, const Held& held, std::uint32_t of,
                            const Held& counted) const {
    const std::uint32_t window = window_at(world_.wall(node)).window;
    for (const auto& [name, value] : counted) {
        const auto& [origin, generation, key, kind, cell_window] = name;
        if (is_over(kind, cell_window, window) || lived_twice({origin, generation})) continue;
        const auto whose = world_.index_of(origin);
        const bool runs = whose && world_.running(*whose) && generation == this->generation(*whose);
        if (runs && *whose != of) continue;
        const auto found = held.find(name);
        if (found != held.end() && found->second.first >= value.first &&
            found->second.second >= value.second) {
            continue;
        }
        const auto heard = found == held.end() ? Held::mapped_type{} : found->second;
        const auto both = [](const Held::mapped_type& cell) {
            return std::to_string(cell.first) + " charged and " + std::to_string(cell.second) +
                   " returned";
        };
        return world_.node(of).name.str() + " holds of " + origin.str() + " " + both(value) + " " +
               kind_name(kind) + " of key " + key.str() + ", " + world_.node(node).name.str() +
               " knows " + both(heard);
    }
    return {};
}

std::string Counters::disagreement() const {
    std::map<std::uint32_t, Held> held;
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
        if (!world_.running(i) || world_.node(i).left) continue;
        held[i] = held_by(*nodes_[i].store, world_.wall(i));
    }
    for (const auto& [node, theirs] : held) {
        for (const auto& [of, counted] : held) {
            if (node == of) continue;
            if (std::string why = lacks(node, theirs, of, counted); !why.empty()) return why;
        }
    }
    return {};
}

void Counters::finish() {
    check_merge_order();
    check_collection();
}

void Counters::check_merge_order() {
    std::vector<CellBatch> all;
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
        if (!world_.running(i)) continue;
        for (CellBatch& batch : nodes_[i].store->all_cells(world_.wall(i), 3)) {
            all.push_back(std::move(batch));
        }
    }
    const NodeId nobody("nobody");
    CounterTable tables[2] = {CounterTable(1), CounterTable(1)};
    CounterStore in_order(tables[0], nobody, Generation{1});
    CounterStore shuffled(tables[1], nobody, Generation{1});
    for (const CellBatch& batch : all) (void)in_order.merge(batch, world_.now(), world_.wall());
    const std::size_t once = all.size();
    for (std::size_t i = 0; i < once; ++i) {
        if (rng_.chance(0.5)) all.push_back(all[i]);
    }
    for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[rng_.below(i)]);
    for (const CellBatch& batch : all) (void)shuffled.merge(batch, world_.now(), world_.wall());
    if (held_by(in_order, world_.wall()) != held_by(shuffled, world_.wall())) {
        world_.violate("merge-order",
                       "the same cells in another order, some of them twice, make "
                       "another state");
    }
}

void Counters::check_collection() {
    constexpr std::chrono::minutes kLater(5);
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
        if (!world_.running(i)) continue;
        CounterStore& store = *nodes_[i].store;
        std::uint64_t spent[2] = {};
        const auto windowed = [&](std::uint64_t& spend) {
            std::size_t cells = 0;
            for (const auto& [name, value] : held_by(store, world_.wall(i) + kLater)) {
                const bool spends = std::get<3>(name) == Kind::kSpend;
                cells += spends ? 0 : 1;
                spend += spends ? value.first : 0;
            }
            return cells;
        };
        (void)windowed(spent[0]);
        store.tick(world_.now() + kLater, world_.wall(i) + kLater);
        if (const std::size_t left = windowed(spent[1]); left > 0) {
            world_.violate("state-collected", world_.node(i).name.str() + " still holds " +
                                                  std::to_string(left) +
                                                  " cells of windows that have passed");
        }
        if (spent[0] != spent[1]) {
            world_.violate("spend-kept",
                           world_.node(i).name.str() + " knew of " + std::to_string(spent[0]) +
                               " micro-USD spent, and later of " + std::to_string(spent[1]));
        }
    }
}

}  // namespace vidai::sim
