// SPDX-License-Identifier: Apache-2.0
// What a node has of the mesh's money, to and from the wire.
#include <string>
#include <utility>

#include "mesh/wire/operator_values.h"

namespace vidai::mesh::wire {

namespace {

constexpr std::size_t kTextMax = 4'096;
constexpr unsigned kListMax = 262'144;

std::string bounded(capnp::Text::Reader text) {
    return std::string(view_of(text).substr(0, kTextMax));
}

// Both ways over a list; `each` is called with a builder and its value.
template <class List, class Values, class Each>
void fill(List out, const Values& values, Each each) {
    for (unsigned i = 0; i < out.size(); ++i) each(out[i], values[i]);
}
template <class Values>
unsigned count(const Values& values) {
    return static_cast<unsigned>(values.size());
}

void write(const LogName& log, proto::LogName::Builder out) {
    out.setLedger(to_text(log.ledger));
    out.setGeneration(log.generation);
}
LogName read(proto::LogName::Reader in) {
    return {bounded(in.getLedger()), in.getGeneration()};
}
void write(const LogEnd& end, proto::LogEnd::Builder out) {
    out.setEntries(end.entries);
    out.setHash(to_text(end.hash));
}
LogEnd read(proto::LogEnd::Reader in) {
    return {in.getEntries(), bounded(in.getHash())};
}

void write(const MoneyBooks::OwnLog& own, proto::OwnLog::Builder out) {
    write(own.log, out.initLog());
    out.setCommitted(own.committed);
    fill(out.initEnds(count(own.ends)), own.ends,
         [](proto::LogEnd::Builder to, const LogEnd& end) { write(end, to); });
    auto custodians = out.initCustodians(count(own.custodians));
    for (unsigned i = 0; i < custodians.size(); ++i) {
        custodians.set(i, to_text(own.custodians[i]));
    }
    auto keepers = out.initKeepers(count(own.keepers));
    for (unsigned i = 0; i < keepers.size(); ++i) keepers.set(i, to_text(own.keepers[i].str()));
    out.setNeeded(own.needed);
}
MoneyBooks::OwnLog read(proto::OwnLog::Reader in) {
    MoneyBooks::OwnLog own;
    own.log = read(in.getLog());
    own.committed = in.getCommitted();
    for (const auto end : in.getEnds()) own.ends.push_back(read(end));
    for (const auto key : in.getCustodians()) own.custodians.push_back(bounded(key));
    for (const auto node : in.getKeepers()) own.keepers.emplace_back(bounded(node));
    own.needed = in.getNeeded();
    return own;
}

void write(const MoneyBooks::Owned& owned, proto::OwnedMoney::Builder out) {
    out.setBudget(to_text(owned.budget.str()));
    out.setWindow(owned.window);
    out.setLimit(owned.limit.value);
    out.setActivated(owned.activated.value);
    out.setReturned(owned.returned.value);
    out.setUncommitted(owned.uncommitted.value);
    out.setActivatedHere(owned.activated_here.value);
    out.setGrantedHere(owned.granted_here.value);
    out.setObserved(!owned.enforced);
    out.setDeleted(owned.deleted);
    fill(out.initLent(count(owned.lent)), owned.lent,
         [](proto::LentMoney::Builder to, const MoneyBooks::Lent& lent) {
             to.setLedger(to_text(lent.ledger));
             to.setStart(lent.start);
             to.setNode(to_text(lent.node.str()));
             to.setGranted(lent.granted.value);
             to.setSpent(lent.spent.value);
             to.setReturned(lent.returned.value);
             to.setLost(lent.lost);
         });
}
MoneyBooks::Owned read(proto::OwnedMoney::Reader in) {
    MoneyBooks::Owned owned{BudgetId(bounded(in.getBudget())),
                            in.getWindow(),
                            {in.getLimit()},
                            {in.getActivated()},
                            {in.getReturned()},
                            {in.getUncommitted()},
                            {in.getActivatedHere()},
                            {in.getGrantedHere()},
                            !in.getObserved(),
                            {},
                            in.getDeleted()};
    for (const auto lent : in.getLent()) {
        owned.lent.push_back({bounded(lent.getLedger()),
                              lent.getStart(),
                              NodeId(bounded(lent.getNode())),
                              {lent.getGranted()},
                              {lent.getSpent()},
                              {lent.getReturned()},
                              lent.getLost()});
    }
    return owned;
}

void write(const MoneyBooks::Held& held, proto::HeldMoney::Builder out) {
    out.setBudget(to_text(held.budget.str()));
    out.setWindow(held.window);
    write(held.log, out.initLog());
    out.setStart(held.start);
    out.setGranted(held.granted.value);
    out.setSpent(held.spent.value);
    out.setReserved(held.reserved.value);
    out.setReturned(held.returned.value);
    out.setFree(held.free.value);
}
MoneyBooks::Held read(proto::HeldMoney::Reader in) {
    return {BudgetId(bounded(in.getBudget())),
            in.getWindow(),
            read(in.getLog()),
            in.getStart(),
            {in.getGranted()},
            {in.getSpent()},
            {in.getReserved()},
            {in.getReturned()},
            {in.getFree()}};
}

void write(const MoneyBooks::Kept& kept, proto::KeptMoney::Builder out) {
    write(kept.log, out.initLog());
    out.setBudget(to_text(kept.budget.str()));
    out.setWindow(kept.window);
    out.setActivated(kept.activated.value);
    out.setReturned(kept.returned.value);
}
MoneyBooks::Kept read(proto::KeptMoney::Reader in) {
    return {read(in.getLog()),
            BudgetId(bounded(in.getBudget())),
            in.getWindow(),
            {in.getActivated()},
            {in.getReturned()}};
}

}  // namespace

void write(const MoneyBooks& books, proto::MoneyBooks::Builder out) {
    out.setNode(to_text(books.node.str()));
    out.setLedger(to_text(books.ledger));
    out.setStart(books.start);
    out.setFrozen(to_text(books.frozen));
    auto owns = out.initOwns(count(books.owns));
    for (unsigned i = 0; i < owns.size(); ++i) owns.set(i, books.owns[i]);
    const auto each = [](auto to, const auto& value) { write(value, to); };
    fill(out.initOwn(count(books.own)), books.own, each);
    fill(out.initKeptLogs(count(books.kept_logs)), books.kept_logs,
         [](proto::KeptLog::Builder to, const MoneyBooks::KeptLog& kept) {
             write(kept.log, to.initLog());
             write(kept.end, to.initEnd());
             to.setSealed(kept.sealed);
         });
    fill(out.initOwned(count(books.owned)), books.owned, each);
    fill(out.initHeld(count(books.held)), books.held, each);
    fill(out.initKept(count(books.kept)), books.kept, each);
    auto budgets = out.initBudgets(count(books.budgets));
    for (unsigned i = 0; i < budgets.size(); ++i) budgets.set(i, to_text(books.budgets[i].str()));
    out.setMore(books.more);
}

Result<MoneyBooks> read(proto::MoneyBooks::Reader in) {
    const bool bounded_lists = in.getOwns().size() <= kListMax &&
                               in.getOwned().size() <= kListMax &&
                               in.getHeld().size() <= kListMax && in.getKept().size() <= kListMax &&
                               in.getKeptLogs().size() <= kListMax &&
                               in.getOwn().size() <= kListMax && in.getBudgets().size() <= kListMax;
    if (!bounded_lists) {
        return fail(ErrorCode::kProtocol, "an operator message is malformed: books", "books");
    }
    MoneyBooks books;
    books.node = NodeId(bounded(in.getNode()));
    books.ledger = bounded(in.getLedger());
    books.start = in.getStart();
    books.frozen = bounded(in.getFrozen());
    for (const bool owns : in.getOwns()) books.owns.push_back(owns);
    for (const auto own : in.getOwn()) books.own.push_back(read(own));
    for (const auto kept : in.getKeptLogs()) {
        books.kept_logs.push_back({read(kept.getLog()), read(kept.getEnd()), kept.getSealed()});
    }
    for (const auto owned : in.getOwned()) books.owned.push_back(read(owned));
    for (const auto held : in.getHeld()) books.held.push_back(read(held));
    for (const auto kept : in.getKept()) books.kept.push_back(read(kept));
    for (const auto budget : in.getBudgets()) books.budgets.emplace_back(bounded(budget));
    books.more = in.getMore();
    return books;
}

}  // namespace vidai::mesh::wire
