// SPDX-License-Identifier: Apache-2.0
// What one store has that another lacks, page by page.
#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "mesh/limits/counter_store.h"
#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::limits {

namespace {

// A page ends behind a key, all of whose cells of one life are on it: two kinds in the windows that
// a store takes, spend, what is in flight, and kinds that may be new.
constexpr std::size_t kKeyCellsMax = 16;

// Where in its round a cursor is; its changes may be other ones each time.
auto place_of(const CellCursor& cursor) {
    return std::tie(cursor.node, cursor.generation, cursor.loose, cursor.after);
}

std::unexpected<Error> no_answer(const char* what) {
    return fail(ErrorCode::kProtocol, std::string("an answer to a question for counters ") + what,
                "answer");
}

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15;
    return hash ^ (hash >> 29);
}

}  // namespace

CellBatch plain_part(CellBatch batch, bool sure) {
    const auto left_out =
        std::erase_if(batch.cells, [](const Cell& cell) { return !is_plain(cell); });
    batch.whole &= left_out == 0 || sure;
    return batch;
}

Result<void> check_answer(const CellPull& asked, const CellPage& page) {
    std::size_t cells = 0;
    SourceName last;
    if (asked.from) last = {asked.from->node, asked.from->generation};
    for (const CellBatch& batch : page.batches) {
        SourceName name{batch.node, batch.generation};
        if (name < last) return no_answer("is not in the order of names");
        last = std::move(name);
        cells += batch.cells.size();
    }
    const std::size_t batches_max = std::max<std::size_t>(1, asked.cells_max / kBatchCells);
    if (cells > asked.cells_max + kKeyCellsMax || page.batches.size() > batches_max) {
        return no_answer("has more than was asked for");
    }
    if (!page.next) return {};
    const bool back = asked.from && place_of(*page.next) <= place_of(*asked.from);
    if (back || SourceName{page.next->node, page.next->generation} < last) {
        return no_answer("goes on where it has been already");
    }
    return {};
}

// Whether a round has reached `name` with nothing told of it yet: loose cells are compared then.
bool CounterStore::is_fresh(const SourceName& name, const std::optional<CellCursor>& from) {
    if (!from || name != SourceName{from->node, from->generation}) return true;
    return !from->loose && from->changes.empty();
}

CellPull CounterStore::question(WallTime wall, std::optional<CellCursor> from,
                                std::size_t sources_max) const {
    CellPull pull;
    pull.window = window_at(wall).window;
    pull.from = std::move(from);
    const std::map<SourceName, Source> all = sources();
    auto at = all.begin();
    if (pull.from) at = all.lower_bound({pull.from->node, pull.from->generation});
    for (; at != all.end() && pull.have.size() < sources_max; ++at) {
        const auto& [name, source] = *at;
        const std::uint64_t loose = is_fresh(name, pull.from) ? loose_sum(source) : 0;
        pull.have.push_back({name.node, name.generation, source.have, loose});
    }
    if (at != all.end()) pull.end = at->first;
    return pull;
}

// By name, so that all nodes visit them in one order and a cursor means the same to each.
std::map<SourceName, CounterStore::Source> CounterStore::sources() const {
    std::map<SourceName, Source> all;
    all[{self_, generation_}] = {std::nullopt, generation_, changes_, changes_};
    for (std::size_t i = 0; i < origins_.size(); ++i) {
        for (const auto& [generation, of] : origins_[i].generations) {
            all[{origins_[i].node, generation}] = {static_cast<Origin>(i), generation,
                                                   of.progress.have(), of.highest};
        }
    }
    return all;
}

// Of the cells beyond what is had without a gap; 0 where there are none, as there rarely are.
std::uint64_t CounterStore::loose_sum(const Source& source) const {
    if (!source.origin || source.highest <= source.have) return 0;
    std::uint64_t sum = 0;
    for (const auto& [id, held] : origins_[*source.origin].generations.at(source.generation).keys) {
        if (held.newest <= source.have) continue;
        for (const Heard& heard : held.key->heard) {
            const CellName& name = heard.name;
            if (name.origin != *source.origin || name.generation != source.generation) continue;
            if (heard.number <= source.have) continue;
            std::uint64_t hash = 0xcbf29ce484222325;
            for (const char c : id.str()) hash = mix(hash, static_cast<std::uint8_t>(c));
            hash = mix(mix(hash, static_cast<std::uint64_t>(name.kind)), name.window);
            if (name.span_s != kMinuteS) hash = mix(hash, name.span_s);
            sum += mix(mix(hash, heard.charged), heard.returned);
        }
    }
    return sum;
}

// As they were given out, under their numbers: what a cell has become since then is not in any
// number, so that whoever got it here could not tell it on.
void CounterStore::own_changes(const KeyId& id, const KeyState& key, const Range& range,
                               CellBatch& batch) {
    const auto add = [&](CellKind kind, const OwnCell& cell, std::uint64_t number) {
        const std::uint32_t span_s = has_window(kind) ? key.span_s : kMinuteS;
        batch.cells.push_back({id, kind, cell.window, cell.charged, cell.returned, span_s});
        batch.highest = std::max(batch.highest, number);
    };
    for (std::size_t index = 0; index < kCountedKinds; ++index) {
        const CellKind kind = cell_kind(static_cast<LimitKind>(index));
        for (std::size_t half = 0; half < 2; ++half) {
            const OwnCell& cell = key.pushed[index][half];
            const std::uint64_t number = key.numbers[index][half];
            if (number <= range.since) continue;
            const bool ahead = has_window(kind) && is_ahead(key.span_s, cell.window, range.minute);
            const bool counted = !has_window(kind) || near(key.span_s, cell.window, range.minute);
            if (!counted && !(ahead && range.unasked)) {
                batch.whole &= !ahead;
                continue;
            }
            add(kind, cell, number);
        }
    }
    if (key.spend_number <= range.since) return;
    add(CellKind::kSpend, {0, key.pushed_spend, 0}, key.spend_number);
}

