// SPDX-License-Identifier: Apache-2.0
#include "tests/explore/world.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <variant>

#include "mesh/budget/circle.h"
#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::explore {

using namespace mesh::budget;  // NOLINT(google-build-using-namespace)

namespace {

const BudgetId kBudget("team");
const BudgetWindow kMoney{kBudget, 1};

LedgerKey key_of(int node) {
    LedgerKey key;
    key.bytes[0] = static_cast<std::uint8_t>(node + 1);
    return key;
}

std::vector<LogHeader> headers(const Scenario& scenario) {
    std::vector<LogHeader> all;
    std::map<int, std::uint32_t> generations;
    for (const Scenario::Log& log : scenario.logs) {
        LogHeader header;
        header.id = {key_of(log.node), ++generations[log.node]};
        for (const int node : log.custodians) header.custodians.push_back(key_of(node));
        header.genesis = all.empty();
        all.push_back(std::move(header));
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].successor = all[static_cast<std::size_t>(scenario.logs[i].successor)].id;
    }
    return all;
}

}  // namespace

std::vector<std::pair<LogId, Seq>> adopted_by(const Entry& entry) {
    std::vector<std::pair<LogId, Seq>> out;
    if (const auto* one = std::get_if<Adopt>(&entry)) out.emplace_back(one->header.id, one->head);
    if (const auto* circle = std::get_if<AdoptCircle>(&entry)) {
        for (const EndedLog& log : circle->logs) out.emplace_back(log.header.id, log.head);
    }
    return out;
}

std::string describe(const Action& action) {
    constexpr std::array<std::string_view, 15> kNames{
        "deliver to copy",      "seal by copy",  "activate",        "record account",
        "give bucket to log",   "close for log", "limit to",        "grant to node",
        "take from log",        "adopt log",     "adopt circle of", "spend of account",
        "give back of account", "crash",         "reclaim account"};
    return "log " + std::to_string(action.log) + ": " +
           std::string(kNames[static_cast<std::size_t>(action.kind)]) + " " +
           std::to_string(action.arg) +
           (action.at > 0 ? " entry " + std::to_string(action.at) : "");
}

World::World(const Scenario& scenario) : scenario_(&scenario) {
    int nodes = 0;
    for (const Scenario::Log& log : scenario.logs) nodes = std::max(nodes, log.node + 1);
    boots_.assign(static_cast<std::size_t>(nodes), Boot{1});
    for (const LogHeader& header : headers(scenario)) {
        ledgers_.emplace_back(header, Boot{1});
        copies_.emplace_back(header.custodians.size(), Custody(header));
    }
    CHECK(append(0, Genesis{}) && append(0, Define{kBudget, {scenario.limit}}));
    for (int copy = 0; copy < static_cast<int>(copies(0).size()); ++copy) {
        CHECK(deliver(0, copy) && deliver(0, copy));
    }
    spread();
}

Holder World::process(int node) const {
    return {key_of(node), boots_[static_cast<std::size_t>(node)]};
}

bool World::alive(const AccountName& name) const {
    return boots_[name.holder.ledger.bytes[0] - 1U] == name.holder.boot;
}

const AccountName& World::account(int index) const {
    return std::next(accounts_.begin(), index)->first;
}

int World::log_of(const LogId& id) const {
    const auto found = std::ranges::find_if(
        ledgers_, [&](const Ledger& ledger) { return ledger.header().id == id; });
    return static_cast<int>(found - ledgers_.begin());
}

bool World::room(int log, bool faults) const {
    const std::size_t beginning = log == 0 ? 2 : 0;
    const auto most = static_cast<std::size_t>(scenario_->entries_max) + beginning;
    return !faults || ledger(log).entries().size() < most;
}

std::vector<Action> World::actions(bool faults) const {
    std::vector<Action> out;
    const std::vector<int> all = circles();
    for (int log = 0; log < static_cast<int>(ledgers_.size()); ++log) {
        for (int copy = 0; copy < static_cast<int>(copies(log).size()); ++copy) {
            const Custody& held = copies(log)[static_cast<std::size_t>(copy)];
            if (held.state().seq() < ledger(log).entries().size()) {
                out.push_back({Kind::kDeliver, log, copy});
            }
        }
        money_actions(log, faults, out);
        if (room(log, faults)) passing_actions(log, all, out);
        if (faults) fault_actions(log, out);
        if (!faults && seal_quorum(log)) seal_actions(log, out);  // the others hear of it
    }
    account_actions(faults, out);
    if (!faults || crashes_ >= scenario_->crashes_max) return out;
    for (const int node : scenario_->crash) out.push_back({Kind::kCrash, node});
    return out;
}

