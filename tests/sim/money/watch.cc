// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/money/watch.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace vidai::sim {

using namespace mesh::budget;  // NOLINT(google-build-using-namespace)

namespace {

std::string name_of(const LogId& log) {
    return std::to_string(log.ledger.bytes[0]) + "/" + std::to_string(log.generation);
}

}  // namespace

MoneyWatch::Written MoneyWatch::read(const Books& books) {
    Written out;
    for (const auto& [id, log] : books.own()) {
        if (log.written.seq > 0) out.heads[id] = log.written;
    }
    for (const auto& [id, copy] : books.kept()) {
        if (copy.head.seq > 0) out.heads[id] = copy.head;
        if (copy.custody.sealed()) out.sealed.insert(id);
    }
    return out;
}

void MoneyWatch::violate(std::string rule, std::string detail, bool liveness) {
    if (!violation_.rule.empty()) return;
    violation_ = {std::move(rule), std::move(detail), liveness};
}

void MoneyWatch::on_disk(const LedgerKey& volume, const Books& books, const Written& written) {
    for (const auto& [id, head] : written.heads) {
        const auto own = books.own().find(id);
        const auto kept = books.kept().find(id);
        if (own != books.own().end()) store(volume, id, head, own->second.batches);
        if (kept != books.kept().end()) store(volume, id, head, kept->second.batches);
    }
    for (const LogId& id : written.sealed) {
        Chain& chain = chains_[id];
        chain.sealed.try_emplace(volume, chain.stored[volume]);
    }
    for (auto& [id, chain] : chains_) advance(id, chain);
    look_for_forgotten(volume, books);
}

// Whether a later log has its place, and others what it gave away in its first `stored` entries,
// and that is committed.
bool MoneyWatch::taken_over(const LogId& log, Seq stored) const {
    const auto some_log = [&](const auto& has) {
        return std::ranges::any_of(chains_, [&](const auto& other) {
            return other.first != log && other.second.state && has(*other.second.state);
        });
    };
    if (!some_log([&](const LogState& state) { return state.represents(log); })) return false;
    const auto& state = chains_.at(log).state;
    return !state || std::ranges::all_of(state->passing(), [&](const auto& passing) {
        const Seq at = passing.first;
        return at > stored || some_log([&](const LogState& by) { return by.has_taken(log, at); });
    });
}

void MoneyWatch::look_for_forgotten(const LedgerKey& volume, const Books& books) {
    if (rolled_back_) return;
    for (auto& [id, chain] : chains_) {
        if (!chain.stored.contains(volume) || chain.forgotten_by.contains(volume)) continue;
        if (books.own().contains(id) || books.kept().contains(id)) continue;
        chain.forgotten_by.insert(volume);
        if (taken_over(id, chain.stored.at(volume))) continue;
        violate("forgotten-is-taken",
                "log " + name_of(id) + " is forgotten by " + std::to_string(volume.bytes[0]) +
                    ", and no other has committed that it has its place and what "
                    "it gave away");
    }
}

void MoneyWatch::store(const LedgerKey& volume, const LogId& log, const Head& head,
                       const std::vector<BatchRef>& batches) {
    Chain& chain = chains_[log];
    Seq& stored = chain.stored[volume];
    if (head.seq <= stored) return;
    if (chain.sealed.contains(volume) && !rolled_back_) {
        violate("copies-are-prefixes", "a sealed copy of log " + name_of(log) + " has grown");
    }
    for (const BatchRef& batch : batches) {
        if (batch->head.seq <= stored || batch->head.seq > head.seq) continue;
        const Seq last = chain.heads.empty() ? 0 : chain.heads.rbegin()->first;
        const auto [known, fresh] = chain.heads.try_emplace(batch->head.seq, batch->head.hash);
        const bool forks = fresh ? batch->head.seq < last : known->second != batch->head.hash;
        if (forks && !rolled_back_) {
            violate("copies-are-prefixes",
                    "log " + name_of(log) + " has two entries " + std::to_string(batch->head.seq));
        }
        const auto put_back = put_back_.find(volume);
        const bool knew = put_back != put_back_.end() && put_back->second.contains(log);
        if (forks && volume == log.ledger && knew && all_have(chain, batch->head.seq)) {
            violate("rollback-noticed", "log " + name_of(log) + " is written anew at " +
                                            std::to_string(batch->head.seq) +
                                            ", and all its custodians have more of it");
        }
        if (batch->header && !chain.header) chain.header = batch->header;
        if (batch->before.seq != chain.entries.size()) continue;
        for (const EntryRef& entry : entries_of(*batch)) {
            chain.entries.push_back(entry);
            if (const auto* more = std::get_if<Activate>(entry.get())) {
                chain.activations.push_back(
                    {chain.entries.size(), more->boot, more->money, more->amount});
            }
        }
    }
    stored = head.seq;
}

