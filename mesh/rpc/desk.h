// SPDX-License-Identifier: Apache-2.0
// Desk: answers operators from what the mesh thread knows. A change is answered when it is on this
// node's disk; it is on its way to the others by then. Mesh thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <kj/timer.h>

#include "mesh/capabilities.h"
#include "mesh/membership/membership.h"
#include "mesh/rpc/operator_server.h"
#include "mesh/rpc/replica.h"
#include "mesh/rpc/saver.h"
#include "mesh/rpc/startup.h"

namespace vidai::mesh::rpc {

// What an operator is told who asks for something that those programs do not know.
std::unexpected<Error> not_known_to(Capability capability, const std::vector<NodeId>& nodes);

class DeskEvents {
  public:
    virtual void on_key_changed(const KeyChange& change) = 0;  // publish it, tell everybody
    virtual void on_limit_changed(const state::LimitRecord& limit) = 0;
    virtual void on_card_applied(const CardChange& change) = 0;
    virtual Result<wire::OwnCardPart> own_card_now(std::size_t skip) = 0;
    // Alarms; `told_by`: whoever brought them.
    virtual void on_forks(const std::string& told_by, const std::vector<Error>& forks) = 0;
    virtual void on_stated(const MergeReport& report, const state::Register& said) = 0;
    virtual kj::Promise<std::vector<NodeId>> holders(const state::RegisterName& name,
                                                     state::Hlc time) = 0;
    virtual Result<CreatedToken> make_token(TokenRequest request) = 0;
    virtual kj::Promise<Result<BudgetPage>> change_budget(BudgetChange change,
                                                          std::chrono::milliseconds within) = 0;
    virtual kj::Promise<Result<BudgetPage>> look_at_budgets(BudgetId budget, BudgetId after,
                                                            std::chrono::milliseconds within) = 0;
    // Nothing, or why what is said here reaches nobody: this node is out of the mesh.
    virtual Result<void> heard_by_others() = 0;
    virtual CountingFacts counting() = 0;
    virtual std::shared_ptr<const MeshView> view_now() = 0;
    virtual Result<MoneyBooks> money_books_now(const BudgetId& budget, const BudgetId& after) = 0;
    virtual kj::Promise<Result<UsageSheet>> sum_usage(usage::Query query) = 0;
    virtual kj::Promise<Result<UsagePage>> find_usage(usage::Search search) = 0;
    virtual kj::Promise<Result<UsageHoldings>> usage_holdings() = 0;
    virtual kj::Promise<Result<UsageCorrection>> heal_usage(WallTime since, WallTime until,
                                                            bool dry_run) = 0;
    virtual kj::Promise<Result<UsageCorrection>> bill_usage(std::string origin,
                                                            std::vector<usage::Bill> bills) = 0;
    virtual NodeReport report_now() = 0;
    virtual bool drain(std::chrono::milliseconds grace) = 0;  // false: it was asked before
    virtual kj::Promise<Result<KeyRotation>> rotate_key() = 0;

  protected:
    ~DeskEvents() = default;
};

class Desk final : public OperatorCalls {
  public:
    Desk(const Startup& startup, const membership::Membership& membership, Replica& replica,
         Saver& saver, kj::Timer& timer, DeskEvents& events);

    Result<std::vector<Member>> members() override;
    Result<MeshStatus> status() override;
    Result<NodeDetail> node_show(const NodeId& node) override;
    kj::Promise<Result<CreatedKey>> key_create(KeyCreateRequest request,
                                               std::chrono::milliseconds within) override;
    Result<wire::KeyPage> key_list(const std::string& after) override;
    kj::Promise<Result<KeyRevocation>> key_revoke(KeyId key,
                                                  std::chrono::milliseconds within) override;
    Result<LimitReport> limit_show(const KeyId& key) override;
    kj::Promise<Result<LimitChange>> limit_change(LimitOp op, state::LimitRecord limit,
                                                  std::chrono::milliseconds within) override;
    Result<wire::LimitPage> limit_list(const std::string& after) override;
    Result<LimitStanding> limit_standing(const std::string& name) override;
    kj::Promise<Result<CardChange>> price_apply(std::string text, std::string by,
                                                std::chrono::milliseconds within) override;
    Result<CardPage> price_cards(std::size_t skip) override;
    Result<wire::OwnCardPart> own_card(std::size_t skip) override;
    kj::Promise<Result<BudgetPage>> budget_change(BudgetChange change,
                                                  std::chrono::milliseconds within) override;
    kj::Promise<Result<BudgetPage>> budget_list(BudgetId budget, BudgetId after,
                                                std::chrono::milliseconds within) override;
    Result<MoneyBooks> money_books(const BudgetId& budget, const BudgetId& after) override;
    kj::Promise<Result<UsageSheet>> usage(usage::Query query) override;
    kj::Promise<Result<UsagePage>> usage_events(usage::Search search) override;
    kj::Promise<Result<UsageHoldings>> usage_holdings() override;
    kj::Promise<Result<UsageCorrection>> usage_heal(WallTime since, WallTime until,
                                                    bool dry_run) override;
    kj::Promise<Result<UsageCorrection>> usage_bill(std::string origin,
                                                    std::vector<usage::Bill> bills) override;
    Result<NodeReport> report() override;
    kj::Promise<Result<Stated>> announce(state::Register said,
                                         std::chrono::milliseconds within) override;
    kj::Promise<Result<Acknowledgement>> acknowledged(const Stated& said) override;
    Result<wire::StatementPage> statements(const state::RegisterName& after) override;
    Result<Draining> drain(const NodeId& node, std::chrono::milliseconds grace) override;
    kj::Promise<Result<KeyRotation>> rotate_key(const NodeId& node) override;
    Result<CreatedToken> token_create(TokenRequest request) override;

  private:
    MonoTime mono_now() const { return clock_.mono_now(); }
    WallTime wall_now() const { return clock_.wall_now(); }
    kj::Promise<Result<void>> saved(std::chrono::milliseconds within);

    const Startup& startup_;
    const Clock& clock_;
    const membership::Membership& membership_;
    Replica& replica_;
    Saver& saver_;
    kj::Timer& timer_;
    DeskEvents& events_;
};

}  // namespace vidai::mesh::rpc