void World::money_actions(int log, bool faults, std::vector<Action>& out) const {
    const LogState& state = ledger(log).state();
    if (const BudgetState* budget = state.budget(kBudget); budget != nullptr && room(log, faults)) {
        const auto window = budget->windows.find(kMoney.window);
        const bool used = window != budget->windows.end();
        if (!faults || !used || window->second.activated.value < scenario_->activated_max) {
            out.push_back({Kind::kActivate, log});
        }
        int index = 0;
        for (const auto& [name, purse] : accounts_) {
            if (purse.account.returned().value > 0) out.push_back({Kind::kRecord, log, index});
            if (VIDAI_MUTANT("reclaim-on-timeout")) out.push_back({Kind::kReclaim, log, index});
            ++index;
        }
    }
    if (ledger(log).pool(kMoney).value <= 0) return;
    for (const int node : scenario_->holders) out.push_back({Kind::kGrant, log, node});
}

void World::passing_actions(int log, const std::vector<int>& circles,
                            std::vector<Action>& out) const {
    for (const int circle : circles) out.push_back({Kind::kCircle, log, circle});
    for (int other = 0; other < static_cast<int>(ledgers_.size()); ++other) {
        const auto entries = ledger(other).entries();
        for (std::size_t at = 0; at < entries.size(); ++at) {
            const bool passes = std::holds_alternative<Out>(*entries[at]) ||
                                std::holds_alternative<Close>(*entries[at]);
            if (!passes) continue;
            out.push_back({Kind::kTake, log, other, static_cast<int>(at) + 1});
        }
        if (other == log || std::ranges::none_of(copies(other), &Custody::sealed)) continue;
        out.push_back({Kind::kAdopt, log, other});
        if (!std::ranges::all_of(copies(other), &Custody::sealed)) continue;
        const std::vector<SealedHead> all = seals(other);
        const Seq committed = committed_head(ledger(other).header(), all);
        if (committed == sealed_head(all)) continue;
        out.push_back({Kind::kAdopt, log, other, static_cast<int>(committed)});
    }
}

void World::seal_actions(int log, std::vector<Action>& out) const {
    for (int copy = 0; copy < static_cast<int>(copies(log).size()); ++copy) {
        if (copies(log)[static_cast<std::size_t>(copy)].sealed()) continue;
        out.push_back({Kind::kSeal, log, copy});
    }
}

void World::fault_actions(int log, std::vector<Action>& out) const {
    const bool may = std::ranges::find(scenario_->sealable, log) != scenario_->sealable.end();
    if (may) seal_actions(log, out);
    if (!room(log, true)) return;
    if (ledger(log).state().owns(bucket_of(kBudget))) {
        for (const auto& [from, to] : scenario_->moves) {
            if (from == log) out.push_back({Kind::kOut, log, to});
        }
        const auto edited = [](const EntryRef& entry) {
            return std::holds_alternative<SetLimit>(*entry);
        };
        if (std::ranges::none_of(ledger(log).entries(), edited)) {
            for (const auto& [by, limit] : scenario_->edits) {
                if (by == log) out.push_back({Kind::kEdit, log, limit});
            }
        }
    }
    for (const auto& [from, to] : scenario_->closes) {
        if (from == log) out.push_back({Kind::kClose, log, to});
    }
}

void World::account_actions(bool faults, std::vector<Action>& out) const {
    int index = 0;
    for (const auto& [name, purse] : accounts_) {
        if (alive(name) && purse.account.free().value > 0) {
            out.push_back({Kind::kSpend, 0, index});
            if (!faults || purse.account.returned().value < scenario_->returned_max) {
                out.push_back({Kind::kGiveBack, 0, index});
            }
        }
        ++index;
    }
}

bool World::append(int log, Entry entry) {
    const auto at = ledger(log).append(std::move(entry));
    if (at) ledger(log).on_synced(*at);
    return at.has_value();
}

bool World::perform(const Action& action) {
    bool done = true;
    switch (action.kind) {
        case Kind::kDeliver:
            done = deliver(action.log, action.arg);
            break;
        case Kind::kSeal:
            (void)
                copies_[static_cast<std::size_t>(action.log)][static_cast<std::size_t>(action.arg)]
                    .seal();
            break;
        case Kind::kActivate: {
            const Boot boot = ledger(action.log).boot();
            done = append(action.log, Activate{kMoney, boot, {1}});
            break;
        }
        case Kind::kRecord:
            done = record(action.log, action.arg, true);
            break;
        case Kind::kReclaim:
            done = record(action.log, action.arg, false);
            break;
        case Kind::kOut:
            done = append(action.log, Out{bucket_of(kBudget), ledger(action.arg).header().id});
            break;
        case Kind::kClose:
            done = append(action.log, Close{ledger(action.arg).header().id});
            break;
        case Kind::kEdit:
            done = append(action.log, SetLimit{kBudget, {action.arg}});
            break;
        case Kind::kGrant:
            done = grant(action.log, action.arg);
            break;
        case Kind::kTake:
            done = take(action.log, action.arg, static_cast<Seq>(action.at));
            break;
        case Kind::kAdopt:
            done = adopt(action.log, action.arg, static_cast<Seq>(action.at));
            break;
        case Kind::kCircle:
            done = adopt_circle(action.log, action.arg);
            break;
        case Kind::kSpend:
        case Kind::kGiveBack:
            done = use(action);
            break;
        case Kind::kCrash:
            crash(action.log);
            break;
    }
    if (done) spread();
    return done;
}