// Whether each custodian of a log has so much of it, on a volume that was never put back.
bool MoneyWatch::all_have(const Chain& chain, Seq seq) const {
    if (!chain.header || chain.header->custodians.empty()) return false;
    return std::ranges::all_of(chain.header->custodians, [&](const LedgerKey& key) {
        const auto has = chain.stored.find(key);
        return has != chain.stored.end() && has->second >= seq && !put_back_.contains(key);
    });
}

void MoneyWatch::began(const LedgerKey& volume, const Books& books) {
    const Written has = read(books);
    for (auto& [id, chain] : chains_) {
        const auto stored = chain.stored.find(volume);
        if (stored == chain.stored.end()) continue;
        const auto head = has.heads.find(id);
        const Seq seq = head == has.heads.end() ? 0 : head->second.seq;
        if (seq == 0 && taken_over(id, stored->second)) continue;
        const bool forgets =
            seq < stored->second || (chain.sealed.contains(volume) && !has.sealed.contains(id));
        if (forgets && rolled_back_) {
            std::set<LogId>& logs = put_back_[volume];
            if (seq > 0) logs.insert(id);
            stored->second = seq;
        } else if (forgets) {
            violate("copies-are-prefixes", "a volume that was synced has lost of log " +
                                               name_of(id) + " what is behind " +
                                               std::to_string(seq));
        }
    }
    on_disk(volume, books, has);  // what was written and not synced is there, and is synced now
}

bool MoneyWatch::ended(const Chain& chain) const {
    return chain.header && chain.sealed.size() >= quorum_of(chain.header->custodians.size()).seal;
}

// What enough disks hold, and what another log has taken over. That may be more: of three
// custodians two seals end a log, and the longer one counts, although nobody else may have its end.
// Of a seal alone nothing follows. The third custodian may have more still, which it seals when all
// is over, and of which the heir knows nothing: such an end was taken for committed here once, and
// then its windows came after the heir's.
void MoneyWatch::advance(const LogId& log, Chain& chain) {
    if (!chain.header) return;
    const Quorum quorum = quorum_of(chain.header->custodians.size());
    std::vector<Seq> held;
    for (const LedgerKey& key : chain.header->custodians) {
        const auto has = chain.stored.find(key);
        const auto seal = chain.sealed.find(key);
        held.push_back(seal != chain.sealed.end()  ? seal->second
                       : has == chain.stored.end() ? 0
                                                   : has->second);
    }
    std::ranges::sort(held, std::greater{});
    const Seq own = chain.stored.contains(log.ledger) ? chain.stored.at(log.ledger) : 0;
    const Seq acted = quorum.act == 0 ? own : std::min(own, held[quorum.act - 1]);
    const Seq upto = std::min<Seq>(std::max(acted, chain.adopted), chain.entries.size());
    if (upto <= chain.committed) return;
    if (!chain.state) chain.state = std::make_unique<LogState>(*chain.header);
    while (chain.committed < upto) {
        const Entry& entry = *chain.entries[chain.committed];
        follow_top_ups(*chain.state, entry);
        const auto folded = chain.state->apply(entry);
        if (!folded && !rolled_back_) {
            violate("folds-agree", "log " + name_of(log) + ": " + folded.error().message);
            return;
        }
        ++chain.committed;
        if (const auto* adopt = std::get_if<Adopt>(&entry)) adopted(adopt->header.id, adopt->head);
        if (const auto* circle = std::get_if<AdoptCircle>(&entry)) {
            for (const EndedLog& one : circle->logs) adopted(one.header.id, one.head);
        }
        follow_windows(log, entry);
    }
}

