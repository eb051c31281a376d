// SPDX-License-Identifier: Apache-2.0
// What an operator may call on us (schema/rpc/operator.capnp), checked against its role and handed
// on. Mesh thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "mesh/operator.h"
#include "mesh/state/register_set.h"
#include "mesh/wire/operator_values.h"
#include "schema/rpc/operator.capnp.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::rpc {

class OperatorCalls {
  public:
    virtual Result<std::vector<Member>> members() = 0;
    virtual Result<MeshStatus> status() = 0;
    virtual Result<NodeDetail> node_show(const NodeId& node) = 0;
    // Done when it is on disk here; kDeadlineExceeded, and nothing created, after `within`.
    virtual kj::Promise<Result<CreatedKey>> key_create(KeyCreateRequest request,
                                                       std::chrono::milliseconds within) = 0;
    virtual Result<wire::KeyPage> key_list(const std::string& after) = 0;
    virtual kj::Promise<Result<KeyRevocation>> key_revoke(KeyId key,
                                                          std::chrono::milliseconds within) = 0;
    virtual Result<LimitReport> limit_show(const KeyId& key) = 0;
    // Done when it is on disk here.
    virtual kj::Promise<Result<LimitChange>> limit_change(LimitOp op, state::LimitRecord limit,
                                                          std::chrono::milliseconds within) = 0;
    virtual Result<wire::LimitPage> limit_list(const std::string& after) = 0;
    virtual Result<LimitStanding> limit_standing(const std::string& name) = 0;
    // `by`: the operator. Done when it is on disk here.
    virtual kj::Promise<Result<CardChange>> price_apply(std::string text, std::string by,
                                                        std::chrono::milliseconds within) = 0;
    virtual Result<CardPage> price_cards(std::size_t skip) = 0;
    virtual Result<wire::OwnCardPart> own_card(std::size_t skip) = 0;
    virtual kj::Promise<Result<BudgetPage>> budget_change(BudgetChange change,
                                                          std::chrono::milliseconds within) = 0;
    virtual kj::Promise<Result<BudgetPage>> budget_list(BudgetId budget, BudgetId after,
                                                        std::chrono::milliseconds within) = 0;
    virtual Result<MoneyBooks> money_books(const BudgetId& budget, const BudgetId& after) = 0;
    virtual kj::Promise<Result<UsageSheet>> usage(usage::Query query) = 0;
    virtual kj::Promise<Result<UsagePage>> usage_events(usage::Search search) = 0;
    virtual kj::Promise<Result<UsageHoldings>> usage_holdings() = 0;
    virtual kj::Promise<Result<UsageCorrection>> usage_heal(WallTime since, WallTime until,
                                                            bool dry_run) = 0;
    virtual kj::Promise<Result<UsageCorrection>> usage_bill(std::string origin,
                                                            std::vector<usage::Bill> bills) = 0;
    virtual Result<NodeReport> report() = 0;
    virtual kj::Promise<Result<Stated>> announce(state::Register said,
                                                 std::chrono::milliseconds within) = 0;
    virtual kj::Promise<Result<Acknowledgement>> acknowledged(const Stated& said) = 0;
    virtual Result<wire::StatementPage> statements(const state::RegisterName& after) = 0;
    // Empty: whichever node this is.
    virtual Result<Draining> drain(const NodeId& node, std::chrono::milliseconds grace) = 0;
    virtual kj::Promise<Result<KeyRotation>> rotate_key(const NodeId& node) = 0;
    virtual Result<CreatedToken> token_create(TokenRequest request) = 0;

  protected:
    ~OperatorCalls() = default;
};

class OperatorServer final : public proto::Operator::Server {
  public:
    // `may_write`: the role operator, not just observer. `who`: their name; empty on the node's own
    // socket.
    OperatorServer(OperatorCalls& calls, bool may_write, std::string who = {})
        : calls_(calls), may_write_(may_write), who_(std::move(who)) {}

    kj::Promise<void> members(MembersContext context) override;
    kj::Promise<void> status(StatusContext context) override;
    kj::Promise<void> nodeShow(NodeShowContext context) override;
    kj::Promise<void> keyCreate(KeyCreateContext context) override;
    kj::Promise<void> keyList(KeyListContext context) override;
    kj::Promise<void> keyRevoke(KeyRevokeContext context) override;
    kj::Promise<void> limitShow(LimitShowContext context) override;
    kj::Promise<void> limitChange(LimitChangeContext context) override;
    kj::Promise<void> limitList(LimitListContext context) override;
    kj::Promise<void> limitStanding(LimitStandingContext context) override;
    kj::Promise<void> priceApply(PriceApplyContext context) override;
    kj::Promise<void> priceCards(PriceCardsContext context) override;
    kj::Promise<void> ownCard(OwnCardContext context) override;
    kj::Promise<void> budgetChange(BudgetChangeContext context) override;
    kj::Promise<void> budgetList(BudgetListContext context) override;
    kj::Promise<void> moneyBooks(MoneyBooksContext context) override;
    kj::Promise<void> usage(UsageContext context) override;
    kj::Promise<void> usageEvents(UsageEventsContext context) override;
    kj::Promise<void> usageHoldings(UsageHoldingsContext context) override;
    kj::Promise<void> usageHeal(UsageHealContext context) override;
    kj::Promise<void> usageBill(UsageBillContext context) override;
    kj::Promise<void> report(ReportContext context) override;
    kj::Promise<void> announce(AnnounceContext context) override;
    kj::Promise<void> acknowledged(AcknowledgedContext context) override;
    kj::Promise<void> statements(StatementsContext context) override;
    kj::Promise<void> drain(DrainContext context) override;
    kj::Promise<void> rotateKey(RotateKeyContext context) override;
    kj::Promise<void> createToken(CreateTokenContext context) override;

  private:
    OperatorCalls& calls_;
    const bool may_write_;
    const std::string who_;
};

}  // namespace vidai::mesh::rpc
