// SPDX-License-Identifier: Apache-2.0
// A recorded mesh for the tests of printing: what a node once said, behind the seam of
// cli/world.h, and the working directory of one test. The real operator RPC is proven in e2e.
#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cli/run.h"
#include "cli/world.h"

namespace vidai::cli {

inline WallTime recorded_now() {
    return WallTime(std::chrono::milliseconds(1'795'331'766'123));  // 2026-11-22T07:16:06.123Z
}

inline mesh::Member recorded_member(const std::string& id, mesh::MemberStatus status) {
    mesh::Member member;
    member.id = NodeId(id);
    member.address = "127.0.0.1:7420";
    member.status = status;
    member.generation = {3};
    member.since = recorded_now() - std::chrono::minutes(3);
    return member;
}

inline mesh::state::KeyRecord recorded_key() {
    mesh::state::KeyRecord key;
    key.id = KeyId("AbCdEf012345");
    key.name = "team a";
    key.models = {"fast", "deep"};
    key.limits.requests_per_minute = 60;
    key.created = recorded_now() - std::chrono::hours(5);
    return key;
}

// What was asked and what is answered; shared with the World that it is bound to.
struct Recording {
    std::vector<mesh::Member> members;
    mesh::MeshStatus status;
    mesh::NodeDetail node;
    std::vector<mesh::state::KeyRecord> keys;
    std::uint64_t revoked_at = 7;
    mesh::Stated acknowledging;  // asked about
    std::optional<mesh::LimitOp> limit_op;
    mesh::state::LimitRecord limit;  // asked for
    std::vector<mesh::state::LimitRecord> limits;
    mesh::LimitStanding limit_standing;
    std::optional<std::string> applied;          // a rate card
    std::vector<mesh::state::CardRecord> cards;  // the latest first
    mesh::OwnCard own_card;
    std::optional<mesh::BudgetChange> budget_changed;
    BudgetId budget;  // asked for
    mesh::BudgetPage budgets;
    std::map<std::string, mesh::MoneyBooks> books;  // by address
    mesh::LimitReport report;
    mesh::NodeReport node_report;
    std::vector<std::vector<mesh::Member>> later;  // of the next calls, one each
    mesh::Draining draining;
    std::string drained_at;
    NodeId drained;
    std::string rotated_at;
    std::chrono::milliseconds grace{-1};
    std::vector<std::string> written;  // while the command ran
    std::vector<std::int64_t> pauses;  // that it made, in ms
    std::size_t writes_max = 100;      // then nobody reads any more
    std::set<std::string> silent;      // servers that nobody answers at
    std::optional<Error> refusal;      // of connecting
    std::optional<Error> failure;      // of every call
    std::optional<Error> init_failure;

