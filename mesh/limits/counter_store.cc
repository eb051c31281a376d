// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/counter_store.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "mesh/state/key_table.h"
#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::limits {
namespace {

// How far a peer's window may be from ours: clocks differ, and a window still weighs in the next.
constexpr std::uint32_t kWindowsBack = 2;
constexpr std::uint32_t kWindowsAhead = 2;
// More than a cell of spend can honestly hold (10^9 USD); sums of such cells saturate.
constexpr std::uint64_t kSpendMax = 1'000'000'000'000'000;

std::uint64_t net(const OwnCell& cell) {
    return cell.charged - std::min(cell.charged, cell.returned);
}

Cell make_cell(const KeyId& key, std::size_t kind, const OwnCell& own) {
    return {key, static_cast<CellKind>(kind), own.window, own.charged, own.returned};
}

std::size_t index_of(CellKind kind) {
    return static_cast<std::size_t>(kind);
}

}  // namespace

CounterStore::CounterStore(CounterTable& table, NodeId self, Generation generation,
                           StoreOptions options, Members members)
    : table_(table),
      self_(std::move(self)),
      generation_(generation),
      options_(options),
      members_(std::move(members)) {
    CHECK(options.delay > Duration::zero() && options.generations_max > 1);
    CHECK(options.origins_max <= std::numeric_limits<Origin>::max());
}

Result<Slot> CounterStore::bind(const KeyId& id, const state::KeyLimits& limits) {
    const auto found = keys_.try_emplace(id).first;
    KeyState& key = found->second;
    key.limits = limits;
    key.released = false;
    if (key.slot) return *key.slot;
    if (free_.empty() && by_slot_.size() >= table_.capacity()) {
        return fail(ErrorCode::kResourceExhausted, "this node counts as many keys as it can (" +
                                                       std::to_string(table_.capacity()) +
                                                       "); revoke keys that are not used");
    }
    Slot slot = static_cast<Slot>(by_slot_.size());
    if (!free_.empty()) {
        slot = free_.back();
        free_.pop_back();
        by_slot_[slot] = found;
    } else {
        by_slot_.push_back(found);
    }
    table_.open(slot);
    key.slot = slot;
    ++bound_;
    for (const Heard& heard : key.heard) publish(key, heard.name.kind, heard.name.window);
    return slot;
}

void CounterStore::release(const KeyId& id, MonoTime now) {
    const auto found = keys_.find(id);
    if (found == keys_.end() || !found->second.slot || found->second.released) return;
    found->second.released = true;
    quarantine_.push_back({id, now + options_.slot_quarantine});
}

std::optional<Slot> CounterStore::slot_of(const KeyId& id) const {
    const auto found = keys_.find(id);
    return found == keys_.end() ? std::nullopt : found->second.slot;
}

bool CounterStore::near(std::uint32_t cell_window, std::uint32_t window) {
    return cell_window + kWindowsBack >= window && cell_window <= window + kWindowsAhead;
}

bool CounterStore::acceptable(const Cell& cell, std::uint32_t window) const {
    if (!state::parse_key_id(cell.key.str()) || cell.returned > cell.charged) return false;
    if (cell.kind == CellKind::kSpend) {
        return cell.window == 0 && cell.returned == 0 && cell.charged <= kSpendMax;
    }
    return index_of(cell.kind) < kWindowedKinds && cell.charged <= kCountMax &&
           near(cell.window, window);
}

