// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/log_state.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "mesh/budget/circle.h"
#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::budget {

namespace {

std::unexpected<Error> refused(std::string why) {
    return fail(ErrorCode::kConflict, std::move(why));
}
std::unexpected<Error> dishonest(std::string why) {
    return fail(ErrorCode::kCorrupt, std::move(why));
}
std::unexpected<Error> not_owned(const BudgetId& id) {
    return refused("budget " + id.str() + " is not in this log");
}

std::size_t custodians_among(const LogHeader& of, const std::vector<LedgerKey>& keys) {
    return static_cast<std::size_t>(
        std::ranges::count_if(of.custodians, [&](const LedgerKey& custodian) {
            return std::ranges::find(keys, custodian) != keys.end();
        }));
}
bool proven(const Proof& proof) {
    if (VIDAI_MUTANT("in-before-out")) return true;
    const Quorum quorum = quorum_of(proof.log.custodians.size());
    return custodians_among(proof.log, proof.attested_by) >= quorum.act;
}

// Of one window of a budget that no limit binds.
constexpr MicroUsd kMostActivated{std::numeric_limits<std::int64_t>::max() / 4};

}  // namespace

// FNV-1a (Fowler, Noll, Vo), folded: the same on every node and for ever.
Bucket bucket_of(const BudgetId& id) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : id.str()) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
    hash ^= hash >> 32;
    return {static_cast<std::uint16_t>(hash % kBuckets)};
}

Quorum quorum_of(std::size_t custodians) {
    CHECK(custodians <= kCustodiansMax);
    if (custodians == 0) return {0, Quorum::kNever};
    if (VIDAI_MUTANT("commit-alone")) return {0, custodians};
    if (VIDAI_MUTANT("quorums-do-not-meet") && custodians == 3) return {1, 2};
    if (VIDAI_MUTANT("seal-by-one")) return {1, 1};
    if (custodians == 3) return {2, 2};
    return {1, custodians};
}

void merge(const Estate& from, Estate& into) {
    CHECK((from.owned & into.owned).none());
    into.owned |= from.owned;
    into.budgets.insert(from.budgets.begin(), from.budgets.end());
    into.represents.insert(from.represents.begin(), from.represents.end());
    into.taken.insert(from.taken.begin(), from.taken.end());
    into.adopted.insert(from.adopted.begin(), from.adopted.end());
}

Seq sealed_head(std::span<const SealedHead> seals) {
    CHECK(!seals.empty());
    const auto by_head = [](const SealedHead& seal) { return seal.head; };
    if (VIDAI_MUTANT("adopt-shorter")) return std::ranges::min(seals, {}, by_head).head;
    return std::ranges::max(seals, {}, by_head).head;
}

LogState::LogState(const LogHeader& header) : self_(header.id), genesis_(header.genesis) {
    estate_.represents.insert(self_);
}

Result<void> LogState::apply(const Entry& entry) {
    const bool reopens = VIDAI_MUTANT("append-after-close") && std::holds_alternative<Adopt>(entry);
    if (closed_ && !reopens) {
        return refused("the log is closed: a later one of this volume has what it had");
    }
    auto done = std::visit([this](const auto& one) { return on(one); }, entry);
    if (done) ++seq_;
    return done;
}

const BudgetState* LogState::budget(const BudgetId& id) const {
    if (closed_) return nullptr;
    const auto found = estate_.budgets.find({bucket_of(id), id});
    return found == estate_.budgets.end() ? nullptr : &found->second;
}

bool LogState::represents(const LogId& log) const {
    if (VIDAI_MUTANT("out-taken-by-node") && log.ledger == self_.ledger) return true;
    return estate_.represents.contains(log);
}

BudgetState* LogState::mine(const BudgetId& id) {
    const auto found = estate_.budgets.find({bucket_of(id), id});
    return found == estate_.budgets.end() ? nullptr : &found->second;
}

MicroUsd LogState::free(const BudgetWindow& money) const {
    const BudgetState* state = budget(money.budget);
    if (state == nullptr) return {};
    const auto window = state->windows.find(money.window);
    const MicroUsd limit = limit_of(*state);
    return window == state->windows.end() ? limit : limit - window->second.in_use();
}

Result<void> LogState::on(const Genesis&) {
    if (!genesis_ || seq_ != 0) {
        return dishonest("only the first log of a mesh may begin it, and only at its start");
    }
    estate_.owned.set();
    return {};
}

