// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/operator_server.h"

#include <algorithm>
#include <utility>

namespace vidai::mesh::rpc {

namespace {

constexpr std::uint32_t kDeadlineMaxMs = 60'000;
constexpr std::uint32_t kGraceMaxMs = 10 * 60'000;

template <class Value, class Context>
kj::Promise<void> answer(Context& context, const Result<Value>& result) {
    wire::write_outcome(result, context.getResults().initOutcome());
    return kj::READY_NOW;
}

template <class Value, class Context>
kj::Promise<void> answer_later(Context& context, kj::Promise<Result<Value>> result) {
    return result.then([context](Result<Value>&& value) mutable { return answer(context, value); });
}

std::chrono::milliseconds deadline(std::uint32_t ms) {
    return std::chrono::milliseconds(std::clamp<std::uint32_t>(ms, 1, kDeadlineMaxMs));
}

WallTime time_of(std::int64_t ms) {
    return WallTime(WallTime::duration(ms));
}

// Empty where none is named.
BudgetId budget_name(capnp::Text::Reader text) {
    return BudgetId(std::string(wire::view_of(text).substr(0, kBudgetIdBytesMax)));
}

std::unexpected<Error> may_not_write() {
    return fail(ErrorCode::kPermissionDenied,
                "this certificate may only look: changing things needs the role operator");
}

}  // namespace

kj::Promise<void> OperatorServer::members(MembersContext context) {
    return answer(context, calls_.members());
}

kj::Promise<void> OperatorServer::status(StatusContext context) {
    return answer(context, calls_.status());
}

kj::Promise<void> OperatorServer::nodeShow(NodeShowContext context) {
    const auto node = parse_node_id(wire::view_of(context.getParams().getNode()));
    if (!node) return answer<NodeDetail>(context, fail(node.error()));
    return answer(context, calls_.node_show(*node));
}

kj::Promise<void> OperatorServer::keyCreate(KeyCreateContext context) {
    if (!may_write_) return answer<CreatedKey>(context, may_not_write());
    auto request = wire::read(context.getParams().getRequest());
    if (!request) return answer<CreatedKey>(context, fail(std::move(request).error()));
    return answer_later(context, calls_.key_create(std::move(*request),
                                                   deadline(context.getParams().getDeadlineMs())));
}

kj::Promise<void> OperatorServer::keyList(KeyListContext context) {
    return answer(context, calls_.key_list(wire::text_of(context.getParams().getAfter())));
}

kj::Promise<void> OperatorServer::keyRevoke(KeyRevokeContext context) {
    if (!may_write_) return answer<state::KeyRecord>(context, may_not_write());
    auto revoked = calls_.key_revoke(KeyId(wire::text_of(context.getParams().getKey())),
                                     deadline(context.getParams().getDeadlineMs()));
    return revoked.then([context](Result<KeyRevocation>&& done) mutable {
        if (!done) return answer<state::KeyRecord>(context, fail(std::move(done).error()));
        context.getResults().setTime(done->time);
        return answer<state::KeyRecord>(context, std::move(done->key));
    });
}

kj::Promise<void> OperatorServer::limitShow(LimitShowContext context) {
    return answer(context, calls_.limit_show(KeyId(wire::text_of(context.getParams().getKey()))));
}

kj::Promise<void> OperatorServer::limitChange(LimitChangeContext context) {
    if (!may_write_) return answer<LimitChange>(context, may_not_write());
    auto limit = wire::guarded([&]() { return wire::read(context.getParams().getLimit()); });
    if (!limit) return answer<LimitChange>(context, fail(std::move(limit).error()));
    const std::uint8_t op = context.getParams().getOp();
    if (op > static_cast<std::uint8_t>(LimitOp::kDelete)) {
        return answer<LimitChange>(
            context, fail(ErrorCode::kInvalidRequest, "no such change of a limit", "op"));
    }
    return answer_later(context,
                        calls_.limit_change(LimitOp{op}, std::move(*limit),
                                            deadline(context.getParams().getDeadlineMs())));
}

kj::Promise<void> OperatorServer::limitList(LimitListContext context) {
    return answer(context, calls_.limit_list(wire::text_of(context.getParams().getAfter())));
}

kj::Promise<void> OperatorServer::limitStanding(LimitStandingContext context) {
    return answer(context, calls_.limit_standing(wire::text_of(context.getParams().getName())));
}

kj::Promise<void> OperatorServer::priceApply(PriceApplyContext context) {
    if (!may_write_) return answer<CardChange>(context, may_not_write());
    const auto asked = context.getParams();
    return answer_later(context, calls_.price_apply(wire::text_of(asked.getText()), who_,
                                                    deadline(asked.getDeadlineMs())));
}

kj::Promise<void> OperatorServer::priceCards(PriceCardsContext context) {
    return answer(context, calls_.price_cards(context.getParams().getSkip()));
}

kj::Promise<void> OperatorServer::ownCard(OwnCardContext context) {
    return answer(context, calls_.own_card(context.getParams().getSkip()));
}

kj::Promise<void> OperatorServer::budgetChange(BudgetChangeContext context) {
    if (!may_write_) return answer<BudgetPage>(context, may_not_write());
    const auto asked = context.getParams();
    auto budget = parse_budget_id(wire::view_of(asked.getBudget()));
    if (!budget) return answer<BudgetPage>(context, fail(std::move(budget).error()));
    if (asked.getOp() > static_cast<std::uint8_t>(BudgetOp::kEndTopUp)) {
        return answer<BudgetPage>(
            context, fail(ErrorCode::kInvalidRequest, "no such change of a budget", "op"));
    }
    BudgetChange change{.op = BudgetOp{asked.getOp()}, .budget = std::move(*budget)};
    if (!asked.getKeepsLimit()) change.limit = MicroUsd{asked.getLimitMicroUsd()};
    change.window = wire::text_of(asked.getWindow());
    change.zone = wire::text_of(asked.getZone());
    if (asked.getEnforce() > 0) change.enforce = asked.getEnforce() == 2;
    if (asked.getSetsAlerts()) {
        const auto alerts = wire::bytes_of(asked.getAlerts());
        change.alerts.emplace(alerts.begin(), alerts.end());
    }
    if (asked.hasTopUp()) change.top_up = wire::read(asked.getTopUp());
    return answer_later(context,
                        calls_.budget_change(std::move(change), deadline(asked.getDeadlineMs())));
}

kj::Promise<void> OperatorServer::budgetList(BudgetListContext context) {
    const auto asked = context.getParams();
    return answer_later(
        context, calls_.budget_list(budget_name(asked.getBudget()), budget_name(asked.getAfter()),
                                    deadline(asked.getDeadlineMs())));
}

kj::Promise<void> OperatorServer::moneyBooks(MoneyBooksContext context) {
    const auto asked = context.getParams();
    return answer(
        context, calls_.money_books(budget_name(asked.getBudget()), budget_name(asked.getAfter())));
}

kj::Promise<void> OperatorServer::usage(UsageContext context) {
    const auto asked = context.getParams();
    auto by = usage::parse_fields(wire::view_of(asked.getBy()));
    if (!by) return answer<UsageSheet>(context, fail(std::move(by).error()));
    auto parts = wire::read(asked.getParts());
    if (!parts) return answer<UsageSheet>(context, fail(std::move(parts).error()));
    return answer_later(context, calls_.usage({.by = std::move(*by),
                                               .since = time_of(asked.getSinceMs()),
                                               .until = time_of(asked.getUntilMs()),
                                               .parts = std::move(*parts)}));
}

kj::Promise<void> OperatorServer::usageEvents(UsageEventsContext context) {
    const auto asked = context.getParams();
    const std::uint64_t through = asked.getThrough();
    return answer_later(context,
                        calls_.usage_events({.from = asked.getFrom(),
                                             .since = time_of(asked.getSinceMs()),
                                             .until = time_of(asked.getUntilMs()),
                                             .request = wire::text_of(asked.getRequest()),
                                             .origin = wire::text_of(asked.getOrigin()),
                                             .through = through == 0 ? UINT64_MAX : through}));
}

kj::Promise<void> OperatorServer::usageHoldings(UsageHoldingsContext context) {
    return answer_later(context, calls_.usage_holdings());
}

// What only looks changes nothing, but reads all files.
kj::Promise<void> OperatorServer::usageHeal(UsageHealContext context) {
    const auto asked = context.getParams();
    if (!may_write_ && !asked.getDryRun()) {
        return answer<UsageCorrection>(context, may_not_write());
    }
    return answer_later(context, calls_.usage_heal(time_of(asked.getSinceMs()),
                                                   time_of(asked.getUntilMs()), asked.getDryRun()));
}

kj::Promise<void> OperatorServer::usageBill(UsageBillContext context) {
    if (!may_write_) return answer<UsageCorrection>(context, may_not_write());
    auto bills = wire::read(context.getParams().getBills());
    if (!bills) return answer<UsageCorrection>(context, fail(std::move(bills).error()));
    return answer_later(context, calls_.usage_bill(wire::text_of(context.getParams().getOrigin()),
                                                   std::move(*bills)));
}

kj::Promise<void> OperatorServer::report(ReportContext context) {
    return answer(context, calls_.report());
}

kj::Promise<void> OperatorServer::announce(AnnounceContext context) {
    if (!may_write_) return answer<Stated>(context, may_not_write());
    auto said = wire::guarded([&]() { return wire::read(context.getParams().getSaid()); });
    if (!said) return answer<Stated>(context, fail(std::move(said).error()));
    return answer_later(
        context, calls_.announce(std::move(*said), deadline(context.getParams().getDeadlineMs())));
}

// It changes nothing, but has this node ask all others.
kj::Promise<void> OperatorServer::acknowledged(AcknowledgedContext context) {
    if (!may_write_) return answer<Acknowledgement>(context, may_not_write());
    const auto said = wire::read(context.getParams().getSaid());
    if (!said) return answer<Acknowledgement>(context, fail(said.error()));
    return answer_later(context, calls_.acknowledged(*said));
}

kj::Promise<void> OperatorServer::statements(StatementsContext context) {
    const auto after = wire::read(context.getParams().getAfter());
    if (!after) return answer<wire::StatementPage>(context, fail(after.error()));
    return answer(context, calls_.statements({state::RegisterKind{after->kind}, after->id}));
}

kj::Promise<void> OperatorServer::drain(DrainContext context) {
    if (!may_write_) return answer<Draining>(context, may_not_write());
    const std::uint32_t grace = std::min(context.getParams().getGraceMs(), kGraceMaxMs);
    const auto named = wire::view_of(context.getParams().getNode());
    const auto node = named.empty() ? Result<NodeId>(NodeId()) : parse_node_id(named);
    if (!node) return answer<Draining>(context, fail(node.error()));
    return answer(context, calls_.drain(*node, std::chrono::milliseconds(grace)));
}

kj::Promise<void> OperatorServer::rotateKey(RotateKeyContext context) {
    if (!may_write_) return answer<KeyRotation>(context, may_not_write());
    const auto node = parse_node_id(wire::view_of(context.getParams().getNode()));
    if (!node) return answer<KeyRotation>(context, fail(node.error()));
    return answer_later(context, calls_.rotate_key(*node));
}

kj::Promise<void> OperatorServer::createToken(CreateTokenContext context) {
    if (!may_write_) return answer<CreatedToken>(context, may_not_write());
    auto request = wire::read(context.getParams().getRequest());
    if (!request) return answer<CreatedToken>(context, fail(std::move(request).error()));
    return answer(context, calls_.token_create(std::move(*request)));
}

}  // namespace vidai::mesh::rpc