MergeCount CounterStore::merge(const CellBatch& batch, const NodeId& from, MonoTime now,
                               WallTime wall, Said how) {
    MergeCount count;
    const bool ours = batch.node == self_ && batch.generation == generation_;
    const bool itself = batch.node == from;
    const std::optional<Origin> origin = ours ? std::nullopt : intern(batch.node, itself);
    if (origin) origins_[*origin].busy = true;  // the teller must not take its place
    const std::optional<Origin> teller = origin ? intern(from, true) : std::nullopt;
    if (origin) origins_[*origin].busy = false;
    if (!origin || !teller) {
        count.refused = batch.cells.size();
        return count;
    }
    if (itself && how == Said::kPushed) lives(*origin, batch.generation);
    if (itself && how == Said::kCorrected) correct(*origin, batch);
    const std::uint32_t window = window_at(wall).window;
    for (const Cell& cell : batch.cells) {
        Applied applied = Applied::kRefused;
        if (acceptable(cell, window)) applied = apply(cell, {*origin, *teller, batch}, now);
        count.applied += applied == Applied::kRaised ? 1 : 0;
        count.unchanged += applied == Applied::kUnchanged ? 1 : 0;
        count.refused += applied == Applied::kRefused ? 1 : 0;
    }
    auto& held = origins_[*origin].generations;
    const auto of = held.find(batch.generation);
    if (of == held.end()) return count;
    of->second.highest = std::max(of->second.highest, batch.highest);
    if (batch.whole && count.refused == 0) of->second.progress.take({batch.since, batch.upto});
    return count;
}

CounterStore::KeyState* CounterStore::key_for(const KeyId& id) {
    const auto found = keys_.find(id);
    if (found != keys_.end()) return &found->second;
    if (keys_.size() - bound_ >= options_.keys_heard_max) return nullptr;
    return &keys_.try_emplace(id).first->second;
}

CounterStore::Applied CounterStore::apply(const Cell& cell, const Told& told, MonoTime now) {
    const CellBatch& batch = told.batch;
    if (!has_room_for(told.origin, batch.generation)) return Applied::kRefused;
    KeyState* key = key_for(cell.key);
    if (key == nullptr) return Applied::kRefused;
    const Heard fresh{
        {cell.kind, cell.window, told.origin, batch.generation}, 0, 0, 0, told.teller};
    auto at = std::ranges::lower_bound(key->heard, fresh.name, {}, &Heard::name);
    if (at == key->heard.end() || at->name != fresh.name) {
        if (!insert(*key, cell.key, fresh)) {
            erase_if_empty(keys_.find(cell.key));
            return Applied::kRefused;
        }
        at = std::ranges::lower_bound(key->heard, fresh.name, {}, &Heard::name);
    }
    at->number = std::max(at->number, batch.highest);
    Held& held = origins_[told.origin].generations.at(batch.generation).keys.find(cell.key)->second;
    held.newest = std::max(held.newest, batch.highest);
    if (cell.charged <= at->charged && cell.returned <= at->returned) return Applied::kUnchanged;
    record_burst(*key, cell.kind, cell.charged - std::min(cell.charged, at->charged), now);
    if (VIDAI_MUTANT("counter-merge-adds")) {
        at->charged += cell.charged;
        at->returned += cell.returned;
    }
    at->charged = std::max(at->charged, cell.charged);
    at->returned = std::max(at->returned, cell.returned);
    publish(*key, cell.kind, cell.window);
    return Applied::kRaised;
}

void CounterStore::publish(const KeyState& key, CellKind kind, std::uint32_t window) const {
    if (!key.slot) return;
    std::uint64_t sum = kind == CellKind::kSpend ? key.retired_spend : 0;
    const auto of_kind = [](const Heard& heard) {
        return std::tuple(heard.name.kind, heard.name.window);
    };
    for (const Heard& heard :
         std::ranges::equal_range(key.heard, std::tuple(kind, window), {}, of_kind)) {
        sum = std::min(kSumMax, sum + heard.charged - std::min(heard.charged, heard.returned));
    }
    if (kind == CellKind::kSpend) {
        table_.publish_known_spend(*key.slot, sum);
    } else {
        table_.publish_known(*key.slot, static_cast<LimitKind>(kind), window, sum);
    }
}