Result<void> LogState::on(const Open&) {
    if (genesis_ || seq_ != 0) return dishonest("a log is opened once, at its start");
    return {};
}

Result<void> LogState::on(const Define& entry) {
    const Bucket bucket = bucket_of(entry.budget);
    if (!owns(bucket)) return not_owned(entry.budget);
    if (entry.limit.value < 0) return dishonest("a limit below zero");
    const auto [at, fresh] = estate_.budgets.try_emplace({bucket, entry.budget});
    BudgetState& budget = at->second;
    if (!fresh && !budget.deleted) {
        return fail(ErrorCode::kAlreadyExists, "there is a budget " + entry.budget.str());
    }
    if (!fresh) {
        if (auto changed = change_rule(budget, entry.rule); !changed) return changed;
    }
    if (VIDAI_MUTANT("deletion-forgets")) budget.windows.clear();
    budget.limit = entry.limit;
    budget.rule = entry.rule;
    budget.policy = entry.policy;
    budget.deleted = false;
    return {};
}

// Ordinals must not come again, or money of one calendar would count as the other's.
Result<void> LogState::change_rule(BudgetState& budget, const Rule& rule) {
    if (budget.rule == rule) return {};
    if (budget.calendar == kCalendarMax) {
        return fail(ErrorCode::kResourceExhausted,
                    "the window of this budget was changed as often as it can be; make another");
    }
    ++budget.calendar;
    budget.rule = rule;
    return {};
}

Result<void> LogState::on(const SetRule& entry) {
    BudgetState* budget = mine(entry.budget);
    if (budget == nullptr || budget->deleted) return not_owned(entry.budget);
    return change_rule(*budget, entry.rule);
}

Result<void> LogState::on(const SetPolicy& entry) {
    BudgetState* budget = mine(entry.budget);
    if (budget == nullptr || budget->deleted) return not_owned(entry.budget);
    budget->policy = entry.policy;
    return {};
}

Result<void> LogState::on(const Remove& entry) {
    BudgetState* budget = mine(entry.budget);
    if (budget == nullptr || budget->deleted) return not_owned(entry.budget);
    budget->limit = {};
    budget->top_ups.end_all();
    budget->deleted = true;
    return {};
}

Result<void> LogState::on(const SetLimit& entry) {
    BudgetState* budget = mine(entry.budget);
    if (budget == nullptr || budget->deleted) return not_owned(entry.budget);
    if (entry.limit.value < 0) return dishonest("a limit below zero");
    budget->limit = VIDAI_MUTANT("edit-added") ? budget->limit + entry.limit : entry.limit;
    return {};
}

Result<void> LogState::on(const OpenTopUp& entry) {
    BudgetState* budget = mine(entry.budget);
    if (budget == nullptr || budget->deleted) return not_owned(entry.budget);
    if (!is_top_up_id(entry.id) || !is_top_up(entry.top_up)) return dishonest("no top-up");
    const bool again = VIDAI_MUTANT("top-up-opened-again") ? budget->top_ups.open.contains(entry.id)
                                                           : budget->top_ups.knows(entry.id);
    if (again) {
        return fail(ErrorCode::kAlreadyExists,
                    "there is, or was, a top-up " + entry.id + " of budget " + entry.budget.str());
    }
    if (budget->top_ups.open.size() == kTopUpsMax) {
        return fail(ErrorCode::kResourceExhausted,
                    "budget " + entry.budget.str() + " has " + std::to_string(kTopUpsMax) +
                        " open top-ups, as many as it may: end one of them");
    }
    budget->top_ups.open.emplace(entry.id, entry.top_up);
    return {};
}

Result<void> LogState::on(const EndTopUp& entry) {
    BudgetState* budget = mine(entry.budget);
    if (budget == nullptr || budget->deleted) return not_owned(entry.budget);
    const auto found = budget->top_ups.open.find(entry.id);
    if (found == budget->top_ups.open.end()) {
        return refused("budget " + entry.budget.str() + " has no open top-up " + entry.id);
    }
    if (VIDAI_MUTANT("top-up-ends-into-limit")) budget->limit += found->second.amount;
    budget->top_ups.end(entry.id);
    return {};
}

