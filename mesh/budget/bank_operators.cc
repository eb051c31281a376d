// SPDX-License-Identifier: Apache-2.0
// What operators ask of a bank: to make and change budgets, which their owners do, and to look.
#include <algorithm>
#include <utility>

#include "mesh/budget/bank.h"

namespace vidai::mesh::budget {

namespace {

constexpr std::size_t kPendingMax = 4'096;  // edits that are not committed, answers not taken

EditDone failed(std::uint64_t id, ErrorCode code, std::string message) {
    return {id, false, code, std::move(message)};
}

}  // namespace

void Bank::edit(const Edit& wanted, MonoTime now) {
    const LedgerKey* owner = owner_of(bucket_of(wanted.budget));
    if (owner == nullptr) {
        edits_done_.push_back(failed(
            wanted.id, ErrorCode::kUnavailable,
            "no node that can be reached owns budget " + wanted.budget.str() + "; try again"));
        return;
    }
    send(*owner, wanted);
    turn(now);
}

void Bank::look(const LedgerKey& whom, const Look& wanted, MonoTime now) {
    send(whom, wanted);
    turn(now);
}

void Bank::on(const LedgerKey& from, const Look& look, MonoTime now) {
    Seen seen{look.id, {}, false};
    if (const OwnLog* log = books_.newest(); log != nullptr && ready()) {
        const Budgets& all = log->ledger.state().estate().budgets;
        auto at = all.begin();
        if (!look.budget.empty()) {
            const bool mine = log->ledger.state().owns(bucket_of(look.budget));
            at = all.find({bucket_of(look.budget), look.budget});
            if (mine && at == all.end()) seen.sights.push_back(owner_.sight(look.budget, now));
        } else if (!look.after.empty()) {
            at = all.upper_bound({bucket_of(look.after), look.after});
        }
        for (; at != all.end() && seen.sights.size() < kSightsMax; ++at) {
            if (at->second.deleted && look.budget.empty()) continue;
            seen.sights.push_back(owner_.sight(at->first.second, now));
            if (!look.budget.empty()) break;
        }
        seen.more = look.budget.empty() && at != all.end();
    }
    if (from == books_.self()) {
        seen_.emplace_back(from, std::move(seen));
    } else {
        send(from, std::move(seen));
    }
}

void Bank::on(const LedgerKey& from, const Edit& edit, MonoTime now) {
    const auto answer = [&](EditDone done) {
        if (from == books_.self()) {
            edits_done_.push_back(std::move(done));
        } else {
            send(from, std::move(done));
        }
    };
    if (!ready() || pending_.size() >= kPendingMax) {
        answer(failed(edit.id, ErrorCode::kUnavailable,
                      "the owner of budget " + edit.budget.str() + " cannot write now; try again"));
        return;
    }
    auto at = append(edit, now);
    if (!at) {
        const ErrorCode code =
            at.error().code == ErrorCode::kConflict ? ErrorCode::kNotFound : at.error().code;
        answer(failed(edit.id, code, at.error().message));
        return;
    }
    const LogId& log = books_.newest()->ledger.header().id;
    pending_.push_back({log, *at, from, {edit.id, true, {}, {}}, edit.budget});
}

void Bank::on(const LedgerKey& from, const EditDone& done, MonoTime now) {
    (void)from, (void)now;
    edits_done_.push_back(done);
}

void Bank::on(const LedgerKey& from, const Seen& seen, MonoTime now) {
    (void)now;
    if (seen_.size() < kPendingMax) seen_.emplace_back(from, seen);
}

// Where in the log it is done.
Result<Seq> Bank::append(const Edit& edit, MonoTime now) {
    const auto invalid = [](std::string why) {
        return fail(ErrorCode::kInvalidRequest, std::move(why));
    };
    Ledger& ledger = books_.newest()->ledger;
    if (!ledger.state().owns(bucket_of(edit.budget))) {  // its sender has not heard that yet
        return fail(ErrorCode::kUnavailable,
                    "budget " + edit.budget.str() + " changes its owner; try again");
    }
    const BudgetState* now_is = ledger.state().budget(edit.budget);
    if (!is_known(edit.rule)) {
        return invalid("on the node that owns budget " + edit.budget.str() + ", " +
                       why_unknown(edit.rule));
    }
    if (edit.limit.value < 0) return invalid("a budget's limit is at least 0");
    switch (edit.kind) {
        case Edit::Kind::kDefine:
            return ledger.append(
                Define{edit.budget, edit.limit, edit.rule, changed({}, edit.policy)});
        case Edit::Kind::kSetLimit:
            return ledger.append(SetLimit{edit.budget, edit.limit});
        case Edit::Kind::kDelete:
            return ledger.append(Remove{edit.budget});
        case Edit::Kind::kSetRule:
            return ledger.append(SetRule{edit.budget, edit.rule});
        case Edit::Kind::kSetPolicy: {
            const Policy before = now_is == nullptr ? Policy{} : now_is->policy;
            return ledger.append(SetPolicy{edit.budget, changed(before, edit.policy)});
        }
        case Edit::Kind::kTopUp: {
            auto top_up = owner_.dated(edit.budget, edit.top_up, now);
            if (!top_up) return fail(std::move(top_up).error());
            return ledger.append(OpenTopUp{edit.budget, edit.top_up_id, std::move(*top_up)});
        }
        case Edit::Kind::kEndTopUp:
            return ledger.append(EndTopUp{edit.budget, edit.top_up_id});
    }
    return invalid("no such change of a budget");
}

}  // namespace vidai::mesh::budget