void CounterStore::record_burst(KeyState& key, CellKind kind, std::uint64_t charged, MonoTime now) {
    if (kind == CellKind::kSpend || charged == 0) return;
    Burst& burst = key.burst[index_of(kind)];
    const std::int64_t bucket = now.time_since_epoch() / options_.delay;
    if (bucket != burst.bucket) {
        burst.previous = bucket == burst.bucket + 1 ? burst.current : 0;
        burst.current = 0;
        burst.bucket = bucket;
    }
    burst.current += charged;
    burst.most = std::max(burst.most, burst.previous + burst.current);
}

std::uint64_t CounterStore::burst(const KeyId& id, LimitKind kind) const {
    const auto found = keys_.find(id);
    const auto index = static_cast<std::size_t>(kind);
    if (found == keys_.end() || index >= kWindowedKinds) return 0;
    return found->second.burst[index].most;
}

CellBatch CounterStore::collect(MonoTime now, WallTime wall, std::uint32_t nodes, bool all) {
    if (all || !last_flush_ || now - *last_flush_ >= options_.flush) {
        flushing_ = true;
        last_flush_ = now;
    }
    const PushRule rule{now, wall, std::max<std::uint32_t>(1, nodes), flushing_};
    table_.take_changed(pending_);
    std::ranges::sort(pending_);
    const auto repeated = std::ranges::unique(pending_);
    pending_.erase(repeated.begin(), repeated.end());

    CellBatch batch{self_, generation_, {}};
    bool cut = false;
    std::erase_if(pending_, [&](Slot slot) {
        if (slot >= by_slot_.size() || by_slot_[slot] == keys_.end()) return true;
        cut |= batch.cells.size() >= options_.push_cells_max;
        if (cut) return false;
        return collect_key(by_slot_[slot]->first, by_slot_[slot]->second, rule, batch.cells);
    });
    flushing_ &= cut;  // what is left must not wait for the next flush
    batch.since = changes_;
    if (!batch.cells.empty()) ++changes_;
    batch.upto = batch.highest = changes_;
    batch.whole = true;
    return batch;
}

// Appends what is worth telling of one key; true when nothing is left untold.
bool CounterStore::collect_key(const KeyId& id, KeyState& key, const PushRule& rule,
                               std::vector<Cell>& out) {
    bool complete = true;
    const SlotUse use = table_.use(*key.slot, rule.wall);
    const std::array<std::uint64_t, kWindowedKinds> limit{
        key.limits.requests_per_minute.value_or(0), key.limits.tokens_per_minute.value_or(0)};
    const std::array<std::uint64_t, kWindowedKinds> used{use.requests_own + use.requests_known,
                                                         use.tokens_own + use.tokens_known};
    for (std::size_t kind = 0; kind < kWindowedKinds; ++kind) {
        const std::uint64_t room = limit[kind] - std::min(limit[kind], used[kind]);
        const double threshold =
            std::max(1.0, options_.significance * static_cast<double>(room) / rule.nodes);
        for (const OwnCell& cell : table_.own(*key.slot, static_cast<LimitKind>(kind), rule.wall)) {
            OwnCell& told = key.pushed[kind][cell.window % 2];
            if (told.window != cell.window) told = {cell.window, 0, 0};
            if (cell.charged == told.charged && cell.returned == told.returned) continue;
            const std::uint64_t a = net(cell), b = net(told);
            if (!rule.flush && static_cast<double>(std::max(a, b) - std::min(a, b)) < threshold) {
                complete = false;
                continue;
            }
            record_burst(key, static_cast<CellKind>(kind),
                         cell.charged - std::min(cell.charged, told.charged), rule.now);
            told = cell;
            key.numbers[kind][cell.window % 2] = changes_ + 1;
            out.push_back(make_cell(id, kind, cell));
        }
    }
    const std::uint64_t spend = table_.own_spend(*key.slot);
    if (spend != key.pushed_spend) {
        if (!rule.flush) return false;
        key.pushed_spend = spend;
        key.spend_number = changes_ + 1;
        out.push_back({id, CellKind::kSpend, 0, spend, 0});
    }
    return complete;
}

