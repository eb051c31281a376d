// SPDX-License-Identifier: Apache-2.0
// Whose cells a store holds, and how many: what bounds what peers can make a node remember.
#include <algorithm>
#include <utility>

#include "mesh/limits/counter_store.h"

namespace vidai::mesh::limits {

// `itself`: the node is the peer that speaks. Of others, only members are believed to exist, or one
// liar could fill the table with names; and a node that speaks for itself finds room all the same.
std::optional<CounterStore::Origin> CounterStore::intern(const NodeId& node, bool itself) {
    if (!itself && members_ && node != self_ && !members_(node)) return std::nullopt;
    const auto known = places_.find(node);
    if (known != places_.end()) return known->second;
    auto found = std::ranges::find_if(origins_, &OriginState::idle);
    if (found == origins_.end()) {
        const std::size_t reserved = itself ? 0 : options_.origins_reserved;
        if (origins_.size() + reserved >= options_.origins_max) return std::nullopt;
        found = origins_.emplace(origins_.end());
    } else {  // a node that left nothing behind gives its number away
        places_.erase(found->node);
        *found = {};
    }
    found->node = node;
    found->dropped = ++drops_;  // what was held of it under another number is gone
    const auto place = static_cast<Origin>(found - origins_.begin());
    places_.emplace(node, place);
    return place;
}

// Spend has no window to end it, so only the newest lives of each node are kept, a set that is the
// same in whatever order cells arrive, and the one that it lives by its own word. What was spent in
// a life that makes room stays in the sum of this node, which does not hear of that life again.
bool CounterStore::has_room_for(Origin index, Generation generation) {
    OriginState& origin = origins_[index];
    auto& held = origin.generations;
    if (held.contains(generation)) return true;
    if (origin.retired && generation <= *origin.retired) return false;
    if (held.size() < options_.generations_max) return true;
    auto oldest = held.begin();
    if (oldest->first == origin.spoken) ++oldest;
    if (generation < oldest->first && generation != origin.spoken) return false;
    const Generation gone = oldest->first;
    drop(index, gone, true);
    origin.retired = std::max(origin.retired.value_or(gone), gone);
    return true;
}

// An origin's own word says which life it lives: what others told of later ones is made up.
void CounterStore::lives(Origin index, Generation generation) {
    OriginState& origin = origins_[index];
    if (origin.spoken && generation < *origin.spoken) return;
    lives_changed_ |= origin.spoken != generation;
    origin.spoken = generation;
    if (origin.retired >= generation) origin.retired.reset();  // lies made room for lies
    auto& held = origin.generations;
    while (!held.empty() && held.rbegin()->first > generation) {
        drop(index, held.rbegin()->first, false);
    }
}

// An origin tells everything from its first change to its last, for this node claimed to have more:
// that was made up, and hid what others are asked for again.
void CounterStore::correct(Origin index, const CellBatch& batch) {
    auto& held = origins_[index].generations;
    const auto of = held.find(batch.generation);
    if (of == held.end() || batch.since > 0 || batch.upto >= of->second.progress.have()) return;
    Generational& life = of->second;
    life.progress = {};
    life.highest = batch.highest;
    for (auto& [id, at] : life.keys) {
        at.newest = std::min(at.newest, batch.highest);
        for (Heard& heard : at.key->heard) {
            if (heard.name.origin != index || heard.name.generation != batch.generation) continue;
            heard.number = std::min(heard.number, batch.highest);
        }
    }
}

// Forgets one life of a node; with `retire`, what was spent in it stays in the sums.
void CounterStore::drop(Origin index, Generation generation, bool retire) {
    const auto node = origins_[index].generations.extract(generation);
    if (node.empty()) return;
    origins_[index].dropped = ++drops_;
    lives_changed_ = true;
    for (const auto& [id, held] : node.mapped().keys) {
        KeyState& key = *held.key;
        std::vector<CellName> gone;
        std::erase_if(key.heard, [&](const Heard& heard) {
            if (heard.name.origin != index || heard.name.generation != generation) return false;
            if (retire && heard.name.kind == CellKind::kSpend) {
                key.retired_spend = std::min(kSumMax, key.retired_spend + heard.charged);
            }
            --origins_[heard.teller].told(heard.name.kind);
            gone.push_back(heard.name);
            return true;
        });
        origins_[index].cells -= gone.size();
        cells_ -= gone.size();
        for (const CellName& name : gone) publish(key, name);
        erase_if_empty(keys_.find(id));
    }
}

std::uint64_t CounterStore::dropped(const NodeId& node) const {
    const auto found = places_.find(node);
    return found == places_.end() ? 0 : origins_[found->second].dropped;
}

void CounterStore::forget(const NodeId& node) {
    const auto found = places_.find(node);
    if (found == places_.end()) return;
    OriginState& origin = origins_[found->second];
    while (!origin.generations.empty()) {
        drop(found->second, origin.generations.begin()->first, false);
    }
    origin.spoken.reset();
    origin.retired.reset();
}

// False when the teller has told enough.
bool CounterStore::insert(KeyState& key, const KeyId& id, const Heard& fresh) {
    const CellName& name = fresh.name;
    const bool windowed = has_window(name.kind);
    OriginState& teller = origins_[fresh.teller];
    std::size_t& told = teller.told(name.kind);
    if (told >=
        (windowed ? options_.window_cells_per_teller_max : options_.spend_cells_per_teller_max)) {
        return false;
    }
    if (windowed) {
        const std::uint32_t minute = last_minute(name.span_s, name.window);
        const auto ends_with_it = [&](const Heard& heard) {
            return has_window(heard.name.kind) &&
                   last_minute(heard.name.span_s, heard.name.window) == minute;
        };
        if (std::ranges::none_of(key.heard, ends_with_it)) by_minute_[minute].push_back(id);
    }
    key.heard.insert(std::ranges::lower_bound(key.heard, name, {}, &Heard::name), fresh);
    OriginState& origin = origins_[name.origin];
    const auto [life, begun] = origin.generations.try_emplace(name.generation);
    lives_changed_ |= begun;
    Held& held = life->second.keys[id];
    held.key = &key;
    ++held.cells;
    ++origin.cells;
    ++told;
    ++cells_;
    return true;
}

// In the life that the node lives by its own word, or in the newest that is heard of.
bool CounterStore::is_in_flight(const CellName& name) const {
    const OriginState& origin = origins_[name.origin];
    if (!origin.present || origin.node == self_) return false;  // our former lives are over
    if (origin.spoken) return name.generation == *origin.spoken;
    return name.generation == origin.generations.rbegin()->first;
}

void CounterStore::count_in_flight(const Members& present) {
    for (OriginState& origin : origins_) {
        const bool now = present(origin.node);
        lives_changed_ |= std::exchange(origin.present, now) != now;
    }
    if (std::exchange(lives_changed_, false)) publish_in_flight();
}

void CounterStore::publish_in_flight() {
    for (const auto& [id, key] : keys_) {
        const auto open = std::ranges::find(key.heard, CellKind::kConcurrency,
                                            [](const Heard& heard) { return heard.name.kind; });
        if (open != key.heard.end()) publish(key, open->name);
    }
}

void CounterStore::uncount(const KeyId& id, const Heard& gone) {
    OriginState& origin = origins_[gone.name.origin];
    const auto of = origin.generations.find(gone.name.generation);
    auto& keys = of->second.keys;
    const auto held = keys.find(id);
    if (--held->second.cells == 0) keys.erase(held);
    if (keys.empty()) origin.generations.erase(of);
    --origin.cells;
    --origins_[gone.teller].told(gone.name.kind);
    --cells_;
}

void CounterStore::erase_if_empty(Keys::iterator at) {
    const KeyState& key = at->second;
    if (key.slot || !key.heard.empty()) return;
    if (key.pushed_spend == 0 && key.retired_spend == 0) keys_.erase(at);
}

}  // namespace vidai::mesh::limits
