// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/counter_relay.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::limits {

namespace {

constexpr std::uint64_t kWindow = 64;  // bits of Origin::heard
constexpr double kQuotaBurst = 4;      // batches of one origin at once
constexpr double kQuotaLeeway = 2;     // nodes count each other differently for a while
constexpr std::size_t kTellersMax = 4'096;
constexpr std::size_t kFreshMax = 4'096;  // batches in one interval
// A batch of whole keys may be so much larger than it was asked to be.
constexpr std::size_t kCellsOfKey = 2 * kWindowedKinds + 2;

std::size_t weight(const SignedBatch& said) {
    return said.batch.cells.size() + kSignedBatchCells;
}

void put(std::string& out, std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}
void put(std::string& out, const std::string& text) {
    put(out, text.size());
    out += text;
}

double seconds_of(Duration span) {
    return std::chrono::duration<double>(span).count();
}

}  // namespace

std::string signed_bytes(const SignedBatch& said) {
    const CellBatch& batch = said.batch;
    std::string out;
    out.reserve(96 + 64 * batch.cells.size());
    put(out, batch.node.str());
    for (const std::uint64_t value :
         {batch.generation.value, said.sequence, batch.since, batch.upto, batch.highest,
          std::uint64_t{batch.whole}, std::uint64_t{batch.cells.size()}}) {
        put(out, value);
    }
    for (const Cell& cell : batch.cells) {
        put(out, cell.key.str());
        // A minute is not said: that is how programs sign that know no other window.
        const std::uint64_t span_s = cell.span_s == kMinuteS ? 0 : cell.span_s;
        for (const std::uint64_t value :
             {static_cast<std::uint64_t>(cell.kind) | span_s << 8, std::uint64_t{cell.window},
              cell.charged, cell.returned}) {
            put(out, value);
        }
    }
    return out;
}

CounterRelay::CounterRelay(CounterStore& store, RelayCrypto crypto, const RelayOptions& options,
                           std::uint64_t seed)
    : store_(store), crypto_(std::move(crypto)), options_(options), peers_(seed) {
    CHECK(options.fanout > 0 && options.cells_max > kCellsOfKey && options.verified_per_second > 0);
}

Duration CounterRelay::spacing() const {
    return std::chrono::nanoseconds(
        static_cast<std::int64_t>(1e9 * nodes_ / options_.verified_per_second));
}

std::uint32_t CounterRelay::hops() const {
    if (!relays()) return 0;
    const double spread = std::max(2.0, static_cast<double>(options_.fanout));
    return 2 + static_cast<std::uint32_t>(std::log(nodes_) / std::log(spread));
}

bool CounterRelay::repeats(const Origin& origin, const SignedBatch& said) {
    if (VIDAI_MUTANT("relay-loops")) return false;
    if (said.batch.generation != origin.generation) {
        return said.batch.generation < origin.generation;
    }
    if (said.sequence > origin.highest) return false;
    const std::uint64_t back = origin.highest - said.sequence;
    return back >= kWindow || ((origin.heard >> back) & 1) != 0;
}

void CounterRelay::note(Origin& origin, const SignedBatch& said) {
    if (said.batch.generation != origin.generation) {
        origin.generation = said.batch.generation;
        origin.highest = origin.heard = 0;
    }
    if (said.sequence > origin.highest) {
        const std::uint64_t by = said.sequence - origin.highest;
        origin.heard = by >= kWindow ? 0 : origin.heard << by;
        origin.highest = said.sequence;
    }
    const std::uint64_t back = origin.highest - said.sequence;
    if (back < kWindow) origin.heard |= std::uint64_t{1} << back;
}

RateLimit CounterRelay::quota() const {
    return {kQuotaLeeway / std::max(1e-3, seconds_of(spacing())), kQuotaBurst};
}

bool CounterRelay::distrusted(const NodeId& from, MonoTime now) {
    const auto found = tellers_.find(from);
    if (found == tellers_.end()) return false;
    if (now - found->second.since >= options_.distrust) {
        tellers_.erase(found);
        return false;
    }
    return found->second.forgeries >= options_.forgeries_max;
}

void CounterRelay::forged(const NodeId& from, MonoTime now) {
    if (tellers_.size() >= kTellersMax) tellers_.clear();
    Teller& teller = tellers_.try_emplace(from, Teller{0, now}).first->second;
    ++teller.forgeries;
}

// Room is made by forgetting whom nothing has been heard of for longest.
CounterRelay::Origin& CounterRelay::origin_of(const NodeId& node) {
    const auto found = origins_.find(node);
    if (found != origins_.end()) return found->second;
    if (origins_.size() >= options_.origins_max) {
        origins_.erase(std::ranges::min_element(
            origins_, {}, [](const auto& entry) { return entry.second.batches.used_at(); }));
    }
    return origins_[node];
}

