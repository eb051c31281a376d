// SPDX-License-Identifier: Apache-2.0
// The part of MeshThread that is about money: how it begins, and what operators ask of it.
#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "mesh/budget/calendar.h"
#include "mesh/rpc/bulk_window.h"
#include "mesh/rpc/member_word.h"
#include "mesh/rpc/mesh_thread.h"
#include "mesh/seal/encoding.h"
#include "mesh/state/genesis.h"

namespace vidai::mesh::rpc {

namespace {

constexpr std::chrono::milliseconds kAskAgain{50};
constexpr std::chrono::milliseconds kAgreeWithin{5'000};

MicroUsd in_use(const budget::Sight& sight) {
    return sight.activated - sight.returned;
}

// So many of the first as are small enough together not to be bulk; at least one.
std::size_t in_one_call(std::span<const seal::Bytes> said) {
    std::size_t count = 1, bytes = said.front().size();
    const std::size_t most = std::min(said.size(), kWordsTogether);
    while (count < most && bytes + said[count].size() <= BulkWindow::kChunkMost) {
        bytes += said[count++].size();
    }
    return count;
}

std::unexpected<Error> no_such(const BudgetId& budget) {
    return fail(ErrorCode::kNotFound,
                "no budget is named '" + budget.str() + "'; `vidaictl budget list` shows all",
                budget.str());
}

Result<budget::Edit> top_up_of(const BudgetChange& change) {
    const bool opens = change.op == BudgetOp::kTopUp;
    budget::Edit edit;
    edit.kind = opens ? budget::Edit::Kind::kTopUp : budget::Edit::Kind::kEndTopUp;
    edit.budget = change.budget;
    edit.top_up_id = change.top_up.id;
    if (!budget::is_top_up_id(edit.top_up_id)) {
        return fail(ErrorCode::kInvalidRequest,
                    "a top-up is named by lower case letters, digits and -, at most 32", "id");
    }
    if (!opens) return edit;
    edit.top_up = {change.top_up.amount, change.top_up.until, change.top_up.note};
    budget::TopUp dated = edit.top_up;  // by the owner, where it is not
    if (dated.until == WallTime{}) dated.until = budget::kTopUpLatest;
    if (!budget::is_top_up(dated)) {
        return fail(ErrorCode::kInvalidRequest,
                    "a top-up is of more than 0 and at most a thousand million dollars, until a "
                    "time after 1970, with a note of at most 200 bytes in one line",
                    "top_up");
    }
    return edit;
}

// That nobody else comes upon.
std::string some_id(seal::RandomSource& random) {
    std::array<std::uint8_t, 4> bytes{};
    random.fill(bytes);
    return seal::to_hex(bytes);
}

// What its owner is to write, one behind the other.
Result<std::vector<budget::Edit>> edits_of(const BudgetChange& change) {
    using Kind = budget::Edit::Kind;
    if (change.op == BudgetOp::kTopUp || change.op == BudgetOp::kEndTopUp) {
        auto edit = top_up_of(change);
        if (!edit) return fail(std::move(edit).error());
        return std::vector{*edit};
    }
    const bool is_new = change.op == BudgetOp::kCreate;
    budget::Edit edit;
    edit.budget = change.budget;
    if (change.op == BudgetOp::kDelete) {
        edit.kind = Kind::kDelete;
        return std::vector{edit};
    }
    const budget::PolicyChange policy{change.enforce, change.alerts};
    if (change.alerts && !budget::are_thresholds(*change.alerts)) {
        return fail(ErrorCode::kInvalidRequest,
                    "a budget has at most 8 thresholds, from 1 to 100 percent and rising",
                    "alerts");
    }
    const bool says_policy = policy != budget::PolicyChange{};
    const bool without = !change.limit && (is_new || (change.window.empty() && !says_policy));
    if (without || (change.window.empty() && !change.zone.empty())) {
        return fail(ErrorCode::kInvalidRequest,
                    "a budget has a limit, and a time zone belongs to a window", "limit");
    }
    auto rule = budget::parse_rule(change.window.empty() ? "none" : change.window, change.zone);
    if (!rule) return fail(std::move(rule).error());
    std::vector<budget::Edit> edits;
    if (change.limit) {
        edit.kind = is_new ? Kind::kDefine : Kind::kSetLimit;
        edit.limit = *change.limit;
        if (is_new) edit.rule = *rule;
        if (is_new) edit.policy = policy;
        edits.push_back(edit);
    }
    if (!is_new && !change.window.empty()) {
        edits.push_back({0, Kind::kSetRule, change.budget, {}, std::move(*rule)});
    }
    if (!is_new && says_policy) {
        edits.push_back({0, Kind::kSetPolicy, change.budget, {}, {}, policy});
    }
    return edits;
}

BudgetPage shown(Treasury::Page page, const Treasury& treasury) {
    BudgetPage out;
    out.more = page.more;
    out.silent = std::move(page.silent);
    out.unowned = page.unowned;
    for (const Treasury::Seen& one : page.seen) {
        BudgetStanding budget{one.sight.budget,
                              one.owner,
                              one.sight.base,
                              in_use(one.sight),
                              one.sight.position.left,
                              one.sight.pool,
                              {},
                              std::string(budget::period_name(one.sight.rule.period)),
                              one.sight.rule.zone,
                              one.sight.ends,
                              one.sight.position.standing == budget::Standing::kClock,
                              one.sight.policy.enforce,
                              one.sight.would_refuse,
                              one.sight.policy.alerts,
                              one.sight.alerted,
                              {},
                              one.sight.position.limit};
        for (const auto& [id, top_up] : one.sight.top_ups) {
            budget.top_ups.push_back({id, top_up.amount, top_up.until, top_up.note});
        }
        for (const budget::Sight::Lease& lease : one.sight.leases) {
            budget.leases.push_back({treasury.node_of(lease.account.holder.ledger), lease.granted,
                                     lease.spent, lease.returned, lease.lost});
        }
        out.budgets.push_back(std::move(budget));
    }
    return out;
}

}  // namespace

Treasury::Around MeshThread::around_treasury() {
    const auto keeps_logs = [this](const NodeId& peer) {
        return newest_kind(membership_.claim_of(peer)) >= state::RegisterKind::kGenesis;
    };
    return {startup_.trust.mesh,
            startup_.node,
            timer_,
            clock_,
            random_,
            descriptors_,
            [this, keeps_logs](const NodeId& peer, std::span<const seal::Bytes> said) {
                Session* const session = links_.find(peer);
                if (session == nullptr || !keeps_logs(peer)) return;
                const bool together = can(membership_.claim_of(peer), Capability::kMoneyTogether);
                while (!said.empty()) {
                    const std::size_t count = together ? in_one_call(said) : 1;
                    session->tell_money(said.first(count));
                    said = said.subspan(count);
                }
            },
            [this, keeps_logs]() {
                std::vector<NodeId> peers;
                links_.for_each([&](const NodeId& peer, Session&) {
                    if (keeps_logs(peer)) peers.push_back(peer);
                });
                return peers;
            },
            [this](const NodeId& peer) {
                const auto view = shared_.view.load();
                const auto found = std::ranges::find(view->members, peer, &Member::id);
                return found == view->members.end() || found->status == MemberStatus::kDead ||
                       found->status == MemberStatus::kLeft;
            },
            [this](const Notice& said) { sink_(said); },
            [this]() { return peer_clocks(); },
            startup_.options.budget_log_bytes};
}

budget::PeerClocks MeshThread::peer_clocks() {
    budget::PeerClocks clocks;
    links_.for_each([&](const NodeId& peer, Session&) {
        ++clocks.connected;
        if (const auto ahead = exchange_.clock_offset(peer)) clocks.ahead.push_back(*ahead);
    });
    const auto view = shared_.view.load();
    for (const Member& member : view->members) {
        if (!member.self && member.status == MemberStatus::kAlive) ++clocks.others;
    }
    return clocks;
}

void MeshThread::money_tick() {
    treasury_.tick();
}

void MeshThread::on_money(const NodeId& from, std::span<const seal::ByteView> said) {
    if (auto heard = treasury_.on_told(from, said); !heard) on_malformed(from, heard.error());
}

void MeshThread::name_budgets() {
    std::set<BudgetId> named;
    for (const auto& [id, entry] : replica_.keys()) {
        if (!entry.record.revoked) {
            named.insert(entry.record.budgets.begin(), entry.record.budgets.end());
        }
    }
    treasury_.name(std::move(named));
}

// --- the beginning

void MeshThread::begin_money(bool agreed) {
    if (!replica_.genesis()) return;
    treasury_.begin(*replica_.genesis(), agreed);
    if (treasury_.begun() && treasury_.ledger() == replica_.genesis()) replica_.settle_genesis();
}

// All that are known but for those that left: each must have heard who begins.
Result<std::vector<NodeId>> MeshThread::who_must_agree() const {
    std::vector<NodeId> all;
    std::string silent;
    const auto view = shared_.view.load();
    for (const Member& member : view->members) {
        if (member.self || member.status == MemberStatus::kLeft) continue;
        all.push_back(member.id);
        if (member.status != MemberStatus::kAlive) {
            silent += (silent.empty() ? "" : ", ") + member.id.str();
        }
    }
    if (silent.empty()) return all;
    return fail(ErrorCode::kConflict,
                "the first budget of a mesh must be agreed to by every node, once, and these are "
                "not there: " +
                    silent +
                    ". Start them, or remove for good what will not come back with `vidaictl node "
                    "forget`",
                "members");
}

kj::Promise<Result<void>> MeshThread::found_money(MonoTime until) {
    if (treasury_.begun()) return Result<void>();
    if (const std::string why = treasury_.frozen(); !why.empty()) {
        return Result<void>(fail(ErrorCode::kUnavailable, "money is frozen here: " + why));
    }
    const seal::PublicKey self = *treasury_.ledger();
    if (replica_.genesis() && *replica_.genesis() != self) {
        begin_money(false);
        return Result<void>();
    }
    publish_view();
    auto all = who_must_agree();
    if (all && !all->empty() && !informed()) {
        return Result<void>(fail(ErrorCode::kUnavailable,
                                 "this node has not heard yet from its peers whether the mesh has "
                                 "budgets; try again"));
    }
    if (!all) return Result<void>(fail(std::move(all).error()));
    auto name = replica_.write_genesis(self, wall_now());
    if (!name) return Result<void>(fail(std::move(name).error()));
    begin_money(false);
    exchange_.push_register(*replica_.registers().find(*name));
    return saver_.save().then([this, name = *name, all = *all,
                               until](Result<void>&& stored) mutable -> kj::Promise<Result<void>> {
        if (!stored) return kj::mv(stored);
        return agree(std::move(name), std::move(all), until);
    });
}

kj::Promise<Result<void>> MeshThread::agree(state::RegisterName name, std::vector<NodeId> all,
                                            MonoTime until) {
    auto asked = exchange_.holders(name, {});
    return asked.then([this, name = std::move(name), all = std::move(all),
                       until](std::vector<NodeId>&& holders) mutable -> kj::Promise<Result<void>> {
        if (treasury_.begun()) return Result<void>();
        const auto lacks = std::ranges::find_if(all, [&](const NodeId& node) {
            return std::ranges::find(holders, node) == holders.end();
        });
        const bool ours = state::genesis_id(*replica_.genesis()) == name.id;
        if (!ours || lacks == all.end()) {
            begin_money(ours);
            return Result<void>();
        }
        if (mono_now() >= until) {
            return Result<void>(fail(ErrorCode::kUnavailable,
                                     "the first budget of a mesh must be agreed to by every node, "
                                     "once, and " +
                                         lacks->str() + " has not confirmed yet; try again",
                                     lacks->str()));
        }
        return timer_.afterDelay(kAskAgain.count() * kj::MILLISECONDS)
            .then([this, name = std::move(name), all = std::move(all), until]() mutable {
                return agree(std::move(name), std::move(all), until);
            });
    });
}

// After a restart, or an operator who had no more time.
void MeshThread::found_again() {
    if (treasury_.somebody_owns()) replica_.settle_genesis();
    if (!treasury_.founding() || agreeing_) return;
    agreeing_ = true;
    tasks_.add(
        found_money(mono_now() + kAgreeWithin).then([this](Result<void>&&) { agreeing_ = false; }));
}

// --- operators

kj::Promise<Result<BudgetPage>> MeshThread::change_budget(BudgetChange change,
                                                          std::chrono::milliseconds within) {
    const MonoTime until = mono_now() + within;
    if (change.op == BudgetOp::kTopUp && change.top_up.id.empty()) {
        change.top_up.id = some_id(random_);
    }
    auto wanted = edits_of(change);
    if (!wanted) return Result<BudgetPage>(fail(std::move(wanted).error()));
    const auto left = [this, until]() {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
            std::max(Duration{}, until - mono_now()));
    };
    if (change.op != BudgetOp::kCreate && !treasury_.begun() && !treasury_.founding()) {
        return Result<BudgetPage>(no_such(change.budget));
    }
    kj::Promise<Result<void>> made = found_money(until);
    for (const budget::Edit& edit : *wanted) {
        made = made.then([this, edit, left](Result<void>&& so_far) -> kj::Promise<Result<void>> {
            if (!so_far) return kj::mv(so_far);
            return treasury_.edit(edit, left());
        });
    }
    return made.then([this, change = std::move(change),
                      left](Result<void>&& done) -> kj::Promise<Result<BudgetPage>> {
        if (!done) return Result<BudgetPage>(fail(std::move(done).error()));
        const bool gone = change.op == BudgetOp::kDelete;
        notice(Notice::Kind::kBudgetChanged, change.budget.str(), gone ? "deleted" : "set");
        if (gone) return Result<BudgetPage>(BudgetPage{});
        return look_at_budgets(change.budget, {}, std::max(left(), kAskAgain));
    });
}

Result<MoneyBooks> MeshThread::money_books_now(const BudgetId& budget, const BudgetId& after) {
    MoneyBooks books = treasury_.books(budget, after);
    books.node = startup_.node;
    return books;
}

kj::Promise<Result<BudgetPage>> MeshThread::look_at_budgets(BudgetId budget, BudgetId after,
                                                            std::chrono::milliseconds within) {
    const auto most = std::min<std::chrono::milliseconds>(within, std::chrono::seconds(1));
    return treasury_.look(std::move(budget), std::move(after), most)
        .then([this](Result<Treasury::Page>&& page) -> Result<BudgetPage> {
            if (!page) return fail(std::move(page).error());
            return shown(std::move(*page), treasury_);
        });
}

}  // namespace vidai::mesh::rpc