    mesh::OperatorTarget target;
    std::chrono::milliseconds timeout{};
    mesh::KeyCreateRequest created;
    mesh::MeshInitRequest initialised;
    mesh::RevokeRequest revoked;
    mesh::ForgetRequest forgotten;
    mesh::TokenRequest token;
    mesh::Stated stated;
    std::vector<mesh::OperatorStatement> statements;
    mesh::UsageSheet usage;
    std::optional<mesh::usage::Query> usage_asked;
    mesh::UsageHoldings usage_holdings;
    std::map<std::string, mesh::UsageHoldings> usage_holdings_at;  // by address, before that one
    std::set<std::string> usage_fails;                             // addresses where sums fail
    std::vector<std::pair<std::string, mesh::usage::Part>> usage_parts;  // asked for, and where
    std::vector<mesh::UsagePage> usage_pages;                            // each once
    std::vector<mesh::usage::Search> searched;
    std::vector<std::pair<std::string, bool>> healed;  // where, and whether as a rehearsal
    std::vector<mesh::UsageCorrection> corrections;    // each once
    std::vector<std::string> bills;                    // "ORIGIN NUMBER COST"
    mesh::Acknowledgement heard;
    mesh::LedgerAudit ledger;
    std::vector<mesh::LedgerEntry> entries;
    std::string ledger_dir;
    int inits = 0;
    std::string succession;             // told
    std::optional<Error> roll_failure;  // of making the next root
    std::mutex mutex;                   // of what several nodes are asked for at once
};

class RecordedOperator : public Operator {
  public:
    explicit RecordedOperator(Recording& recording, std::string address = {})
        : recording_(recording), address_(std::move(address)) {}
    Result<std::vector<mesh::Member>> members() override {
        if (!recording_.later.empty()) {
            recording_.members = std::move(recording_.later.front());
            recording_.later.erase(recording_.later.begin());
        }
        return said(recording_.members);
    }
    Result<mesh::MeshStatus> status() override { return said(recording_.status); }
    Result<mesh::NodeDetail> node_show(const NodeId&) override { return said(recording_.node); }
    Result<std::vector<mesh::NodeDetail>> nodes_show() override {
        std::vector<mesh::NodeDetail> details;
        for (const mesh::Member& member : recording_.members) {
            details.push_back(recording_.node);
            details.back().member = member;
        }
        return said(std::move(details));
    }
    Result<mesh::CreatedKey> key_create(const mesh::KeyCreateRequest& request) override {
        recording_.created = request;
        mesh::state::KeyRecord key = recorded_key();
        key.name = request.name;
        key.models = request.models;
        key.limits = request.limits;
        key.budgets = request.budgets;
        return said(mesh::CreatedKey{key, Secret("sk-vidai-AbCdEf012345-s3cret")});
    }
    Result<std::vector<mesh::state::KeyRecord>> key_list() override {
        return said(recording_.keys);
    }
    Result<mesh::KeyRevocation> key_revoke(const KeyId&) override {
        mesh::state::KeyRecord key = recorded_key();
        key.revoked = true;
        return said(mesh::KeyRevocation{key, recording_.revoked_at});
    }
    Result<mesh::LimitReport> limit_show(const KeyId&) override { return said(recording_.report); }
    Result<mesh::LimitChange> limit_change(mesh::LimitOp op,
                                           const mesh::state::LimitRecord& limit) override {
        recording_.limit_op = op;
        recording_.limit = limit;
        return said(mesh::LimitChange{limit, 7});
    }
    Result<std::vector<mesh::state::LimitRecord>> limit_list() override {
        return said(recording_.limits);
    }
    Result<mesh::CardChange> price_apply(const std::string& text) override {
        recording_.applied = text;
        return said(mesh::CardChange{{4, text, "admin", NodeId("n1"), 1}, "card-4", 9});
    }
    Result<std::vector<mesh::state::CardRecord>> price_cards() override {
        return said(recording_.cards);
    }
    Result<mesh::OwnCard> own_card() override { return said(recording_.own_card); }
    Result<mesh::BudgetStanding> budget_change(const mesh::BudgetChange& change) override {
        recording_.budget_changed = change;
        return said(recording_.budgets.budgets.at(0));
    }
    Result<mesh::BudgetStanding> budget_show(const BudgetId& budget) override {
        recording_.budget = budget;
        return said(recording_.budgets.budgets.at(0));
    }
    Result<mesh::BudgetPage> budget_list() override { return said(recording_.budgets); }
    Result<mesh::MoneyBooks> money_books(const BudgetId&) override {
        return said(recording_.books.at(address_));
    }
    Result<mesh::LimitStanding> limit_standing(const std::string&) override {
        return said(recording_.limit_standing);
    }
    Result<mesh::UsageHoldings> usage_holdings() override {
        const std::lock_guard lock(recording_.mutex);
        const auto there = recording_.usage_holdings_at.find(address_);
        return said(there == recording_.usage_holdings_at.end() ? recording_.usage_holdings
                                                                : there->second);
    }
    Result<mesh::UsageSheet> usage(const mesh::usage::Query& query) override {
        const std::lock_guard lock(recording_.mutex);
        if (recording_.usage_fails.contains(address_)) return fail(ErrorCode::kUnavailable, "gone");
        for (const auto& part : query.parts) recording_.usage_parts.emplace_back(address_, part);
        recording_.usage_asked = query;
        return said(recording_.usage);
    }
    Result<mesh::UsagePage> usage_events(const mesh::usage::Search& search) override {
        recording_.searched.push_back(search);
        if (recording_.usage_pages.empty()) return said(mesh::UsagePage{});
        mesh::UsagePage page = recording_.usage_pages.front();
        recording_.usage_pages.erase(recording_.usage_pages.begin());
        return said(std::move(page));
    }
    Result<mesh::UsageCorrection> usage_heal(WallTime, WallTime, bool dry_run) override {
        const std::lock_guard lock(recording_.mutex);
        recording_.healed.emplace_back(address_, dry_run);
        if (recording_.corrections.empty()) return said(mesh::UsageCorrection{});
        mesh::UsageCorrection one = recording_.corrections.front();
        recording_.corrections.erase(recording_.corrections.begin());
        return said(std::move(one));
    }
    Result<mesh::UsageCorrection> usage_bill(const std::string& origin,
                                             const std::vector<mesh::usage::Bill>& bills) override {
        for (const auto& bill : bills) {
            recording_.bills.push_back(origin.substr(0, 1) + " " + std::to_string(bill.number) +
                                       " " + std::to_string(bill.cost.value));
        }
        mesh::UsageCorrection done;
        done.sums.corrected = bills.size();
        return said(std::move(done));
    }
    Result<mesh::NodeReport> report() override { return said(recording_.node_report); }
    Result<mesh::Stated> revoke(const mesh::RevokeRequest& request) override {
        recording_.revoked = request;
        return said(recording_.stated);
    }
    Result<mesh::Stated> forget(const mesh::ForgetRequest& request) override {
        recording_.forgotten = request;
        return said(recording_.stated);
    }
    Result<std::vector<mesh::OperatorStatement>> statements() override {
        return said(recording_.statements);
    }
    Result<mesh::Stated> state_succession(const std::string& file) override {
        recording_.succession = file;
        return said(recording_.stated);
    }
    Result<mesh::Acknowledgement> acknowledged(const mesh::Stated& stated) override {
        recording_.acknowledging = stated;
        return said(recording_.heard);
    }
    Result<mesh::Draining> drain(const NodeId& node, std::chrono::milliseconds grace) override {
        recording_.drained = node;
        recording_.drained_at = recording_.target.address;
        recording_.grace = grace;
        return said(recording_.draining);
    }
    Result<mesh::KeyRotation> rotate_key(const NodeId& node) override {
        recording_.rotated_at = recording_.target.address;
        return said(mesh::KeyRotation{node, "new:print", std::string(64, 'a'), "old:print",
                                      recorded_now() + std::chrono::hours(168)});
    }
    Result<mesh::CreatedToken> token_create(const mesh::TokenRequest& request) override {
        recording_.token = request;
        return said(mesh::CreatedToken{
            Secret("vidai-join-abc"), recorded_now() + request.ttl, {"127.0.0.1:7420"}, "00ff"});
    }

