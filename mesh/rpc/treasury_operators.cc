// SPDX-License-Identifier: Apache-2.0
// The part of Treasury that operators ask: changes, which the owner of a budget makes, and looks.
#include <algorithm>
#include <chrono>
#include <utility>

#include "mesh/rpc/money_books.h"
#include "mesh/rpc/treasury.h"
#include "mesh/seal/encoding.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::rpc {

namespace {

using budget::LedgerKey;
using budget::Standing;
using std::chrono::milliseconds;

constexpr milliseconds kAskAgain{50};
// A bucket on its way to another log has no owner for less than that.
constexpr std::chrono::seconds kPassage{3};
constexpr std::size_t kWaitingMax = 1'024;  // of operators

Error too_late(const BudgetId& budget) {
    return {ErrorCode::kDeadlineExceeded,
            "the node that owns budget " + budget.str() +
                " did not confirm in time; `vidaictl budget show` tells whether it has done it",
            budget.str()};
}

}  // namespace

kj::Promise<Result<void>> Treasury::edit(budget::Edit wanted, milliseconds within) {
    if (!frozen_.empty()) {
        return Result<void>(fail(ErrorCode::kUnavailable, "money is frozen here: " + frozen_));
    }
    CHECK(begun_);
    if (editing_.size() >= kWaitingMax) {
        return Result<void>(fail(ErrorCode::kResourceExhausted,
                                 "this node has as many changes under way as it may; try again"));
    }
    auto pair = kj::newPromiseAndFulfiller<Result<void>>();
    wanted.id = ++next_id_;
    editing_.emplace(wanted.id, Editing{kj::mv(pair.fulfiller), wanted, now() + within, {}});
    bank_->edit(wanted, now());
    turn();
    return kj::mv(pair.promise);
}

void Treasury::finish_edits() {
    for (const budget::EditDone& done : bank_->take_edits_done()) {
        const auto found = editing_.find(done.id);
        if (found == editing_.end()) continue;
        if (!done.done && done.code == ErrorCode::kUnavailable &&
            now() + kAskAgain < found->second.until) {
            found->second.again = now() + kAskAgain;  // somebody may take over
            continue;
        }
        Result<void> came;
        if (!done.done) came = fail(done.code, done.message, found->second.wanted.budget.str());
        found->second.answer->fulfill(kj::mv(came));
        editing_.erase(found);
    }
    std::vector<budget::Edit> again;
    for (auto one = editing_.begin(); one != editing_.end();) {
        if (now() >= one->second.until) {
            one->second.answer->fulfill(
                Result<void>(std::unexpected(too_late(one->second.wanted.budget))));
            one = editing_.erase(one);
            continue;
        }
        if (one->second.again && now() >= *one->second.again) {
            one->second.again.reset();
            again.push_back(one->second.wanted);
        }
        ++one;
    }
    for (const budget::Edit& wanted : again) bank_->edit(wanted, now());
}

kj::Promise<Result<Treasury::Page>> Treasury::look(BudgetId budget, BudgetId after,
                                                   milliseconds within) {
    if (!frozen_.empty()) {
        return Result<Page>(fail(ErrorCode::kUnavailable,
                                 around_.node.str() +
                                     " cannot tell of budgets, ask another node (--server): money "
                                     "is frozen here: " +
                                     frozen_,
                                 around_.node.str()));
    }
    if (!begun_) return Result<Page>(Page());
    if (looking_.size() >= kWaitingMax) {
        return Result<Page>(fail(ErrorCode::kResourceExhausted,
                                 "this node has as many looks under way as it may; try again"));
    }
    auto pair = kj::newPromiseAndFulfiller<Result<Page>>();
    const std::uint64_t id = ++next_id_;
    const budget::Look wanted{id, std::move(budget), std::move(after)};
    Looking& looking =
        looking_.emplace(id, Looking{kj::mv(pair.fulfiller), wanted, {}, now() + within, {}})
            .first->second;
    if (!wanted.budget.empty()) {
        ask_owner(id);
    } else {
        looking.asked[volume_->key->public_key()];
        for (const auto& [ledger, node] : node_of_) {
            if (ledger_of_.at(node) == ledger) looking.asked[ledger];
        }
        for (const auto& [ledger, seen] : looking.asked) bank_->look(ledger, wanted, now());
    }
    turn();
    return kj::mv(pair.promise);
}

void Treasury::ask_owner(std::uint64_t id) {
    Looking& looking = looking_.at(id);
    looking.again = now() + kAskAgain;
    looking.asked.clear();
    const LedgerKey* owner = bank_->owner_of(budget::bucket_of(looking.wanted.budget));
    if (owner == nullptr) return;
    const LedgerKey key = *owner;
    looking.asked[key];
    bank_->look(key, looking.wanted, now());
}