// True when nothing is left for another page. The batch stays whole unless something was left out
// that who asks may miss: of windows that its clock has not reached.
bool CounterStore::fill(const Source& source, const Range& range, CellBatch& batch) const {
    return source.origin ? fill_heard(source, range, batch) : fill_own(range, batch);
}

bool CounterStore::fill_own(const Range& range, CellBatch& batch) const {
    for (auto at = keys_.upper_bound(range.after); at != keys_.end(); ++at) {
        if (batch.cells.size() >= range.cells_max) return false;
        own_changes(at->first, at->second, range, batch);
    }
    return true;
}

bool CounterStore::fill_heard(const Source& source, const Range& range, CellBatch& batch) const {
    const auto& keys = origins_[*source.origin].generations.at(source.generation).keys;
    for (auto at = keys.upper_bound(range.after); at != keys.end(); ++at) {
        const auto& [id, held] = *at;
        if (held.newest <= range.since || VIDAI_MUTANT("relayed-cells-forgotten")) continue;
        if (batch.cells.size() >= range.cells_max) return false;
        for (const Heard& heard : held.key->heard) {
            const CellName& name = heard.name;
            if (name.origin != *source.origin || name.generation != source.generation) continue;
            if (heard.number <= range.since) continue;
            if (has_window(name.kind) && !near(name.span_s, name.window, range.minute)) {
                // What it does not count any more it will never miss.
                batch.whole &= !is_ahead(name.span_s, name.window, range.minute);
                continue;
            }
            batch.cells.push_back(
                {id, name.kind, name.window, heard.charged, heard.returned, name.span_s});
            batch.highest = std::max(batch.highest, heard.number);
        }
    }
    return true;
}

CellBatch CounterStore::own_since(std::uint64_t since, std::uint64_t upto, const KeyId& after,
                                  WallTime wall, std::size_t cells_max) const {
    CellBatch batch{self_, generation_, {}, since, upto == 0 ? changes_ : upto, 0, true};
    batch.highest = batch.upto;
    const Range range{since, window_at(wall).window, after, cells_max, true};
    batch.whole = fill({std::nullopt, generation_, changes_, changes_}, range, batch);
    return batch;
}

// `fresh`: nothing has been told of it in this round; loose cells are compared then. Who has more
// of this node's own than there is has believed a liar, and is told all.
std::vector<CounterStore::Part> CounterStore::lacked(const Source& ours,
                                                     const OriginProgress& theirs,
                                                     bool fresh) const {
    std::vector<Part> out;
    if (!ours.origin && theirs.have > ours.have) out.push_back({{0, ours.have}, false});
    if (ours.have > theirs.have) out.push_back({{theirs.have, ours.have}, false});
    if (fresh && ours.highest > std::max(ours.have, theirs.have) &&
        loose_sum(ours) != theirs.loose) {
        out.push_back({{std::max(ours.have, theirs.have), ours.highest}, true});
    }
    return out;
}

CellPage CounterStore::page(const CellPull& asked) const {
    CHECK(asked.cells_max > 0);
    std::map<SourceName, OriginProgress> have;
    for (const OriginProgress& one : asked.have) have[{one.node, one.generation}] = one;
    CellPage page;
    std::size_t weight = 0;
    const std::map<SourceName, Source> all = sources();
    auto first = all.begin();
    if (asked.from) first = all.lower_bound({asked.from->node, asked.from->generation});
    for (auto at = first; at != all.end(); ++at) {
        const auto& [name, source] = *at;
        if (asked.end && name >= *asked.end) break;
        std::vector<Part> parts = lacked(source, have[name], is_fresh(name, asked.from));
        KeyId after;
        if (!is_fresh(name, asked.from)) {
            // Later changes may be behind the cursor: its pages tell of those it began with.
            Part rest{asked.from->changes, asked.from->loose};
            if (!rest.loose) rest.changes.upto = std::min(rest.changes.upto, source.have);
            if (rest.loose || !rest.changes.empty()) parts = {rest};
            after = asked.from->after;
        }
        for (const auto& [changes, loose] : parts) {
            if (weight > 0 && weight + kBatchCells >= asked.cells_max) {
                page.next = CellCursor{name.node, name.generation, changes, loose, after};
                return page;
            }
            weight += kBatchCells;
            const std::size_t left = asked.cells_max > weight ? asked.cells_max - weight : 1;
            CellBatch batch{name.node,    name.generation, {},    changes.since,
                            changes.upto, changes.upto,    !loose};
            const bool done =
                fill(source, {changes.since, asked.window, after, left, false}, batch);
            weight += batch.cells.size();
            if (!done) {
                page.next = CellCursor{name.node, name.generation, changes, !batch.whole,
                                       batch.cells.back().key};
            }
            batch.whole &= done;
            page.batches.push_back(std::move(batch));
            if (!done) return page;
            after = {};
        }
    }
    if (asked.end) page.next = CellCursor{asked.end->node, asked.end->generation, {}, false, {}};
    return page;
}

}  // namespace vidai::mesh::limits
