// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/counter_store.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "mesh/state/key_table.h"
#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::limits {
namespace {

// How far a peer's window may be from ours: clocks differ, and a window still weighs in the next.
constexpr std::uint32_t kWindowsBack = 2;
constexpr std::uint32_t kMinutesBack = 2;
constexpr std::uint32_t kMinutesAhead = 2;
// More than a cell of spend can honestly hold (10^9 USD); sums of such cells saturate.
constexpr std::uint64_t kSpendMax = 1'000'000'000'000'000;

// So many requests a node does not open in its life.
constexpr std::uint64_t kOpenedMax = std::uint64_t{1} << 60;
// Of windows shorter than a minute no more are kept, of one kind and life.
constexpr std::size_t kShortWindowsMax = 5;

constexpr LimitKind kCounted[kCountedKinds] = {LimitKind::kRequests, LimitKind::kTokens,
                                               LimitKind::kConcurrency};

std::uint64_t net(const OwnCell& cell) {
    return cell.charged - std::min(cell.charged, cell.returned);
}

std::size_t index_of(LimitKind kind) {
    return static_cast<std::size_t>(kind);
}

LimitKind limit_kind(CellKind kind) {
    return kind == CellKind::kConcurrency ? LimitKind::kConcurrency : static_cast<LimitKind>(kind);
}

Cell make_cell(const KeyId& key, LimitKind kind, const OwnCell& own, std::uint32_t span_s) {
    const bool windowed = has_window(cell_kind(kind));
    return {key,         cell_kind(kind), own.window,
            own.charged, own.returned,    windowed ? span_s : kMinuteS};
}

std::span<const OwnCell> cells_of(const std::array<OwnCell, 2>& own, LimitKind kind) {
    return std::span(own).first(has_window(cell_kind(kind)) ? 2 : 1);
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
    return bind(id,
                {limits.requests_per_minute.value_or(0), limits.tokens_per_minute.value_or(0),
                 limits.concurrency.value_or(0)},
                kMinuteS);
}

Result<Slot> CounterStore::bind(const KeyId& id, LimitKind kind, std::uint64_t limit,
                                std::uint32_t span_s) {
    std::array<std::uint64_t, kCountedKinds> limits{};
    limits[index_of(kind)] = limit;
    return bind(id, limits, span_s);
}

Result<Slot> CounterStore::bind(const KeyId& id,
                                const std::array<std::uint64_t, kCountedKinds>& limits,
                                std::uint32_t span_s) {
    const auto found = keys_.try_emplace(id).first;
    KeyState& key = found->second;
    key.limits = limits;
    key.released = false;
    if (key.slot) return *key.slot;
    if (free_.empty() && by_slot_.size() >= table_.capacity()) {
        erase_if_empty(found);
        return fail(ErrorCode::kResourceExhausted,
                    "this node has as many counters, of keys and of limits, as it can (" +
                        std::to_string(table_.capacity()) +
                        "); revoke keys and delete limits that are not used");
    }
    Slot slot = static_cast<Slot>(by_slot_.size());
    if (!free_.empty()) {
        slot = free_.back();
        free_.pop_back();
        by_slot_[slot] = found;
    } else {
        by_slot_.push_back(found);
    }
    table_.open(slot, span_s);
    key.slot = slot;
    key.span_s = span_s;
    ++bound_;
    for (const Heard& heard : key.heard) publish(key, heard.name);
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

std::uint32_t CounterStore::last_minute(std::uint32_t span_s, std::uint32_t window) {
    const std::uint64_t kept =
        std::max<std::uint64_t>(std::uint64_t{kWindowsBack} * span_s, kMinutesBack * kMinuteS);
    return static_cast<std::uint32_t>((std::uint64_t{window} * span_s + kept) / kMinuteS);
}

bool CounterStore::near(std::uint32_t span_s, std::uint32_t window, std::uint32_t minute) {
    const std::uint64_t first = std::uint64_t{window} * span_s / kMinuteS;
    return first <= std::uint64_t{minute} + kMinutesAhead && last_minute(span_s, window) >= minute;
}

bool CounterStore::acceptable(const Cell& cell, std::uint32_t minute) const {
    if (!state::parse_key_id(cell.key.str()) || cell.returned > cell.charged) return false;
    if (has_window(cell.kind)) {
        return cell.span_s > 0 && cell.span_s <= kSpanMaxS && cell.charged <= kCountMax &&
               near(cell.span_s, cell.window, minute);
    }
    if (cell.window != 0 || cell.span_s != kMinuteS) return false;
    if (cell.kind == CellKind::kConcurrency) return cell.charged <= kOpenedMax;
    return cell.kind == CellKind::kSpend && cell.returned == 0 && cell.charged <= kSpendMax;
}

// Of windows of seconds many begin within the minutes in which their cells are taken, and but the
// newest weigh in nothing.
bool CounterStore::is_outdated(const KeyState& key, const CellName& name) const {
    if (!has_window(name.kind) || name.span_s >= kMinuteS) return false;
    return std::ranges::count_if(key.heard, [&](const Heard& heard) {
               const CellName& held = heard.name;
               return held.kind == name.kind && held.span_s == name.span_s &&
                      held.window > name.window && held.origin == name.origin &&
                      held.generation == name.generation;
           }) >= static_cast<std::ptrdiff_t>(kShortWindowsMax);
}

void CounterStore::drop_oldest(KeyState& key, const KeyId& id, const CellName& name) {
    if (!has_window(name.kind) || name.span_s >= kMinuteS) return;
    const auto old = std::ranges::find_if(key.heard, [&](const Heard& heard) {
        const CellName& held = heard.name;
        return held.kind == name.kind && held.span_s == name.span_s && held.origin == name.origin &&
               held.generation == name.generation && is_outdated(key, held);
    });
    if (old == key.heard.end()) return;
    uncount(id, *old);
    key.heard.erase(old);
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
    const std::uint32_t minute = window_at(wall).window;
    for (const Cell& cell : batch.cells) {
        Applied applied = Applied::kRefused;
        if (acceptable(cell, minute)) applied = apply(cell, {*origin, *teller, batch}, now);
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
        {cell.kind, cell.span_s, cell.window, told.origin, batch.generation}, 0, 0, 0, told.teller};
    auto at = std::ranges::lower_bound(key->heard, fresh.name, {}, &Heard::name);
    if (at == key->heard.end() || at->name != fresh.name) {
        if (is_outdated(*key, fresh.name)) return Applied::kUnchanged;
        if (!insert(*key, cell.key, fresh)) {
            erase_if_empty(keys_.find(cell.key));
            return Applied::kRefused;
        }
        drop_oldest(*key, cell.key, fresh.name);
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
    publish(*key, fresh.name);
    return Applied::kRaised;
}

void CounterStore::publish(const KeyState& key, const CellName& name) const {
    if (!key.slot || (has_window(name.kind) && name.span_s != key.span_s)) return;
    std::uint64_t sum = name.kind == CellKind::kSpend ? key.retired_spend : 0;
    const auto together = [](const CellName& of) {
        return std::tuple(of.kind, of.span_s, of.window);
    };
    const auto of_heard = [&](const Heard& heard) { return together(heard.name); };
    for (const Heard& heard : std::ranges::equal_range(key.heard, together(name), {}, of_heard)) {
        if (name.kind == CellKind::kConcurrency && !is_in_flight(heard.name)) continue;
        sum = std::min(kSumMax, sum + heard.charged - std::min(heard.charged, heard.returned));
    }
    if (name.kind == CellKind::kSpend) {
        table_.publish_known_spend(*key.slot, sum);
    } else {
        table_.publish_known(*key.slot, limit_kind(name.kind), name.window, sum);
    }
}

void CounterStore::record_burst(KeyState& key, CellKind kind, std::uint64_t charged, MonoTime now) {
    if (kind == CellKind::kSpend || charged == 0) return;
    Burst& burst = key.burst[index_of(limit_kind(kind))];
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
    return found == keys_.end() ? 0 : found->second.burst[index_of(kind)].most;
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
    const std::array<std::uint64_t, kCountedKinds> used{use.requests_own + use.requests_known,
                                                        use.tokens_own + use.tokens_known,
                                                        use.in_flight + use.in_flight_known};
    for (const LimitKind kind : kCounted) {
        const std::size_t index = index_of(kind);
        const std::uint64_t limit = key.limits[index];
        const std::uint64_t room = limit - std::min(limit, used[index]);
        const double threshold =
            std::max(1.0, options_.significance * static_cast<double>(room) / rule.nodes);
        const auto own = table_.own(*key.slot, kind, rule.wall);
        for (const OwnCell& cell : cells_of(own, kind)) {
            OwnCell& told = key.pushed[index][cell.window % 2];
            if (told.window != cell.window) told = {cell.window, 0, 0};
            if (cell.charged == told.charged && cell.returned == told.returned) continue;
            const std::uint64_t a = net(cell), b = net(told);
            if (!rule.flush && static_cast<double>(std::max(a, b) - std::min(a, b)) < threshold) {
                complete = false;
                continue;
            }
            record_burst(key, cell_kind(kind), cell.charged - std::min(cell.charged, told.charged),
                         rule.now);
            told = cell;
            key.numbers[index][cell.window % 2] = changes_ + 1;
            out.push_back(make_cell(id, kind, cell, key.span_s));
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
        for (const LimitKind kind : kCounted) {
            if (!key.slot) break;
            const auto own = table_.own(*key.slot, kind, now);
            for (const OwnCell& cell : cells_of(own, kind)) {
                if (cell.charged > 0) cells.push_back(make_cell(id, kind, cell, key.span_s));
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
                {id, heard.name.kind, heard.name.window, heard.charged, heard.returned,
                 heard.name.span_s});
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

void CounterStore::forget_windows(std::uint32_t minute) {
    for (const KeyId& id : by_minute_[minute]) {
        const auto found = keys_.find(id);
        if (found == keys_.end()) continue;
        KeyState& key = found->second;
        std::erase_if(key.heard, [&](const Heard& heard) {
            const CellName& name = heard.name;
            if (!has_window(name.kind) || last_minute(name.span_s, name.window) != minute) {
                return false;
            }
            uncount(id, heard);
            return true;
        });
        erase_if_empty(found);
    }
    by_minute_.erase(minute);
}

void CounterStore::tick(MonoTime now, WallTime wall) {
    const std::uint32_t minute = window_at(wall).window;
    while (!by_minute_.empty() && by_minute_.begin()->first < minute) {
        forget_windows(by_minute_.begin()->first);
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
        erase_if_empty(found);
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
