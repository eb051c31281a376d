// SPDX-License-Identifier: Apache-2.0
// Budgets, as operators are told of them, to and from the wire.
#include <chrono>
#include <string>
#include <utility>

#include "mesh/wire/operator_values.h"

namespace vidai::mesh::wire {

namespace {

constexpr std::size_t kTextMax = 4'096;
constexpr unsigned kListMax = 16'384;

std::unexpected<Error> malformed(const char* what) {
    return fail(ErrorCode::kProtocol, std::string("an operator message is malformed: ") + what,
                what);
}

std::string bounded(capnp::Text::Reader text) {
    return std::string(view_of(text).substr(0, kTextMax));
}

constexpr unsigned kTopUpsMax = 64;

void write(const BudgetStanding& budget, proto::Budget::Builder out) {
    out.setBudget(to_text(budget.budget.str()));
    out.setOwner(to_text(budget.owner.str()));
    out.setLimit(budget.limit.value);
    out.setInUse(budget.in_use.value);
    out.setLeft(budget.left.value);
    out.setPool(budget.pool.value);
    out.setWindow(to_text(budget.window));
    out.setZone(to_text(budget.zone));
    out.setRenewsMs(budget.renews.time_since_epoch().count());
    out.setClockOff(budget.clock_off);
    out.setObserved(!budget.enforce);
    out.setWouldRefuse(budget.would_refuse);
    out.setAlerts(to_data(budget.alerts));
    out.setAlerted(budget.alerted);
    out.setInForce(budget.in_force.value);
    auto top_ups = out.initTopUps(static_cast<unsigned>(budget.top_ups.size()));
    for (unsigned i = 0; i < top_ups.size(); ++i) wire::write(budget.top_ups[i], top_ups[i]);
    auto leases = out.initLeases(static_cast<unsigned>(budget.leases.size()));
    for (unsigned i = 0; i < leases.size(); ++i) {
        const BudgetStanding::Lease& lease = budget.leases[i];
        leases[i].setHolder(to_text(lease.holder.str()));
        leases[i].setGranted(lease.granted.value);
        leases[i].setSpent(lease.spent.value);
        leases[i].setReturned(lease.returned.value);
        leases[i].setLost(lease.lost);
    }
}

Result<BudgetStanding> read(proto::Budget::Reader in) {
    if (in.getLeases().size() > kListMax) return malformed("leases");
    if (in.getTopUps().size() > kTopUpsMax) return malformed("top-ups");
    BudgetStanding budget;
    budget.budget = BudgetId(bounded(in.getBudget()));
    budget.owner = NodeId(bounded(in.getOwner()));
    budget.limit = {in.getLimit()};
    budget.in_use = {in.getInUse()};
    budget.left = {in.getLeft()};
    budget.pool = {in.getPool()};
    budget.window = bounded(in.getWindow());
    budget.zone = bounded(in.getZone());
    budget.renews = WallTime(std::chrono::milliseconds(in.getRenewsMs()));
    budget.clock_off = in.getClockOff();
    budget.enforce = !in.getObserved();
    budget.would_refuse = in.getWouldRefuse();
    const auto alerts = bytes_of(in.getAlerts());
    budget.alerts.assign(alerts.begin(), alerts.end());
    budget.alerted = in.getAlerted();
    budget.in_force = {in.getInForce()};
    for (const auto one : in.getTopUps()) budget.top_ups.push_back(wire::read(one));
    for (const auto lease : in.getLeases()) {
        budget.leases.push_back({NodeId(bounded(lease.getHolder())),
                                 {lease.getGranted()},
                                 {lease.getSpent()},
                                 {lease.getReturned()},
                                 lease.getLost()});
    }
    return budget;
}

}  // namespace

void write(const BudgetTopUp& one, proto::BudgetTopUp::Builder out) {
    out.setId(to_text(one.id));
    out.setAmount(one.amount.value);
    out.setUntilMs(one.until.time_since_epoch().count());
    out.setNote(to_text(one.note));
}

BudgetTopUp read(proto::BudgetTopUp::Reader in) {
    return {bounded(in.getId()),
            {in.getAmount()},
            WallTime(std::chrono::milliseconds(in.getUntilMs())),
            bounded(in.getNote())};
}

void write(const BudgetPage& page, proto::BudgetPage::Builder out) {
    auto budgets = out.initBudgets(static_cast<unsigned>(page.budgets.size()));
    for (unsigned i = 0; i < budgets.size(); ++i) write(page.budgets[i], budgets[i]);
    out.setMore(page.more);
    auto silent = out.initSilent(static_cast<unsigned>(page.silent.size()));
    for (unsigned i = 0; i < silent.size(); ++i) silent.set(i, to_text(page.silent[i].str()));
    out.setUnowned(page.unowned);
}

Result<BudgetPage> read(proto::BudgetPage::Reader in) {
    if (in.getBudgets().size() > kListMax || in.getSilent().size() > kListMax) {
        return malformed("budgets");
    }
    BudgetPage page;
    for (const auto one : in.getBudgets()) {
        auto budget = read(one);
        if (!budget) return fail(std::move(budget).error());
        page.budgets.push_back(std::move(*budget));
    }
    page.more = in.getMore();
    for (const auto node : in.getSilent()) page.silent.emplace_back(bounded(node));
    page.unowned = in.getUnowned();
    return page;
}

}  // namespace vidai::mesh::wire