Result<void> LogState::on(const Alert& entry) {
    BudgetState* budget = mine(entry.money.budget);
    if (budget == nullptr) return not_owned(entry.money.budget);
    const auto found = budget->windows.find(entry.money.window);
    if (found == budget->windows.end()) return refused("nothing was spent of that window");
    if (entry.percent == 0 || entry.percent > 100) return dishonest("no percentage");
    if (entry.percent <= found->second.alerted) return refused("that was told already");
    found->second.alerted = entry.percent;
    return {};
}

MicroUsd LogState::room_of(const BudgetState& budget, Ordinal window) {
    const auto found = budget.windows.find(window);
    const WindowState none, &of = found == budget.windows.end() ? none : found->second;
    return budget.policy.enforce ? limit_of(budget) - of.in_use() : kMostActivated - of.activated;
}

Result<void> LogState::on(const Activate& entry) {
    BudgetState* budget = mine(entry.money.budget);
    if (budget == nullptr) return not_owned(entry.money.budget);
    if (entry.amount.value <= 0) return dishonest("an activation of nothing");
    const bool past =
        !budget->windows.empty() && entry.money.window < budget->windows.rbegin()->first;
    if (past && !VIDAI_MUTANT("window-reopened"))
        return refused("that window of " + entry.money.budget.str() + " has passed");
    if (calendar_of(entry.money.window) != budget->calendar) {
        return refused("that window is of another calendar than budget " +
                       entry.money.budget.str() + " has");
    }
    // Compared so that nothing can overflow: amounts are at least 0.
    if (entry.amount > room_of(*budget, entry.money.window)) {
        return refused("budget " + entry.money.budget.str() + " has not so much left");
    }
    budget->windows[entry.money.window].activated += entry.amount;
    // One that has passed is kept for what is still reported of it.
    while (budget->windows.size() > 2) budget->windows.erase(budget->windows.begin());
    return {};
}

Result<void> LogState::on(const Return& entry) {
    BudgetState* budget = mine(entry.money.budget);
    if (budget == nullptr) return not_owned(entry.money.budget);
    const auto found = budget->windows.find(entry.money.window);
    if (found == budget->windows.end()) return refused("that window is not kept any more");
    WindowState& window = found->second;
    const auto known = window.returned.find(entry.account);
    const MicroUsd before = known == window.returned.end() ? MicroUsd{} : known->second;
    if (entry.returned <= before && !VIDAI_MUTANT("return-counted-twice")) {
        return refused("so much of the account has been returned already");
    }
    const MicroUsd more =
        VIDAI_MUTANT("return-counted-twice") ? entry.returned : entry.returned - before;
    if (more > window.in_use()) return dishonest("more is returned than was activated");
    window.returned[entry.account] = std::max(before, entry.returned);
    window.returned_sum += more;
    return {};
}

Result<void> LogState::on(const Out& entry) {
    if (!owns(entry.bucket)) return refused("the bucket is not this log's to give");
    if (represents(entry.to)) return dishonest("a bucket is given to the log that has it");
    Passing& passing = passing_[seq_ + 1];
    passing = {entry.bucket, entry.to, {}};
    const auto first = estate_.budgets.lower_bound({entry.bucket, BudgetId()});
    auto last = first;
    while (last != estate_.budgets.end() && last->first.first == entry.bucket) ++last;
    passing.budgets.insert(first, last);
    if (VIDAI_MUTANT("activate-after-out")) return {};
    estate_.budgets.erase(first, last);
    estate_.owned.reset(entry.bucket.value);
    return {};
}

Result<void> LogState::on(const In& entry) {
    if (!represents(entry.to)) return dishonest("the bucket was given to another log");
    if (has_taken(entry.from, entry.at)) return refused("that has been taken");
    if (!proven(entry.proof)) return dishonest("nobody has proven that the Out is committed");
    if (owns(entry.bucket)) return dishonest("a bucket would have two owners");
    const auto strange = [&](const auto& one) { return one.first.first != entry.bucket; };
    if (std::ranges::any_of(entry.budgets, strange)) return dishonest("a budget of another bucket");
    estate_.taken.insert({entry.from, entry.at});
    estate_.owned.set(entry.bucket.value);
    receive(entry.budgets);
    return {};
}

Result<void> LogState::on(const Close& entry) {
    if (entry.to.ledger != self_.ledger || entry.to.generation <= self_.generation) {
        return dishonest("a log passes to a later one of its own volume");
    }
    closed_ = true;
    closed_to_ = entry.to;
    return {};
}