  private:
    template <class T>
    Result<T> said(T value) {
        if (recording_.failure) return fail(*recording_.failure);
        return value;
    }
    Recording& recording_;
    const std::string address_;
};

class Shell : public testing::Test {
  protected:
    Shell() {
        std::string pattern = testing::TempDir() + "vidaictl-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        variables_["VIDAICTL_CONFIG"] = config();
    }
    ~Shell() override {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    const std::string& folder() const { return folder_; }
    std::string config() const { return folder_ + "/config.yaml"; }

    Outcome vidaictl(std::vector<const char*> arguments) {
        World world;
        world.connect =
            [this](const mesh::OperatorTarget& target,
                   std::chrono::milliseconds timeout) -> Result<std::unique_ptr<Operator>> {
            const std::lock_guard lock(recording_.mutex);
            recording_.target = target;
            recording_.timeout = timeout;
            if (recording_.silent.contains(target.address)) {
                return fail(ErrorCode::kUnavailable, "connection refused");
            }
            if (recording_.refusal) return fail(*recording_.refusal);
            return std::make_unique<RecordedOperator>(recording_, target.address);
        };
        world.mesh_init = [this](const mesh::MeshInitRequest& request) {
            recording_.initialised = request;
            ++recording_.inits;
            if (recording_.init_failure) {
                return Result<mesh::MeshInitFiles>(fail(*recording_.init_failure));
            }
            mesh::MeshInitFiles files;
            files.mesh.bytes.fill(static_cast<std::uint8_t>(0xa0 + recording_.inits));
            files.root_fingerprint = "1234:5678";
            files.root_file = request.directory + "/mesh.pub";
            files.root_secret_file = request.directory + "/root.key";
            files.issuer_file = request.directory + "/issuer.key";
            files.operator_file = request.directory + "/operator.key";
            return Result<mesh::MeshInitFiles>(files);
        };
        world.roll_root = [this](const mesh::RootRollRequest& request) {
            if (recording_.roll_failure) {
                return Result<mesh::RootRollFiles>(fail(*recording_.roll_failure));
            }
            mesh::RootRollFiles files;
            files.made.root_fingerprint = "5678:9abc";
            files.made.root_secret_file = request.new_directory + "/root.key";
            files.succession_file = request.new_directory + "/succession";
            files.old_fingerprint = "1234:5678";
            return Result<mesh::RootRollFiles>(std::move(files));
        };
        world.read_ledger = [this](const std::string& dir, const auto& each) {
            recording_.ledger_dir = dir;
            if (recording_.failure) return Result<mesh::LedgerAudit>(fail(*recording_.failure));
            for (const mesh::LedgerEntry& entry : recording_.entries) {
                if (each) each(entry);
            }
            return Result<mesh::LedgerAudit>(recording_.ledger);
        };
        world.variable = [this](const char* name) { return variables_[name]; };
        world.now = recorded_now();
        world.clock = recorded_now;
        world.pause = [this](std::chrono::milliseconds span) {
            recording_.pauses.push_back(span.count());
        };
        world.write = [this](std::string_view text) {
            recording_.written.emplace_back(text);
            return recording_.written.size() < recording_.writes_max;
        };
        world.terminal = terminal_;
        world.color = color_;
        return run(arguments, world);
    }
    // With flags that need no context.
    Outcome asked(std::vector<const char*> arguments) {
        arguments.insert(arguments.begin(), {"--server", "unix:/run/vidai"});
        return vidaictl(std::move(arguments));
    }

    static std::string read(const std::string& path) {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static void write(const std::string& path, const std::string& text) {
        std::ofstream(path, std::ios::binary) << text;
    }

    Recording recording_;
    std::map<std::string, std::string> variables_;
    bool color_ = false;
    bool terminal_ = false;

  private:
    std::string folder_;
};

}  // namespace vidai::cli