std::vector<Cell> CounterStore::own_cells(WallTime now) const {
    std::vector<Cell> cells;
    for (const auto& [id, key] : keys_) {
        for (std::size_t kind = 0; key.slot && kind < kWindowedKinds; ++kind) {
            for (const OwnCell& own : table_.own(*key.slot, static_cast<LimitKind>(kind), now)) {
                if (own.charged > 0) cells.push_back(make_cell(id, kind, own));
            }
        }
        const std::uint64_t spend = key.slot ? table_.own_spend(*key.slot) : key.pushed_spend;
        if (spend > 0) cells.push_back({id, CellKind::kSpend, 0, spend, 0});
    }
    return cells;
}

std::vector<CellBatch> CounterStore::all_cells(WallTime now, std::size_t cells_max) const {
    CHECK(cells_max > 0);
    std::map<std::pair<Origin, Generation>, std::vector<Cell>> by_origin;
    for (const auto& [id, key] : keys_) {
        for (const Heard& heard : key.heard) {
            by_origin[{heard.name.origin, heard.name.generation}].push_back(
                {id, heard.name.kind, heard.name.window, heard.charged, heard.returned});
        }
    }
    std::vector<CellBatch> batches;
    const auto cut = [&](const NodeId& node, Generation generation, std::vector<Cell> cells) {
        for (std::size_t from = 0; from < cells.size(); from += cells_max) {
            const std::size_t to = std::min(cells.size(), from + cells_max);
            CellBatch& batch = batches.emplace_back(CellBatch{node, generation, {}});
            const auto begin = std::make_move_iterator(cells.begin());
            batch.cells.assign(begin + static_cast<std::ptrdiff_t>(from),
                               begin + static_cast<std::ptrdiff_t>(to));
        }
    };
    cut(self_, generation_, own_cells(now));
    for (auto& [origin, cells] : by_origin) {
        cut(origins_[origin.first].node, origin.second, std::move(cells));
    }
    if (batches.empty()) batches.push_back({self_, generation_, {}});
    return batches;
}

void CounterStore::forget_window(std::uint32_t window) {
    for (const KeyId& id : by_window_[window]) {
        const auto found = keys_.find(id);
        if (found == keys_.end()) continue;
        KeyState& key = found->second;
        std::erase_if(key.heard, [&](const Heard& heard) {
            if (heard.name.kind == CellKind::kSpend || heard.name.window != window) return false;
            uncount(id, heard);
            return true;
        });
        erase_if_empty(found);
    }
    by_window_.erase(window);
}

void CounterStore::tick(MonoTime now, WallTime wall) {
    const std::uint32_t window = window_at(wall).window;
    while (!by_window_.empty() && by_window_.begin()->first + kWindowsBack < window) {
        forget_window(by_window_.begin()->first);
    }
    while (!quarantine_.empty() && quarantine_.front().until <= now) {
        const auto found = keys_.find(quarantine_.front().key);
        quarantine_.pop_front();
        if (found == keys_.end() || !found->second.slot || !found->second.released) continue;
        KeyState& key = found->second;
        key.pushed_spend = table_.own_spend(*key.slot);
        by_slot_[*key.slot] = keys_.end();
        free_.push_back(*key.slot);
        key.slot.reset();
        --bound_;
    }
}

MicroUsd CounterStore::spend(const KeyId& id) const {
    const auto found = keys_.find(id);
    if (found == keys_.end()) return {};
    const KeyState& key = found->second;
    const std::uint64_t own = key.slot ? table_.own_spend(*key.slot) : key.pushed_spend;
    std::uint64_t sum = std::min(kSumMax, own + key.retired_spend);
    for (const Heard& heard : key.heard) {
        if (heard.name.kind == CellKind::kSpend) sum = std::min(kSumMax, sum + heard.charged);
    }
    return {static_cast<std::int64_t>(sum)};
}

}  // namespace vidai::mesh::limits