bool World::deliver(int log, int copy) {
    Custody& held = copies_[static_cast<std::size_t>(log)][static_cast<std::size_t>(copy)];
    const auto entries = ledger(log).entries();
    const Seq next = held.state().seq();
    if (next >= entries.size()) return false;
    const auto taken = held.on_append(next, entries.subspan(next, 1));
    if (!taken) return false;
    // What is said before it is synced is said; the sync comes later, or a crash does.
    if (held.acknowledged() <= held.synced()) held.on_synced(held.state().seq());
    return true;
}

bool World::use(const Action& action) {
    Purse& purse = accounts_[account(action.arg)];
    if (action.kind == Kind::kGiveBack) {
        const MicroUsd before = purse.account.returned();
        return purse.account.give_back({1}) > before;
    }
    if (!purse.account.reserve({1})) return false;
    purse.account.settle({1}, {1});
    ++purse.billed;
    return true;
}

// The holder hears of it twice.
bool World::grant(int log, int node) {
    const AccountName name = ledger(log).account(process(node));
    const auto held = accounts_.find(name);
    const std::int64_t had = held == accounts_.end() ? 0 : held->second.account.granted().value;
    const MicroUsd total = ledger(log).grant(process(node), kMoney, {had + 1});
    if (total.value <= had) return false;
    accounts_[name].account.on_grant(total);
    accounts_[name].account.on_grant(total);
    return true;
}

bool World::record(int log, int index, bool reported) {
    const auto& [name, purse] = *std::next(accounts_.begin(), index);
    const MicroUsd amount = reported ? purse.account.returned() : purse.account.granted();
    return append(log, Return{kMoney, name, amount});
}

Proof World::proof(int log, Seq at) const {
    Proof proof{ledger(log).header(), {}};
    for (const Custody& copy : copies(log)) {
        const auto place = static_cast<std::size_t>(&copy - copies(log).data());
        if (copy.acknowledged() >= at) proof.attested_by.push_back(proof.log.custodians[place]);
    }
    if (proof.attested_by.size() >= quorum_of(proof.log.custodians.size()).act) return proof;
    for (int heir = 0; heir < static_cast<int>(ledgers_.size()); ++heir) {
        const auto entries = ledger(heir).entries();
        for (std::size_t i = 0; i < ledger(heir).committed(); ++i) {
            const auto adopted = adopted_by(*entries[i]);
            const auto covers = [&](const auto& one) {
                return one.first == proof.log.id && one.second >= at;
            };
            if (std::ranges::any_of(adopted, covers)) return this->proof(heir, i + 1);
        }
    }
    return proof;
}

bool World::take(int log, int from, Seq at) {
    const Ledger& giver = ledger(from);
    const Entry& entry = *giver.entries()[at - 1];
    const LogId& id = giver.header().id;
    if (const auto* close = std::get_if<Close>(&entry)) {
        auto estate = std::make_shared<const Estate>(giver.state().estate());
        return append(log, Inherit{id, at, close->to, proof(from, at), std::move(estate)});
    }
    const Out& out = std::get<Out>(entry);
    const auto passing = giver.state().passing().find(at);
    if (passing == giver.state().passing().end()) return false;
    return append(log, In{out.bucket, id, at, out.to, proof(from, at), passing->second.budgets});
}

std::vector<SealedHead> World::seals(int log) const {
    std::vector<SealedHead> out;
    for (const Custody& copy : copies(log)) {
        const auto place = static_cast<std::size_t>(&copy - copies(log).data());
        if (!copy.sealed()) continue;
        out.push_back({ledger(log).header().custodians[place], copy.state().seq()});
    }
    return out;
}

// Up to that head; 0: the longest.
bool World::adopt(int log, int of, Seq head) {
    Adopt entry{ledger(of).header(), seals(of), head, false, nullptr};
    if (entry.seals.empty()) return false;
    if (head == 0) entry.head = sealed_head(entry.seals);
    const LogState state = state_at(of, entry.head);
    entry.closed = state.closed();
    entry.estate = std::make_shared<const Estate>(state.estate());
    return append(log, std::move(entry));
}