// That is committed. So much of the log is, too, before anything behind it in the heir.
void MoneyWatch::adopted(const LogId& log, Seq head) {
    const auto found = chains_.find(log);
    if (found == chains_.end()) return;
    Chain& chain = found->second;
    chain.adopted = std::max(chain.adopted, head);
    advance(log, chain);
    if (chain.committed > head && !rolled_back_) {
        violate("adopted-whole", "log " + name_of(log) + " is adopted up to " +
                                     std::to_string(head) + ", and has committed " +
                                     std::to_string(chain.committed));
    }
}

void MoneyWatch::follow_windows(const LogId& log, const Entry& entry) {
    const auto* more = std::get_if<Activate>(&entry);
    if (more == nullptr) return;
    Ordinal& newest = newest_[more->money.budget];
    if (more->money.window < newest && !rolled_back_) {
        violate("windows-apart", "log " + name_of(log) + " has money of window " +
                                     std::to_string(more->money.window) + " of " +
                                     more->money.budget.str() + " behind that of window " +
                                     std::to_string(newest));
    }
    newest = std::max(newest, more->money.window);
}

void MoneyWatch::follow_top_ups(const LogState& before, const Entry& entry) {
    const auto* end = std::get_if<EndTopUp>(&entry);
    const BudgetState* budget = end == nullptr ? nullptr : before.budget(end->budget);
    if (budget == nullptr) return;
    Ended one{end->budget, end->id, {}};
    for (const auto& [ordinal, window] : budget->windows) one.in_use[ordinal] = window.in_use();
    ended_.push_back(std::move(one));
}

Ordinal MoneyWatch::newest_window(const BudgetId& budget) const {
    const auto found = newest_.find(budget);
    return found == newest_.end() ? 0 : found->second;
}

void MoneyWatch::look() {
    if (rolled_back_) return;
    std::bitset<kBuckets> all;
    for (const auto& [id, chain] : chains_) {
        if (!chain.state || chain.state->closed() || ended(chain)) continue;
        if ((all & chain.state->estate().owned).any()) {
            violate("one-owner", "log " + name_of(id) + " owns what another owns, too");
        }
        all |= chain.state->estate().owned;
    }
}

void MoneyWatch::compare(const Books& books) {
    if (rolled_back_) return;
    const auto one = [&](const LogId& id, const LogState& state) {
        const auto chain = chains_.find(id);
        if (chain == chains_.end() || !chain->second.state) return;
        const LogState& mine = *chain->second.state;
        if (mine.seq() == state.seq() && !(mine.estate() == state.estate())) {
            violate("folds-agree", "log " + name_of(id) + " at " + std::to_string(state.seq()));
        }
    };
    for (const auto& [id, log] : books.own()) one(id, log.ledger.state());
    for (const auto& [id, copy] : books.kept()) one(id, copy.custody.state());
}

MicroUsd MoneyWatch::activated(const LogId& log, Boot boot, const BudgetWindow& money) const {
    MicroUsd sum;
    const auto chain = chains_.find(log);
    if (chain == chains_.end()) return sum;
    for (const Activation& one : chain->second.activations) {
        if (one.at <= chain->second.committed && one.boot == boot && one.money == money) {
            sum += one.amount;
        }
    }
    return sum;
}

void MoneyWatch::holds(const Bill::Name& name, const std::shared_ptr<Account>& account) {
    auto& known = accounts_[name];
    if (known && known != account && !rolled_back_) {
        violate("accounts-add-up", "an account of " + name.second.budget.str() + " begins anew");
    }
    known = account;
    const auto held = held_.try_emplace(account.get(), Held{account, name}).first;
    if (held->second.name != name) {
        violate("windows-apart", "an account of " + name.second.budget.str() + " in window " +
                                     std::to_string(held->second.name.second.window) +
                                     " is used in window " + std::to_string(name.second.window));
    }
}