MergeCount CounterRelay::on_relay(const NodeId& from, const SignedBatchRef& told, MonoTime now,
                                  WallTime wall) {
    const CellBatch& batch = told->batch;
    MergeCount refused;
    refused.refused = batch.cells.size();
    if (batch.node == store_.self()) return {};
    const auto known = origins_.find(batch.node);
    if (known != origins_.end() && repeats(known->second, *told)) {
        ++counters_.repeated;
        return {};
    }
    ++counters_.refused;
    if (batch.cells.empty() || batch.cells.size() > options_.cells_max) return refused;
    if (distrusted(from, now)) return refused;
    if (known != origins_.end() && !known->second.batches.has(1, quota(), now)) return refused;
    const Authorship by =
        VIDAI_MUTANT("relay-not-verified") ? Authorship::kGenuine : crypto_.verify(*told);
    counters_.verified += by == Authorship::kUnknown ? 0 : 1;
    if (by == Authorship::kForged) forged(from, now);
    if (by != Authorship::kGenuine) return refused;
    --counters_.refused;
    Origin& origin = origin_of(batch.node);
    (void)origin.batches.take(1, quota(), now);
    note(origin, *told);
    const MergeCount count = store_.merge(batch, now, wall);
    const bool sensible = count.applied + count.unchanged > 0;
    if (!sensible || !relays() || VIDAI_MUTANT("relay-ends-here")) return count;
    if (fresh_.size() < kFreshMax) {
        fresh_.push_back({told, from});
    } else {
        counters_.dropped += options_.fanout;
    }
    return count;
}

// What has been given out since the last time, as one batch. More than fits into one follows in
// the next ones, which do not claim to be all: any of them may be lost.
void CounterRelay::sign_own(MonoTime now, WallTime wall) {
    const bool going_on = !after_.empty();
    if (now < sign_at_ || (!going_on && told_ >= store_.changes())) return;
    if (!going_on) upto_ = store_.changes();
    auto said = std::make_shared<SignedBatch>();
    said->batch = store_.own_since(told_, upto_, after_, wall, options_.cells_max - kCellsOfKey);
    CellBatch& batch = said->batch;
    const bool last = batch.whole;
    batch.whole = last && !going_on;
    after_ = last || batch.cells.empty() ? KeyId() : batch.cells.back().key;
    if (last) told_ = upto_;
    if (batch.cells.empty()) return;
    sign_at_ = now + spacing();
    said->sequence = ++sequence_;
    said->signature = crypto_.sign(*said);
    ++counters_.signed_here;
    fresh_.push_back({std::move(said), store_.self()});
}

// How many may be told all that is fresh; drops what is beyond a telling to one.
std::size_t CounterRelay::spend_budget(MonoTime now) {
    const double gained = options_.cells_per_second * seconds_of(now - budget_at_);
    budget_ = std::min(options_.cells_burst, budget_ + gained);
    budget_at_ = now;
    std::size_t cells = 0, kept = 0;
    for (; kept < fresh_.size(); ++kept) {
        const std::size_t next = cells + weight(*fresh_[kept].said);
        if (static_cast<double>(next) > budget_) break;
        cells = next;
    }
    const std::size_t wanted = std::min<std::size_t>(options_.fanout, peers_.size());
    counters_.dropped += wanted * (fresh_.size() - kept);
    fresh_.resize(kept);
    if (cells == 0) return 0;
    const auto most = static_cast<std::size_t>(budget_ / static_cast<double>(cells));
    const std::size_t told = std::min(most, wanted);
    counters_.dropped += (wanted - told) * kept;
    budget_ -= static_cast<double>(told * cells);
    return told;
}

void CounterRelay::tell(const NodeId& to, std::size_t room, RelayCalls& out) {
    std::size_t in_call = 0;
    for (const Fresh& each : fresh_) {
        if (each.from == to || each.said->batch.node == to) continue;
        const std::size_t cells = weight(*each.said);
        if (cells > room) {
            ++counters_.dropped;
            continue;
        }
        room -= cells;
        if (in_call == 0 || in_call + cells > options_.cells_max) {
            out.push_back({to, {}});
            in_call = 0;
        }
        in_call += cells;
        out.back().batches.push_back(each.said);
        ++counters_.passed_on;
    }
}

RelayCalls CounterRelay::on_interval(MonoTime now, WallTime wall, std::uint32_t nodes,
                                     const Room& room) {
    nodes_ = nodes;
    if (!relays() || peers_.size() == 0) {
        // What was counted before has been told, or is asked for.
        told_ = store_.changes();
        after_ = KeyId();
        fresh_.clear();
        return {};
    }
    sign_own(now, wall);
    RelayCalls calls;
    const std::size_t told = fresh_.empty() ? 0 : spend_budget(now);
    const auto has_room = [&](const NodeId& peer) { return room(peer) > kSignedBatchCells; };
    const std::vector<NodeId> drawn = peers_.draw(told, has_room);
    counters_.dropped += (told - drawn.size()) * fresh_.size();
    for (const NodeId& peer : drawn) tell(peer, room(peer), calls);
    fresh_.clear();
    return calls;
}

}  // namespace vidai::mesh::limits