// As whoever has asked all of its custodians knows it.
EndedLog World::ended(int log) const {
    const LogState& owners = ledger(log).state();
    EndedLog closed{ledger(log).header(), {}, owners.seq(), owners.closed_to(), {}};
    closed.represents = owners.estate().represents;
    EndedLog sealed{ledger(log).header(), {}, 0, {}, {}};
    for (const Custody& copy : copies(log)) {
        const auto place = static_cast<std::size_t>(&copy - copies(log).data());
        const LedgerKey& custodian = sealed.header.custodians[place];
        const Seq has = copy.sealed() ? copy.state().seq() : copy.acknowledged();
        if (has == closed.head) closed.seals.push_back({custodian, has});
        if (copy.sealed()) sealed.seals.push_back({custodian, has});
    }
    sealed.head = committed_head(sealed.header, sealed.seals);
    const LogState read = state_at(log, sealed.head);
    sealed.closed_to = read.closed_to();
    sealed.represents = read.estate().represents;
    return closed.closed_to && is_final(closed) ? closed : sealed;
}

// Of any logs that somebody may know of, and not of others.
std::vector<int> World::circles() const {
    std::vector<std::pair<int, EndedLog>> known;
    for (int log = 0; log < static_cast<int>(ledgers_.size()); ++log) {
        EndedLog one = ended(log);
        if (is_final(one)) known.emplace_back(1 << log, std::move(one));
    }
    std::vector<int> out;
    for (std::size_t chosen = 1; chosen < (std::size_t{1} << known.size()); ++chosen) {
        int logs = 0;
        std::vector<EndedLog> of;
        for (std::size_t i = 0; i < known.size(); ++i) {
            if ((chosen >> i & 1U) == 0) continue;
            logs |= known[i].first;
            of.push_back(known[i].second);
        }
        if (heir_of_circle(of)) out.push_back(logs);
    }
    return out;
}

bool World::adopt_circle(int log, int logs) {
    AdoptCircle entry;
    auto estate = std::make_shared<Estate>();
    for (int of = 0; of < static_cast<int>(ledgers_.size()); ++of) {
        if ((logs >> of & 1) == 0) continue;
        entry.logs.push_back(ended(of));
        const EndedLog& one = entry.logs.back();
        if (one.closed_to) continue;
        const Estate had = state_at(of, one.head).estate();
        if ((had.owned & estate->owned).any()) return false;  // a mutant's
        merge(had, *estate);
    }
    entry.estate = std::move(estate);
    return append(log, std::move(entry));
}

void World::crash(int node) {
    ++crashes_;
    const Holder before = process(node);
    ++boots_[static_cast<std::size_t>(node)].value;
    const LedgerKey self = key_of(node);
    for (int log = 0; log < static_cast<int>(ledgers_.size()); ++log) {
        for (Custody& copy : copies_[static_cast<std::size_t>(log)]) {
            const auto place =
                static_cast<std::size_t>(&copy - copies_[static_cast<std::size_t>(log)].data());
            if (copy.header().custodians[place] != self) continue;
            auto read =
                Custody::reopen(copy.header(), copy.entries().first(copy.synced()), copy.sealed());
            CHECK(read.has_value());
            copy = std::move(*read);
        }
        if (node_of(log) != node) continue;
        auto read = Ledger::reopen(ledger(log).header(), ledger(log).entries(),
                                   boots_[static_cast<std::size_t>(node)]);
        CHECK(read.has_value());
        ledger(log) = std::move(*read);
    }
    if (!VIDAI_MUTANT("lease-reused")) return;
    for (const auto& [name, purse] : std::map(accounts_)) {
        if (name.holder != before) continue;
        accounts_[{name.log, name.boot, process(node)}].account.on_grant(purse.account.granted());
    }
}

void World::spread() {
    for (std::size_t round = 0; round < ledgers_.size(); ++round) {
        for (int log = 0; log < static_cast<int>(ledgers_.size()); ++log) {
            for (std::size_t place = 0; place < copies(log).size(); ++place) {
                const LedgerKey& custodian = ledger(log).header().custodians[place];
                ledger(log).on_ack(custodian, copies(log)[place].acknowledged());
            }
            for (std::size_t at = 0; at < ledger(log).committed(); ++at) {
                for (const auto& [id, head] : adopted_by(*ledger(log).entries()[at])) {
                    ledger(log_of(id)).on_adopted(head);
                }
            }
        }
    }
}

}  // namespace vidai::explore