void MoneyWatch::billed(const Bill::Name& name) {
    const auto& [account, money] = name;
    if (rolled_back_) return;
    const std::string where =
        money.budget.str() +
        (money.window == 0 ? "" : " in window " + std::to_string(money.window));
    if (bill_.of(money) > bill_.most(money)) {
        violate("bill-within-limit", std::to_string(bill_.of(money).value) + " of " + where +
                                         " billed, of at most " +
                                         std::to_string(bill_.most(money).value));
    }
    MicroUsd granted;
    for (const auto& [other, held] : accounts_) {
        const bool same = other.second == money && other.first.log == account.log &&
                          other.first.boot == account.boot;
        if (same) granted += held->granted();
    }
    const MicroUsd covered = activated(account.log, account.boot, money);
    if (granted > covered) {
        violate("grants-covered", "log " + name_of(account.log) + " has granted " +
                                      std::to_string(granted.value) + " of " + where +
                                      ", and has committed " + std::to_string(covered.value));
    }
    const Balance balance = accounts_.at(name)->balance();
    if (!balance.conserved() || balance.spent + balance.returned > balance.granted ||
        balance.spent + balance.reserved < bill_.of(name)) {
        violate("accounts-add-up", "an account of " + where + " has granted " +
                                       std::to_string(balance.granted.value) + " spent " +
                                       std::to_string(balance.spent.value) + " reserved " +
                                       std::to_string(balance.reserved.value) + " returned " +
                                       std::to_string(balance.returned.value) + " billed " +
                                       std::to_string(bill_.of(name).value));
    }
}

Bill::InUse MoneyWatch::in_use_before(const Edit& edit) const {
    const auto says = [&](const EntryRef& entry) {
        if (const auto* set = std::get_if<SetLimit>(entry.get())) {
            return edit.kind == Edit::Kind::kSetLimit && set->budget == edit.budget &&
                   set->limit == edit.limit;
        }
        const auto* gone = std::get_if<Remove>(entry.get());
        return edit.kind == Edit::Kind::kDelete && gone != nullptr && gone->budget == edit.budget;
    };
    Bill::InUse most;
    for (const auto& [id, chain] : chains_) {
        if (!chain.header || std::ranges::none_of(chain.entries, says)) continue;
        LogState state(*chain.header);
        for (const EntryRef& entry : chain.entries) {
            const BudgetState* now = says(entry) ? state.budget(edit.budget) : nullptr;
            if (now != nullptr) {
                for (const auto& [ordinal, window] : now->windows) {
                    most[ordinal] = std::max(most[ordinal], window.in_use());
                }
            }
            (void)state.apply(*entry);
        }
    }
    return most;
}

const LogState* MoneyWatch::owner_of(const BudgetId& budget) const {
    for (const auto& [id, chain] : chains_) {
        if (chain.state && !ended(chain) && chain.state->owns(bucket_of(budget))) {
            return chain.state.get();
        }
    }
    return nullptr;
}

MicroUsd MoneyWatch::stranded(const BudgetWindow& money, const WindowState& window,
                              const std::set<Holder>& living, const Pools& pools) const {
    MicroUsd sum;
    std::map<std::pair<LogId, Boot>, MicroUsd> granted;
    for (const auto& [name, account] : accounts_) {
        if (name.second != money) continue;
        const AccountName& of = name.first;
        granted[{of.log, of.boot}] += account->granted();
        if (living.contains(of.holder)) continue;
        const auto back = window.returned.find(of);
        const MicroUsd known = back == window.returned.end() ? MicroUsd{} : back->second;
        sum += std::max(MicroUsd{}, account->granted() - bill_.of(name) - known);
    }
    std::set<std::pair<LogId, Boot>> processes;
    for (const auto& [id, chain] : chains_) {
        for (const Activation& one : chain.activations) {
            if (one.money == money) processes.insert({id, one.boot});
        }
    }
    for (const auto& process : processes) {
        const auto pool = pools.find(process);
        const MicroUsd left = pool == pools.end() ? MicroUsd{} : pool->second;
        sum += std::max(MicroUsd{},
                        activated(process.first, process.second, money) - granted[process] - left);
    }
    return sum;
}

}  // namespace vidai::sim
