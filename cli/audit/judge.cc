// SPDX-License-Identifier: Apache-2.0
#include "cli/audit/judge.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "schema/vocabulary/usd.h"

namespace vidai::cli::audit {

namespace {

using mesh::MoneyBooks;
using Window = std::pair<BudgetId, std::uint32_t>;

std::string span_text(std::chrono::milliseconds span) {
    const auto s = std::chrono::duration_cast<std::chrono::seconds>(span).count();
    if (s < 120) return std::to_string(s) + " s";
    if (s < 7'200) return std::to_string(s / 60) + " min";
    return std::to_string(s / 3'600) + " h";
}

bool lives(const NodeBooks& node) {
    return node.status == mesh::MemberStatus::kAlive || node.status == mesh::MemberStatus::kSuspect;
}

std::string_view status_text(mesh::MemberStatus status) {
    switch (status) {
        case mesh::MemberStatus::kJoining:
            return "joining";
        case mesh::MemberStatus::kAlive:
            return "alive";
        case mesh::MemberStatus::kSuspect:
            return "suspect";
        case mesh::MemberStatus::kDead:
            return "dead";
        case mesh::MemberStatus::kLeft:
            break;
    }
    return "left";
}

std::string silence_of(const NodeBooks& node) {
    return node.id.str() + " was not heard (" + std::string(status_text(node.status)) + " for " +
           span_text(node.in_status) + ": " + node.unreachable->message + ")";
}

class Judge {
  public:
    explicit Judge(const Books& books) : books_(books) {}

    std::vector<Verdict> verdicts() {
        judge_buckets();
        for (const NodeBooks& node : books_.nodes) {
            if (node.unreachable) continue;
            for (const MoneyBooks::Held& held : node.before.held) judge_account(node, held);
            for (const MoneyBooks::Held& held : node.after.held) judge_balance(node, held);
            for (const MoneyBooks::Owned& owned : node.after.owned) judge_owned(node, owned);
        }
        for (auto& [budget, owners] : owners_) judge_owners(budget, owners);
        judge_sums();
        judge_unowned();
        doubt_the_silent();
        return in_order();
    }

  private:
    Verdict& of(const BudgetId& budget) {
        Verdict& verdict = verdicts_[budget];
        verdict.budget = budget;
        return verdict;
    }
    void find(const BudgetId& budget, State state, std::string what) {
        Verdict& verdict = of(budget);
        const auto same = [&](const Finding& one) { return one.what == what; };
        if (std::ranges::any_of(verdict.findings, same)) return;
        verdict.state = std::max(verdict.state, state);
        verdict.findings.push_back({state, std::move(what)});
    }
    const NodeBooks* node_of(const NodeId& id) const {
        const auto found = std::ranges::find(books_.nodes, id, &NodeBooks::id);
        return found == books_.nodes.end() ? nullptr : &*found;
    }

    // --- ownership

    void judge_buckets() {
        std::map<std::size_t, const NodeBooks*> owner;
        std::map<std::pair<NodeId, NodeId>, std::size_t> twice;
        for (const NodeBooks& node : books_.nodes) {
            if (node.unreachable) continue;
            for (std::size_t i = 0; i < node.after.owns.size(); ++i) {
                if (!node.after.owns[i]) continue;
                const auto [at, fresh] = owner.try_emplace(i, &node);
                if (!fresh) ++twice[{at->second->id, node.id}];
            }
        }
        for (const auto& [nodes, count] : twice) {
            find({}, State::kBroken,
                 nodes.first.str() + " and " + nodes.second.str() + " can both lend of " +
                     std::to_string(count) + " of 1024 parts of all budgets");
        }
    }

    void judge_owners(const BudgetId& budget, const std::set<NodeId>& owners) {
        if (owners.size() > 1) {
            find(budget, State::kBroken,
                 owners.begin()->str() + " and " + std::next(owners.begin())->str() +
                     " both own it");
        }
        const NodeBooks& owner = *node_of(*owners.begin());
        if (owner.before.own.empty() || owner.after.own.empty()) return;
        judge_copies(budget, owner);
    }

    // Copies were read before the log that they must be a beginning of, and what it calls committed
    // before the copies that must have it.
    void judge_copies(const BudgetId& budget, const NodeBooks& owner) {
        const MoneyBooks::OwnLog& log = owner.after.own.front();
        const MoneyBooks::OwnLog& earlier = owner.before.own.front();
        std::uint32_t with = 0, unheard = 0;
        for (std::size_t i = 0; i < log.custodians.size(); ++i) {
            const NodeBooks* keeper = keeper_of(log.custodians[i], log.keepers[i]);
            if (keeper == nullptr || keeper->unreachable) {
                ++unheard;
                find(budget, State::kInDoubt,
                     keeper != nullptr ? silence_of(*keeper) + ": it keeps a copy of its log"
                                       : "a node that keeps a copy of its log is not known here");
                continue;
            }
            judge_copy(budget, owner, log, *keeper);
            const auto copy =
                std::ranges::find(keeper->after.kept_logs, log.log, &MoneyBooks::KeptLog::log);
            const bool same_log = earlier.log == log.log;
            if (copy != keeper->after.kept_logs.end() &&
                (!same_log || copy->end.entries >= earlier.committed)) {
                ++with;
            }
        }
        if (with >= log.needed) return;
        const State state = with + unheard >= log.needed ? State::kInDoubt : State::kBroken;
        find(budget, state,
             "its owner takes " + std::to_string(earlier.committed) +
                 " entries for committed, and only " + std::to_string(with) + " of " +
                 std::to_string(log.needed) + " custodians have them");
    }

    const NodeBooks* keeper_of(const std::string& ledger, const NodeId& name) const {
        for (const NodeBooks& node : books_.nodes) {
            if (!node.unreachable && node.after.ledger == ledger) return &node;
        }
        const NodeBooks* named = node_of(name);
        return named != nullptr && named->unreachable ? named : nullptr;
    }

    void judge_copy(const BudgetId& budget, const NodeBooks& owner, const MoneyBooks::OwnLog& log,
                    const NodeBooks& keeper) {
        const auto copy =
            std::ranges::find(keeper.before.kept_logs, log.log, &MoneyBooks::KeptLog::log);
        if (copy == keeper.before.kept_logs.end() || copy->end.entries == 0) return;
        const auto known = std::ranges::find(log.ends, copy->end.entries, &mesh::LogEnd::entries);
        const std::string whose = "the copy of " + keeper.id.str();
        if (known == log.ends.end()) {
            const bool behind = !log.ends.empty() && copy->end.entries < log.ends.front().entries;
            find(budget, behind ? State::kInDoubt : State::kBroken,
                 whose +
                     (behind ? " is too far behind the log of "
                             : " is no beginning of the log of ") +
                     owner.id.str() + ", at entry " + std::to_string(copy->end.entries));
        } else if (known->hash != copy->end.hash) {
            find(budget, State::kBroken,
                 whose + " says otherwise than the log of " + owner.id.str() + ", at entry " +
                     std::to_string(copy->end.entries));
        }
        for (const MoneyBooks::Kept& kept : keeper.before.kept) {
            if (kept.log != log.log || kept.budget != budget) continue;
            const auto owned = std::ranges::find_if(owner.after.owned, [&](const auto& one) {
                return one.budget == budget && one.window == kept.window;
            });
            if (owned == owner.after.owned.end()) continue;  // a window that has passed since
            if (kept.activated > owned->activated || kept.returned > owned->returned) {
                find(budget, State::kBroken,
                     whose + " has more of it as activated or returned than the log of " +
                         owner.id.str());
            }
        }
    }

    // --- the owner's money

    void judge_owned(const NodeBooks& node, const MoneyBooks::Owned& owned) {
        if (owned.deleted && owned.activated.value == 0) return;
        owners_[owned.budget].insert(node.id);
        Verdict& verdict = of(owned.budget);
        const auto newest = newest_.try_emplace(owned.budget, owned.window).first;
        newest->second = std::max(newest->second, owned.window);
        if (owned.window == newest->second) {
            verdict.owner = node.id;
            verdict.limit = owned.limit;
            verdict.activated = owned.activated;
            verdict.returned = owned.returned;
            verdict.pool = owned.activated_here - owned.granted_here;
        }
        owned_[{owned.budget, owned.window}] = {&node, &owned};
        const MicroUsd in_use = owned.activated - owned.uncommitted - owned.returned;
        if (in_use > owned.limit && owned.window == newest->second) {
            find(owned.budget, State::kOk,
                 usd_text(in_use) + " of it is in use, above its limit: that was lowered" +
                     (owned.enforced ? ", or it was only observed before"
                                     : ", or is only observed"));
        }
        if (in_use.value < 0) {
            find(owned.budget, State::kBroken, "more of it was returned than was activated");
        }
        if (owned.granted_here > owned.activated_here) {
            find(owned.budget, State::kBroken,
                 node.id.str() + " has granted " + usd_text(owned.granted_here) +
                     " of it, and activated " + usd_text(owned.activated_here));
        }
        for (const MoneyBooks::Lent& lent : owned.lent) judge_lent(owned, lent);
    }

    void judge_lent(const MoneyBooks::Owned& owned, const MoneyBooks::Lent& lent) {
        const MicroUsd rest = lent.granted - lent.spent - lent.returned;
        if (rest.value <= 0) return;
        if (lent.lost) {
            find(owned.budget, State::kOk,
                 usd_text(rest) + " is stranded with an earlier process of " +
                     (lent.node.empty() ? "a node that was not met" : lent.node.str()));
            return;
        }
        const NodeBooks* holder = node_of(lent.node);
        if (holder != nullptr && holder->unreachable) {
            find(owned.budget, State::kInDoubt,
                 silence_of(*holder) + ": it may have spent " + usd_text(rest) + " of it");
        }
    }

    // --- accounts

    void judge_account(const NodeBooks& node, const MoneyBooks::Held& held) {
        granted_[{held.budget, held.window}] += held.granted;
        for (const NodeBooks& owner : books_.nodes) {
            if (owner.unreachable || owner.after.own.empty()) continue;
            if (owner.after.own.front().log != held.log || owner.after.start != held.start)
                continue;
            MicroUsd granted;
            bool whole = false;
            for (const MoneyBooks::Owned& owned : owner.after.owned) {
                if (owned.budget != held.budget || owned.window != held.window) continue;
                whole = true;
                MicroUsd shown;
                for (const MoneyBooks::Lent& lent : owned.lent) {
                    shown += lent.granted;
                    const bool same =
                        lent.ledger == node.before.ledger && lent.start == node.before.start;
                    if (same) granted = lent.granted;
                }
                // Of so many holders only the first are told one by one.
                whole = shown == owned.granted_here || granted.value > 0;
            }
            if (!whole || held.granted <= granted) continue;
            find(held.budget, State::kBroken,
                 node.id.str() + " has been granted " + usd_text(held.granted) + " of it, and " +
                     owner.id.str() + " knows of " + usd_text(granted));
        }
    }

    void judge_balance(const NodeBooks& node, const MoneyBooks::Held& held) {
        const MicroUsd sum = held.spent + held.reserved + held.free + held.returned;
        if (sum != held.granted) {
            find(held.budget, State::kBroken,
                 "an account of " + node.id.str() + " was granted " + usd_text(held.granted) +
                     ", and " + usd_text(sum) + " is spent, reserved, free or returned");
        }
        if (held.free.value < 0) {
            find(held.budget, State::kOk,
                 node.id.str() + " has spent " + usd_text(MicroUsd{} - held.free) +
                     " more of it than it was granted");
        }
        accounts_.emplace_back(held.budget, &held);
    }

    void judge_sums() {
        for (const auto& [window, granted] : granted_) {
            const auto at = owned_.find(window);
            if (at == owned_.end()) continue;
            const MoneyBooks::Owned& owned = *at->second.second;
            const MicroUsd pool = owned.activated_here - owned.granted_here;
            const MicroUsd most = owned.activated - owned.uncommitted - pool;
            if (granted <= most) continue;
            find(window.first, State::kBroken,
                 "its holders have been granted " + usd_text(granted) + ", and its log has " +
                     usd_text(most) + " that can have been");
        }
        for (const auto& [budget, held] : accounts_) {
            const auto newest = newest_.find(budget);
            if (newest == newest_.end() || newest->second != held->window) continue;
            Verdict& verdict = of(budget);
            verdict.granted += held->granted;
            verdict.spent += held->spent;
            verdict.reserved += held->reserved;
            verdict.free += held->free;
        }
    }

    // --- who was not heard

    void judge_unowned() {
        std::set<BudgetId> known;
        for (const NodeBooks& node : books_.nodes) {
            if (node.unreachable) continue;
            for (const auto& kept : node.after.kept) known.insert(kept.budget);
            for (const auto& held : node.after.held) {
                if (held.granted.value > 0) known.insert(held.budget);
            }
            if (!node.after.frozen.empty()) {
                find({}, State::kInDoubt, node.id.str() + " is frozen: " + node.after.frozen);
            }
        }
        for (const BudgetId& budget : known) {
            if (owners_.contains(budget) || deleted(budget)) continue;
            find(budget, State::kInDoubt, "no node that answers owns it");
            for (const NodeBooks& node : books_.nodes) {
                if (node.unreachable) find(budget, State::kInDoubt, silence_of(node));
            }
        }
    }

    bool deleted(const BudgetId& budget) const {
        return std::ranges::any_of(books_.nodes, [&](const NodeBooks& node) {
            return std::ranges::any_of(node.after.owned, [&](const MoneyBooks::Owned& owned) {
                return owned.budget == budget && owned.deleted;
            });
        });
    }

    // One that runs may lend, or think that it may.
    void doubt_the_silent() {
        for (const NodeBooks& node : books_.nodes) {
            if (!node.unreachable) continue;
            find({}, lives(node) ? State::kInDoubt : State::kOk, silence_of(node));
            if (!lives(node)) continue;
            for (const auto& [budget, owners] : owners_) {
                find(budget, State::kInDoubt, silence_of(node));
            }
        }
    }

    std::vector<Verdict> in_order() {
        std::vector<Verdict> out;
        for (auto& [budget, verdict] : verdicts_) out.push_back(std::move(verdict));
        return out;
    }

    const Books& books_;
    std::map<BudgetId, Verdict> verdicts_;
    std::map<BudgetId, std::set<NodeId>> owners_;
    std::map<BudgetId, std::uint32_t> newest_;
    std::map<Window, std::pair<const NodeBooks*, const MoneyBooks::Owned*>> owned_;
    std::map<Window, MicroUsd> granted_;
    std::vector<std::pair<BudgetId, const MoneyBooks::Held*>> accounts_;
};

}  // namespace

std::string usd_text(MicroUsd amount) {
    return amount.value < 0 ? "-" + print_usd(MicroUsd{} - amount) : print_usd(amount);
}

std::string_view state_name(State state) {
    constexpr std::string_view kNames[] = {"ok", "in doubt", "broken"};
    return kNames[static_cast<std::size_t>(state)];
}

std::vector<Verdict> judge(const Books& books) {
    return Judge(books).verdicts();
}

}  // namespace vidai::cli::audit