void Treasury::finish_looks() {
    for (auto& [from, seen] : bank_->take_seen()) {
        const auto found = looking_.find(seen.id);
        if (found == looking_.end()) continue;
        const auto asked = found->second.asked.find(from);
        if (asked != found->second.asked.end()) asked->second = std::move(seen);
    }
    std::vector<std::uint64_t> again;
    for (auto one = looking_.begin(); one != looking_.end();) {
        Looking& looking = one->second;
        const auto answered = [](const auto& asked) { return asked.second.has_value(); };
        bool done = std::ranges::all_of(looking.asked, answered);
        if (!looking.wanted.budget.empty()) {
            done = std::ranges::any_of(looking.asked, [](const auto& asked) {
                return asked.second && !asked.second->sights.empty();
            });
            if (!done && now() >= looking.again) again.push_back(one->first);
        }
        if (!done && now() < looking.until) {
            ++one;
            continue;
        }
        looking.answer->fulfill(Result<Page>(page_of(looking)));
        one = looking_.erase(one);
    }
    for (const std::uint64_t id : again) {
        if (looking_.contains(id)) ask_owner(id);
    }
}

Treasury::Page Treasury::page_of(Looking& looking) const {
    const auto order = [](const BudgetId& id) { return std::pair(budget::bucket_of(id), id); };
    Page page;
    // Behind the last of one that has more, others' are for the next page.
    std::optional<std::pair<budget::Bucket, BudgetId>> end;
    for (auto& [ledger, seen] : looking.asked) {
        const NodeId node = node_of(ledger);
        if (!seen) {
            page.silent.push_back(node);
            continue;
        }
        if (seen->more && !seen->sights.empty()) {
            const auto last = order(seen->sights.back().budget);
            if (!end || last < *end) end = last;
        }
        for (budget::Sight& sight : seen->sights) {
            const Standing standing = sight.position.standing;
            if (standing == Standing::kUnknown || standing == Standing::kDeleted) continue;
            page.seen.push_back({node, std::move(sight)});
        }
    }
    if (const BudgetId& one = looking.wanted.budget; !one.empty()) {
        page.unowned = bank_->owned_in_reach()[budget::bucket_of(one).value] ? 0 : 1;
    } else {
        page.unowned = unowned();
    }
    std::ranges::sort(page.seen, {}, [&](const Seen& at) { return order(at.sight.budget); });
    if (!end) return page;
    page.more = true;
    std::erase_if(page.seen, [&](const Seen& at) { return *end < order(at.sight.budget); });
    return page;
}

void Treasury::look_for_owners() {
    const auto owned = bank_->owned_in_reach();
    for (std::size_t at = 0; at < owned.size(); ++at) {
        if (owned[at]) owned_at_[at] = now();
    }
}

bool Treasury::without_owner(budget::Bucket bucket) const {
    return now() - owned_at_[bucket.value] >= kPassage;
}

std::uint32_t Treasury::unowned() const {
    std::uint32_t parts = 0;
    for (std::uint16_t at = 0; at < budget::kBuckets; ++at) parts += without_owner({at});
    return parts;
}

MoneyBooks Treasury::books(const BudgetId& budget, const BudgetId& after) const {
    MoneyBooks out;
    if (begun_) {
        out = money_books(*bank_, budget, after,
                          [this](const LedgerKey& ledger) { return node_of(ledger); });
    }
    out.frozen = frozen();
    return out;
}

MoneyReport Treasury::report() const {
    MoneyReport out;
    out.begun = begun_;
    out.frozen = frozen();
    if (!begun_) return out;
    out.disowned = frozen_.empty() && !out.frozen.empty();
    out.owned = static_cast<std::uint32_t>(bank_->hello().owned.count());
    out.unowned = unowned();
    for (const BudgetId& id : named_) {
        if (out.cut_off.size() == kCutOffMax) break;
        if (without_owner(budget::bucket_of(id))) out.cut_off.push_back(id);
    }
    out.wanted = static_cast<std::uint32_t>(bank_->options().custodians);
    out.others = static_cast<std::uint32_t>(std::ranges::count_if(
        node_of_, [&](const auto& met) { return bank_->connected(met.first); }));
    const budget::OwnLog* log = bank_->books().newest();
    if (log == nullptr) return out;
    const std::vector<LedgerKey>& custodians = log->header().custodians;
    out.custodians = static_cast<std::uint32_t>(custodians.size());
    out.needed = static_cast<std::uint32_t>(budget::quorum_of(custodians.size()).act);
    for (const LedgerKey& one : custodians) {
        if (bank_->connected(one)) continue;
        const NodeId node = node_of(one);
        out.away.push_back(node.empty() ? seal::fingerprint(one) : node.str());
    }
    return out;
}

}  // namespace vidai::mesh::rpc