void LogState::receive(const Budgets& budgets) {
    for (const auto& [name, budget] : budgets) {
        BudgetState& mine = estate_.budgets[name];
        mine = budget;
        if (VIDAI_MUTANT("limit-lost-at-take-over")) mine.limit = {1'000'000};
        if (!VIDAI_MUTANT("returns-lost-at-take-over")) continue;
        for (auto& [ordinal, window] : mine.windows) {  // what is in use is right, and who returned
            window.activated = window.in_use();         // it is forgotten
            window.returned.clear();
            window.returned_sum = {};
        }
    }
}

Result<void> LogState::merge(const Estate& estate) {
    if ((estate.owned & estate_.owned).any()) return dishonest("a bucket would have two owners");
    estate_.owned |= estate.owned;
    receive(estate.budgets);
    estate_.represents.insert(estate.represents.begin(), estate.represents.end());
    estate_.taken.insert(estate.taken.begin(), estate.taken.end());
    estate_.adopted.insert(estate.adopted.begin(), estate.adopted.end());
    return {};
}

Result<void> LogState::on(const Inherit& entry) {
    if (!represents(entry.to)) return dishonest("the log was closed in favour of another");
    if (has_taken(entry.from, entry.at)) return refused("that has been taken");
    if (!proven(entry.proof)) return dishonest("nobody has proven that the Close is committed");
    if (auto merged = merge(*entry.estate); !merged) return merged;
    estate_.taken.insert({entry.from, entry.at});
    return {};
}

Result<void> LogState::on(const Adopt& entry) {
    const LogHeader& of = entry.header;
    if (!represents(of.successor) && !VIDAI_MUTANT("two-adopters")) {
        return dishonest("another log is that log's successor");
    }
    if (has_adopted(of.id)) return refused("that log has been adopted");
    std::vector<LedgerKey> sealed_by;
    for (const SealedHead& seal : entry.seals) sealed_by.push_back(seal.custodian);
    if (custodians_among(of, sealed_by) < quorum_of(of.custodians.size()).seal) {
        return dishonest("too few of its custodians have sealed that log");
    }
    // With all words at hand what one custodian alone has may be left out: it is not committed.
    const bool all = custodians_among(of, sealed_by) == of.custodians.size();
    if (entry.head != sealed_head(entry.seals) &&
        !(all && entry.head == committed_head(of, entry.seals))) {
        return dishonest("not the longest sealed head");
    }
    // What a closed log had is its next generation's: two would have it otherwise.
    if (!entry.closed || VIDAI_MUTANT("adopt-closed")) {
        if (VIDAI_MUTANT("append-after-close") && closed_) {
            closed_ = false;
            estate_ = {};
        }
        if (auto merged = merge(*entry.estate); !merged) return merged;
    }
    estate_.adopted.emplace(of.id, entry.head);
    return {};
}

Result<void> LogState::on(const AdoptCircle& entry) {
    if (entry.logs.empty() || entry.logs.size() > kCircleMax) {
        return dishonest("a circle of no log, or of more than " + std::to_string(kCircleMax));
    }
    std::set<LogId> all;
    std::size_t ids = 0;
    for (const EndedLog& log : entry.logs) {
        const LogId& id = log.header.id;
        if (has_adopted(id) || represents(id)) return refused("a log of it has been adopted");
        if (!is_final(log)) return dishonest("not all custodians of a log have sealed it");
        if (!log.closed_to && log.head != committed_head(log.header, log.seals)) {
            return dishonest("not what is committed of a log");
        }
        if (!log.represents.contains(id)) return dishonest("a log that does not stand for itself");
        ids += log.represents.size();
        all.insert(log.represents.begin(), log.represents.end());
    }
    if (all.size() != ids)
        return dishonest("a log that another has adopted is no part of a circle");
    const auto heir = heir_of_circle(entry.logs);
    if (!heir) return dishonest("logs that are no circle of successors");
    if (!represents(*heir) && !VIDAI_MUTANT("circle-for-anyone")) {
        return dishonest("another log is that circle's heir");
    }
    if (auto merged = merge(*entry.estate); !merged) return merged;
    for (const EndedLog& log : entry.logs) estate_.adopted.emplace(log.header.id, log.head);
    return {};
}

}  // namespace vidai::mesh::budget
