// SPDX-License-Identifier: Apache-2.0
// Binds run() to the real mesh, clock, environment and terminal.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/run.h"
#include "cli/world.h"

namespace vidai::cli {
namespace {

class RemoteOperator : public Operator {
  public:
    explicit RemoteOperator(mesh::OperatorClient client) : client_(std::move(client)) {}
    Result<std::vector<mesh::Member>> members() override { return client_.members(); }
    Result<mesh::MeshStatus> status() override { return client_.status(); }
    Result<mesh::NodeDetail> node_show(const NodeId& node) override {
        return client_.node_show(node);
    }
    Result<std::vector<mesh::NodeDetail>> nodes_show() override { return client_.nodes_show(); }
    Result<mesh::CreatedKey> key_create(const mesh::KeyCreateRequest& request) override {
        return client_.key_create(request);
    }
    Result<std::vector<mesh::state::KeyRecord>> key_list() override { return client_.key_list(); }
    Result<mesh::KeyRevocation> key_revoke(const KeyId& key) override {
        return client_.key_revoke(key);
    }
    Result<mesh::LimitReport> limit_show(const KeyId& key) override {
        return client_.limit_show(key);
    }
    Result<mesh::LimitChange> limit_change(mesh::LimitOp op,
                                           const mesh::state::LimitRecord& limit) override {
        return client_.limit_change(op, limit);
    }
    Result<std::vector<mesh::state::LimitRecord>> limit_list() override {
        return client_.limit_list();
    }
    Result<mesh::LimitStanding> limit_standing(const std::string& name) override {
        return client_.limit_standing(name);
    }
    Result<mesh::CardChange> price_apply(const std::string& text) override {
        return client_.price_apply(text);
    }
    Result<std::vector<mesh::state::CardRecord>> price_cards() override {
        return client_.price_cards();
    }
    Result<mesh::OwnCard> own_card() override { return client_.own_card(); }
    Result<mesh::BudgetStanding> budget_change(const mesh::BudgetChange& change) override {
        return client_.budget_change(change);
    }
    Result<mesh::BudgetStanding> budget_show(const BudgetId& budget) override {
        return client_.budget_show(budget);
    }
    Result<mesh::BudgetPage> budget_list() override { return client_.budget_list(); }
    Result<mesh::MoneyBooks> money_books(const BudgetId& budget) override {
        return client_.money_books(budget);
    }
    Result<mesh::UsageSheet> usage(const mesh::usage::Query& query) override {
        return client_.usage(query);
    }
    Result<mesh::UsageHoldings> usage_holdings() override { return client_.usage_holdings(); }
    Result<mesh::UsagePage> usage_events(const mesh::usage::Search& search) override {
        return client_.usage_events(search);
    }
    Result<mesh::UsageCorrection> usage_heal(WallTime since, WallTime until,
                                             bool dry_run) override {
        return client_.usage_heal(since, until, dry_run);
    }
    Result<mesh::UsageCorrection> usage_bill(const std::string& origin,
                                             const std::vector<mesh::usage::Bill>& bills) override {
        return client_.usage_bill(origin, bills);
    }
    Result<mesh::NodeReport> report() override { return client_.report(); }
    Result<mesh::Stated> revoke(const mesh::RevokeRequest& request) override {
        return client_.revoke(request);
    }
    Result<mesh::Stated> forget(const mesh::ForgetRequest& request) override {
        return client_.forget(request);
    }
    Result<std::vector<mesh::OperatorStatement>> statements() override {
        return client_.statements();
    }
    Result<mesh::Stated> state_succession(const std::string& file) override {
        return client_.state_succession(file);
    }
    Result<mesh::Acknowledgement> acknowledged(const mesh::Stated& statement) override {
        return client_.acknowledged(statement);
    }

    Result<mesh::Draining> drain(const NodeId& node, std::chrono::milliseconds grace) override {
        return client_.drain(node, grace);
    }
    Result<mesh::KeyRotation> rotate_key(const NodeId& node) override {
        return client_.rotate_key(node);
    }
    Result<mesh::CreatedToken> token_create(const mesh::TokenRequest& request) override {
        return client_.token_create(request);
    }

  private:
    mesh::OperatorClient client_;
};

Result<std::unique_ptr<Operator>> connect(const mesh::OperatorTarget& target,
                                          std::chrono::milliseconds timeout) {
    Result<mesh::OperatorClient> client = mesh::OperatorClient::connect(target, timeout);
    if (!client) return fail(std::move(client).error());
    return std::make_unique<RemoteOperator>(std::move(*client));
}

// Read before any thread is started.
std::string variable(const char* name) {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    return value == nullptr ? "" : value;
}

WallTime wall_now() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return WallTime(std::chrono::duration_cast<WallTime::duration>(now));
}

bool write_all(std::FILE* stream, std::string_view text) {
    return std::fwrite(text.data(), 1, text.size(), stream) == text.size() &&
           std::fflush(stream) == 0;
}

bool is_terminal() {
    return ::isatty(STDOUT_FILENO) == 1 && variable("TERM") != "dumb";
}

World real_world() {
    return {.connect = connect,
            .mesh_init = mesh::mesh_init,
            .roll_root = mesh::roll_root,
            .retire_root = mesh::retire_root,
            .root_fingerprint = mesh::root_fingerprint,
            .rotate_issuer = mesh::rotate_issuer,
            .read_ledger = mesh::read_ledger,
            .variable = variable,
            .now = wall_now(),
            .clock = wall_now,
            .pause = [](std::chrono::milliseconds span) { std::this_thread::sleep_for(span); },
            .write = [](std::string_view text) { return write_all(stdout, text); },
            .terminal = is_terminal(),
            .color = is_terminal() && variable("NO_COLOR").empty()};
}

}  // namespace
}  // namespace vidai::cli

int main(int argc, char** argv) {
    using namespace vidai::cli;
    const std::span<const char* const> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
    const Outcome outcome = run(arguments, real_world());
    // What could not be shown, a new key above all, is of no use: not a success.
    const bool shown = write_all(stdout, outcome.out);
    const int error = errno;
    write_all(stderr, outcome.err);
    if (shown) return outcome.status;
    write_all(stderr, "vidaictl: cannot write the answer to standard output: " +
                          std::generic_category().message(error) +
                          "; what was asked for is done all the same\n");
    return kExitError;
}
