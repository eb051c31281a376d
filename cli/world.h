// SPDX-License-Identifier: Apache-2.0
// Everything outside of the program that a command may touch besides its context file: a node of
// the mesh, the maker of a mesh's files, the environment, the clock. main.cc binds it to the real
// ones; a test to recorded values. Main thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/ledger_log.h"
#include "mesh/operator.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::cli {

// The calls of mesh::OperatorClient, with its errors.
class Operator {
  public:
    virtual ~Operator() = default;
    virtual Result<std::vector<mesh::Member>> members() = 0;
    virtual Result<mesh::MeshStatus> status() = 0;
    virtual Result<mesh::NodeDetail> node_show(const NodeId& node) = 0;
    virtual Result<std::vector<mesh::NodeDetail>> nodes_show() = 0;
    virtual Result<mesh::CreatedKey> key_create(const mesh::KeyCreateRequest& request) = 0;
    virtual Result<std::vector<mesh::state::KeyRecord>> key_list() = 0;
    virtual Result<mesh::KeyRevocation> key_revoke(const KeyId& key) = 0;
    virtual Result<mesh::LimitReport> limit_show(const KeyId& key) = 0;
    virtual Result<mesh::LimitChange> limit_change(mesh::LimitOp op,
                                                   const mesh::state::LimitRecord& limit) = 0;
    virtual Result<std::vector<mesh::state::LimitRecord>> limit_list() = 0;
    virtual Result<mesh::LimitStanding> limit_standing(const std::string& name) = 0;
    virtual Result<mesh::CardChange> price_apply(const std::string& text) = 0;
    virtual Result<std::vector<mesh::state::CardRecord>> price_cards() = 0;
    virtual Result<mesh::OwnCard> own_card() = 0;
    virtual Result<mesh::BudgetStanding> budget_change(const mesh::BudgetChange& change) = 0;
    virtual Result<mesh::BudgetStanding> budget_show(const BudgetId& budget) = 0;
    virtual Result<mesh::BudgetPage> budget_list() = 0;
    virtual Result<mesh::MoneyBooks> money_books(const BudgetId& budget) = 0;
    virtual Result<mesh::UsageSheet> usage(const mesh::usage::Query& query) = 0;
    virtual Result<mesh::UsagePage> usage_events(const mesh::usage::Search& search) = 0;
    virtual Result<mesh::UsageHoldings> usage_holdings() = 0;
    virtual Result<mesh::UsageCorrection> usage_heal(WallTime since, WallTime until,
                                                     bool dry_run) = 0;
    virtual Result<mesh::UsageCorrection> usage_bill(
        const std::string& origin, const std::vector<mesh::usage::Bill>& bills) = 0;
    virtual Result<mesh::NodeReport> report() = 0;
    virtual Result<mesh::Stated> revoke(const mesh::RevokeRequest& request) = 0;
    virtual Result<mesh::Stated> forget(const mesh::ForgetRequest& request) = 0;
    virtual Result<std::vector<mesh::OperatorStatement>> statements() = 0;
    virtual Result<mesh::Stated> state_succession(const std::string& file) = 0;
    virtual Result<mesh::Acknowledgement> acknowledged(const mesh::Stated& statement) = 0;
    virtual Result<mesh::Draining> drain(const NodeId& node, std::chrono::milliseconds grace) = 0;
    virtual Result<mesh::KeyRotation> rotate_key(const NodeId& node) = 0;
    virtual Result<mesh::CreatedToken> token_create(const mesh::TokenRequest& request) = 0;
};

struct World {
    std::function<Result<std::unique_ptr<Operator>>(const mesh::OperatorTarget&,
                                                    std::chrono::milliseconds timeout)>
        connect;  // the doctor calls it from several threads at once
    std::function<Result<mesh::MeshInitFiles>(const mesh::MeshInitRequest&)> mesh_init;
    std::function<Result<mesh::RootRollFiles>(const mesh::RootRollRequest&)> roll_root;
    std::function<Result<mesh::RootRollFiles>(const std::string& old_directory,
                                              const std::string& new_directory)>
        retire_root;
    std::function<Result<std::string>(const std::string& directory)> root_fingerprint;
    std::function<Result<std::string>(const mesh::RootRollRequest&)> rotate_issuer;
    std::function<Result<mesh::LedgerAudit>(const std::string& data_dir,
                                            const std::function<void(const mesh::LedgerEntry&)>&)>
        read_ledger;
    std::function<std::string(const char* name)> variable;  // of the environment; empty: unset
    WallTime now;                                           // when the command began
    std::function<WallTime()> clock;
    std::function<void(std::chrono::milliseconds)> pause;  // waits that long
    // To standard output, at once; false: nobody reads it any more.
    std::function<bool(std::string_view)> write;
    bool terminal = false;  // standard output is one that can be cleared
    bool color = false;     // standard output is a terminal whose user has nothing against colour
};

}  // namespace vidai::cli
