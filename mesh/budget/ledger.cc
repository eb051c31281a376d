// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/ledger.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <variant>

#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::budget {

namespace {

// The pool of each window is its own.
BudgetWindow pool_of(const BudgetWindow& money) {
    return VIDAI_MUTANT("windows-share-pool") ? BudgetWindow{money.budget, 0} : money;
}

}  // namespace

Ledger::Ledger(LogHeader header, Boot boot)
    : header_(std::move(header)), boot_(boot), state_(header_) {
    CHECK(header_.custodians.size() <= kCustodiansMax);
    for (const LedgerKey& custodian : header_.custodians) acks_[custodian] = 0;
    CHECK(acks_.size() == header_.custodians.size() && !acks_.contains(header_.id.ledger));
}

Result<Ledger> Ledger::reopen(LogHeader header, std::span<const EntryRef> entries, Boot boot) {
    Ledger ledger(std::move(header), boot);
    for (const EntryRef& entry : entries) {
        if (auto read = ledger.state_.apply(*entry); !read) {
            return fail(ErrorCode::kCorrupt, "entry " + std::to_string(ledger.state_.seq() + 1) +
                                                 " of this log: " + read.error().message);
        }
        ledger.entries_.push_back(entry);
    }
    ledger.on_synced(entries.size());
    return ledger;
}

Result<Seq> Ledger::append(Entry entry) {
    if (auto allowed = state_.apply(entry); !allowed) return fail(std::move(allowed).error());
    entries_.push_back(std::make_shared<const Entry>(std::move(entry)));
    if (const auto* back = std::get_if<Return>(entries_.back().get());
        VIDAI_MUTANT("return-reused-before-commit") && back) {
        pools_[back->money].activated += {1};
    }
    advance();
    return size();
}

void Ledger::on_synced(Seq upto) {
    CHECK(upto <= size());
    synced_ = std::max(synced_, upto);
    advance();
}

void Ledger::on_ack(const LedgerKey& custodian, Seq upto) {
    const auto found = acks_.find(custodian);
    if (found == acks_.end() || upto > size()) return;  // the adapter freezes the log
    found->second = std::max(found->second, upto);
    advance();
}

void Ledger::on_adopted(Seq head) {
    adopted_ = std::max(adopted_, std::min(head, size()));
    advance();
}

std::span<const EntryRef> Ledger::entries_behind(Seq seq) const {
    CHECK(seq >= first_ && seq <= size());
    return std::span(entries_).subspan(seq - first_);
}

void Ledger::drop_entries(Seq upto) {
    const Seq end = std::min({upto, committed_, synced_});
    if (end <= first_) return;
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(end - first_));
    first_ = end;
}

void Ledger::advance() {
    std::vector<Seq> acks;
    for (const auto& [custodian, upto] : acks_) acks.push_back(upto);
    std::ranges::sort(acks, std::greater{});
    const std::size_t act = quorum_of(acks.size()).act;
    const Seq acked = act == 0 ? synced_ : acks[act - 1];
    Seq upto = std::max(std::min(synced_, acked), adopted_);
    if (VIDAI_MUTANT("use-before-commit")) upto = size();
    const auto takes = [](const EntryRef& entry) {
        return (VIDAI_MUTANT("adopt-before-commit") && std::holds_alternative<Adopt>(*entry)) ||
               (VIDAI_MUTANT("in-before-commit") && std::holds_alternative<In>(*entry));
    };
    if (std::ranges::any_of(entries_, takes)) upto = size();
    for (; committed_ < upto; ++committed_) take_effect(*entries_[committed_ - first_]);
}

void Ledger::take_effect(const Entry& entry) {
    if (const auto* activate = std::get_if<Activate>(&entry)) {
        if (activate->boot != boot_ && !VIDAI_MUTANT("restart-reuses-pool")) return;
        pools_[pool_of(activate->money)].activated += activate->amount;
    }
    if (const auto* adopt = std::get_if<Adopt>(&entry);
        VIDAI_MUTANT("adopter-uses-pool") && adopt) {
        for (const auto& [name, budget] : adopt->estate->budgets) {
            for (const auto& [window, state] : budget.windows) {
                pools_[{name.second, window}].activated += state.in_use();
            }
        }
    }
}

MicroUsd Ledger::pool(const BudgetWindow& money) const {
    const auto found = pools_.find(pool_of(money));
    return found == pools_.end() ? MicroUsd{} : found->second.activated - found->second.granted_sum;
}

std::vector<BudgetWindow> Ledger::pools() const {
    std::vector<BudgetWindow> out;
    for (const auto& [money, pool] : pools_) out.push_back(money);
    return out;
}

Ledger::Lending Ledger::lending(const BudgetWindow& money) const {
    const auto found = pools_.find(money);
    if (found == pools_.end()) return {};
    return {found->second.activated, found->second.granted};
}

MicroUsd Ledger::grant(const Holder& holder, const BudgetWindow& money, MicroUsd wanted) {
    const auto found = pools_.find(pool_of(money));
    if (found == pools_.end()) return {};
    Pool& pool = found->second;
    MicroUsd& granted = pool.granted[holder];
    const MicroUsd total = std::max(granted, std::min(wanted, granted + this->pool(money)));
    if (!VIDAI_MUTANT("grants-forgotten")) pool.granted_sum += total - granted;
    granted = total;
    return total;
}

}  // namespace vidai::mesh::budget
