// SPDX-License-Identifier: Apache-2.0
// The part of Replica that is about limits: those that are resources, and how much of any is used.
#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "mesh/limits/bound.h"
#include "mesh/rpc/replica.h"
#include "mesh/state/limit_value.h"

namespace vidai::mesh::rpc {

namespace {

using state::LimitRecord;
using state::Register;
using state::RegisterKind;
using Merge = state::RegisterSet::Merge;

constexpr std::size_t kCountersShown = 100;

// The most that one node keeps to itself because it is too little to be pushed at once.
std::uint64_t withheld_max(double significance, std::uint64_t limit, std::uint32_t nodes) {
    return static_cast<std::uint64_t>(std::ceil(significance * static_cast<double>(limit) / nodes));
}

// How often the stretch that bursts are recorded for goes into `span`, rounded up.
std::uint64_t stretches(Duration span) {
    const Duration stretch = store_options().delay;
    return static_cast<std::uint64_t>((span + stretch - Duration(1)) / stretch);
}

std::uint64_t of_kind(LimitKind kind, std::uint64_t requests, std::uint64_t tokens,
                      std::uint64_t open) {
    if (kind == LimitKind::kConcurrency) return open;
    return kind == LimitKind::kTokens ? tokens : requests;
}

}  // namespace

Result<void> Replica::take_limit(Register verified, MergeReport& report) {
    auto limit = state::decode_limit(verified.statement);
    if (!limit) return fail(std::move(limit).error());
    clock_.observe(verified.statement.time);
    state::RegisterName name{verified.statement.kind, verified.statement.id};
    if (registers_.merge(std::move(verified)) != Merge::kApplied) return no_room();
    book_.put(*limit);
    report.news.push_back(std::move(name));
    ++report.applied;
    report.limits.push_back(std::move(*limit));
    return {};
}

// Anew for each key, where limits have changed.
void Replica::apply_limits(MonoTime now) {
    if (!book_.take_changed()) return;
    for (auto& [id, entry] : entries_) {
        if (!entry.record.revoked) entry.limits = book_.apply(entry.record);
    }
    book_.sweep(now);
    dirty_ = true;
}

Result<const LimitRecord*> Replica::one_limit(const std::string& name) const {
    const auto found = book_.find(name);
    if (found.size() == 1) return found.front();
    if (found.empty()) {
        return fail(ErrorCode::kNotFound,
                    "no limit is named '" + name + "'; `vidaictl limit list` shows all", name);
    }
    std::string ids;
    for (const LimitRecord* limit : found) ids += (ids.empty() ? "" : ", ") + limit->id;
    return fail(ErrorCode::kConflict,
                "several limits are named '" + name + "', made at once on different nodes: " + ids +
                    ". All are in force; name the one that you mean by its id",
                name);
}

Result<void> Replica::check_limit(const LimitRecord& wanted) const {
    if (auto valid = state::validate(wanted); !valid) return valid;
    if (auto known = state::check_supported(wanted); !known) return known;
    for (const auto& [id, entry] : entries_) {
        if (entry.record.revoked) continue;
        const std::size_t most = book_.most_for(entry.record, wanted);
        if (most <= limits::kLimitsPerRequest) continue;
        return fail(ErrorCode::kConflict,
                    "requests by the key " + id.str() + " would stand under " +
                        std::to_string(most) + " limits, and at most " +
                        std::to_string(limits::kLimitsPerRequest) + " are checked",
                    id.str());
    }
    return {};
}

Result<LimitChange> Replica::write(LimitRecord record, WallTime wall, MonoTime now) {
    const state::Hlc time = clock_.tick(wall);
    state::Statement statement{RegisterKind::kLimit, record.id,
                               record.deleted,       time,
                               author_.node,         state::encode_limit(record)};
    Register mine = state::sign_register(std::move(statement), *author_.key, author_.chain);
    if (registers_.merge(std::move(mine)) != Merge::kApplied) return no_room();
    book_.put(record);
    apply_limits(now);
    return LimitChange{std::move(record), time.value};
}

Result<LimitChange> Replica::change_limit(LimitOp op, LimitRecord wanted, WallTime wall,
                                          MonoTime now) {
    if (op == LimitOp::kCreate) {
        if (!book_.find(wanted.name).empty()) {
            return fail(
                ErrorCode::kAlreadyExists,
                "there is a limit named '" + wanted.name + "'; `vidaictl limit set` changes it",
                wanted.name);
        }
        if (book_.all().size() >= limits::kLimitsMax) {
            return fail(ErrorCode::kResourceExhausted, "the mesh has as many limits as it may: " +
                                                           std::to_string(limits::kLimitsMax));
        }
        wanted.id = state::new_limit_id();
        wanted.created = wall;
        wanted.deleted = false;
        if (auto good = check_limit(wanted); !good) return fail(std::move(good).error());
        return write(std::move(wanted), wall, now);
    }
    const auto found = one_limit(wanted.id.empty() ? wanted.name : wanted.id);
    if (!found) return fail(found.error());
    LimitRecord next = **found;
    if (op == LimitOp::kDelete) {
        next.deleted = true;
        return write(std::move(next), wall, now);
    }
    if (wanted.scope != next.scope || wanted.unit != next.unit) {
        return fail(ErrorCode::kInvalidRequest,
                    "whom a limit is for and what it counts stay as they are; make another one",
                    "scope");
    }
    next.amount = wanted.amount;
    next.span_s = wanted.span_s;
    next.fixed = wanted.fixed;
    next.burst = wanted.burst;
    next.mode = wanted.mode;
    if (auto good = check_limit(next); !good) return fail(std::move(good).error());
    return write(std::move(next), wall, now);
}

LimitUse Replica::use_of(const KeyId& counter, LimitKind kind, std::uint64_t limit,
                         const limits::SlotUse& use, const CountingFacts& facts) const {
    const Duration delay = std::max(facts.delay, store_options().delay);
    const std::uint64_t burst = counters_.burst(counter, static_cast<limits::LimitKind>(kind));
    LimitUse row{kind, limit, 0, 0, 0, 0, {}, facts.nodes, facts.crashes};
    row.own = of_kind(kind, use.requests_own, use.tokens_own, use.in_flight);
    row.known = of_kind(kind, use.requests_known, use.tokens_known, use.in_flight_known);
    row.delay = std::chrono::ceil<std::chrono::milliseconds>(delay);
    row.burst = burst * stretches(delay);
    // Of what a crashed node had admitted, the last push told all but this: what came since,
    // and what was too little to be pushed.
    const std::uint64_t untold =
        row.burst + withheld_max(store_options().significance, limit, facts.nodes);
    // A crashed node enforced the limit alone, too, as does its next life.
    row.bound = limits::overshoot_bound(
        {.nodes = facts.nodes + facts.crashes,
         .limit = limit,
         .burst_in_delay = row.burst,
         .burst_in_skew = burst * stretches(facts.skew),
         .significance = store_options().significance,
         .cost_max_unreserved = kind == LimitKind::kTokens ? use.overrun_max : 0,
         .lost_in_crashes = facts.crashes * untold});
    return row;
}

Result<LimitReport> Replica::limits_of(const KeyId& id, const CountingFacts& facts,
                                       WallTime wall) const {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return no_such_key(id);
    const state::KeyRecord& record = found->second.record;
    const auto& slot = found->second.slot;
    LimitReport report;
    report.key = id;
    report.name = record.name;
    report.revoked = record.revoked;
    const limits::SlotUse use = slot ? table_.use(*slot, wall) : limits::SlotUse{};
    report.spend_own = use.spend_own;
    report.spend_known = slot ? use.spend_known : counters_.spend(id);
    const auto add = [&](LimitKind kind, const auto& limit) {
        if (limit) report.limits.push_back(use_of(id, kind, *limit, use, facts));
    };
    add(LimitKind::kRequests, record.limits.requests_per_minute);
    add(LimitKind::kTokens, record.limits.tokens_per_minute);
    add(LimitKind::kConcurrency, record.limits.concurrency);
    return report;
}

Result<LimitStanding> Replica::standing_of(const std::string& name, const CountingFacts& facts,
                                           WallTime wall) const {
    const auto found = one_limit(name);
    if (!found) return fail(found.error());
    const LimitRecord& limit = **found;
    LimitStanding standing;
    standing.limit = limit;
    standing.seen = facts.nodes;
    standing.confirmed = std::max(facts.nodes, facts.confirmed);
    const bool fair = limit.mode == state::LimitMode::kFairShare;
    standing.allowed = fair ? table_.share_of(limit.amount) : limit.amount;
    std::set<KeyId> seen;
    for (const auto& [id, entry] : entries_) {
        if (entry.record.revoked || !state::concerns(limit.scope, entry.record)) continue;
        const KeyId counter = state::counter_of(limit, entry.record);
        const auto slot = counters_.slot_of(counter);
        if (!slot || !seen.insert(counter).second) continue;
        standing.counters.push_back(
            {state::counted_for(limit, entry.record),
             use_of(counter, static_cast<LimitKind>(limit.unit), limit.amount,
                    table_.use(*slot, wall, limit.fixed), facts)});
    }
    std::ranges::stable_sort(
        standing.counters, std::greater{},
        [](const LimitStanding::Counter& counter) { return counter.use.own + counter.use.known; });
    if (standing.counters.size() > kCountersShown) {
        standing.more = standing.counters.size() - kCountersShown;
        standing.counters.resize(kCountersShown);
    }
    return standing;
}

}  // namespace vidai::mesh::rpc
