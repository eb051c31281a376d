// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/member_text.h"
#include "cli/commands/spread.h"
#include "cli/print/text.h"

namespace vidai::cli::commands {
namespace {

using mesh::state::KeyLimits;
using mesh::state::KeyRecord;
using print::Answer;
using print::Tone;
using print::Value;

constexpr std::size_t kNameBytesMax = 128;  // of KeyCreateRequest::name

template <class T>
Value optional_value(const std::optional<T>& number) {
    return number ? Value(*number) : Value();
}
template <class T>
std::string optional_text(const std::optional<T>& number) {
    return number ? std::to_string(*number) : "";
}

Value models_value(const KeyRecord& key) {
    return Value::List(key.models.begin(), key.models.end());
}
std::string models_text(const KeyRecord& key) {
    return key.models.empty() ? "all" : print::joined(key.models, ",");
}

Value limits_value(const KeyLimits& limits) {
    return {{"requests_per_minute", optional_value(limits.requests_per_minute)},
            {"tokens_per_minute", optional_value(limits.tokens_per_minute)},
            {"concurrency", optional_value(limits.concurrency)}};
}

std::vector<std::string> budget_names(const KeyRecord& key) {
    std::vector<std::string> names;
    for (const BudgetId& budget : key.budgets) names.push_back(budget.str());
    return names;
}
Value budgets_value(const KeyRecord& key) {
    const std::vector<std::string> names = budget_names(key);
    return Value::List(names.begin(), names.end());
}
std::string budgets_text(const KeyRecord& key) {
    return key.budgets.empty() ? "none" : print::joined(budget_names(key), ",");
}

Value owner_value(const mesh::state::KeyOwner& owner) {
    return {{"user", owner.user}, {"team", owner.team}, {"project", owner.project}};
}

Value key_value(const KeyRecord& key) {
    return {{"id", key.id.str()},
            {"name", key.name},
            {"models", models_value(key)},
            {"limits", limits_value(key.limits)},
            {"budgets", budgets_value(key)},
            {"owner", owner_value(key.owner)},
            {"created", time_value(key.created)},
            {"revoked", key.revoked}};
}

// Different names with one comma between; nothing: they are not.
std::optional<std::vector<std::string>> split_names(const std::string& text) {
    std::vector<std::string> names;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t end = std::min(text.find(',', start), text.size());
        std::string name = text.substr(start, end - start);
        if (name.empty() || std::ranges::find(names, name) != names.end()) return std::nullopt;
        names.push_back(std::move(name));
        start = end + 1;
    }
    return names;
}

Result<std::vector<BudgetId>> read_budgets(const Call& call) {
    std::vector<BudgetId> budgets;
    const std::string* const text = call.flag("--budget");
    if (text == nullptr) return budgets;
    if (call.flag("--no-budget") != nullptr) {
        return fail(ErrorCode::kUsage,
                    "--budget names what the key stands under and --no-budget says that it stands "
                    "under none; give one of them",
                    "--budget");
    }
    const auto names = split_names(*text);
    if (!names || names->size() > mesh::state::kKeyBudgetsMax) {
        return fail(ErrorCode::kUsage,
                    "--budget takes a budget's id and may be given up to 8 times, each with "
                    "another",
                    "--budget");
    }
    for (const std::string& name : *names) {
        auto id = parse_budget_id(name);
        if (!id) return fail(ErrorCode::kUsage, id.error().message + ": " + name, "--budget");
        budgets.push_back(std::move(*id));
    }
    return budgets;
}

Result<mesh::KeyCreateRequest> read_request(const Call& call) {
    mesh::KeyCreateRequest request;
    if (const auto* name = call.flag("--name")) request.name = *name;
    if (request.name.size() > kNameBytesMax) {
        return fail(ErrorCode::kUsage,
                    "--name takes at most 128 bytes, not " + std::to_string(request.name.size()),
                    "--name");
    }
    if (const auto* text = call.flag("--models")) {
        auto models = split_names(*text);
        if (!models) {
            return fail(ErrorCode::kUsage,
                        "--models takes different names with one comma between, such as "
                        "gpt-fast,gpt-deep; without the flag the key may use all",
                        "--models");
        }
        request.models = std::move(*models);
    }
    const std::pair<std::string_view, std::string*> owners[] = {
        {"--user", &request.owner.user},
        {"--team", &request.owner.team},
        {"--project", &request.owner.project}};
    for (const auto& [flag, to] : owners) {
        if (const auto* name = call.flag(flag)) *to = *name;
        if (to->size() <= kNameBytesMax) continue;
        return fail(ErrorCode::kUsage, std::string(flag) + " takes at most 128 bytes",
                    std::string(flag));
    }
    const auto narrow = [](std::uint64_t n) { return static_cast<std::uint32_t>(n); };
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max();
    const auto rpm = call.count_flag("--rpm", kMax);
    if (!rpm) return fail(rpm.error());
    if (*rpm) request.limits.requests_per_minute = narrow(**rpm);
    // As much as a JSON number holds exactly.
    const auto tpm = call.count_flag("--tpm", std::uint64_t{1} << 53U);
    if (!tpm) return fail(tpm.error());
    request.limits.tokens_per_minute = *tpm;
    const auto concurrency = call.count_flag("--concurrency", kMax);
    if (!concurrency) return fail(concurrency.error());
    if (*concurrency) request.limits.concurrency = narrow(**concurrency);
    auto budgets = read_budgets(call);
    if (!budgets) return fail(std::move(budgets).error());
    request.budgets = std::move(*budgets);
    return request;
}

std::string limits_text(const KeyLimits& limits) {
    std::vector<std::string> parts;
    if (limits.requests_per_minute) {
        parts.push_back(std::to_string(*limits.requests_per_minute) + " requests a minute");
    }
    if (limits.tokens_per_minute) {
        parts.push_back(std::to_string(*limits.tokens_per_minute) + " tokens a minute");
    }
    if (limits.concurrency) {
        parts.push_back(std::to_string(*limits.concurrency) + " at a time");
    }
    return parts.empty() ? "none" : print::joined(parts, ", ");
}

Result<Answer> run_create(Call& call) {
    const Result<mesh::KeyCreateRequest> request = read_request(call);
    if (!request) return fail(request.error());
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto created = (*mesh)->key_create(*request);
    if (!created) return fail(created.error());
    const KeyRecord& key = created->record;
    const std::string secret(created->secret.reveal());
    Answer answer;
    answer.data = {{"id", key.id.str()},
                   {"name", key.name},
                   {"secret", secret},
                   {"models", models_value(key)},
                   {"limits", limits_value(key.limits)},
                   {"budgets", budgets_value(key)},
                   {"owner", owner_value(key.owner)}};
    answer.fields = {{"Key", {secret}},
                     {"Id", {key.id.str()}},
                     {"Name", {key.name}},
                     {"Models", {models_text(key)}},
                     {"Limits", {limits_text(key.limits)}},
                     {"Budgets", {budgets_text(key)}}};
    answer.note = "The key is shown this once; the mesh keeps only a hash of it.\n";
    if (!key.models.empty()) {
        answer.note += "Its models are not looked up: a name that no node serves is no error.\n";
    }
    if (call.flag("--secret-only") != nullptr) answer.verbatim = secret + "\n";
    return answer;
}

Result<Answer> run_list(Call& call) {
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto keys = (*mesh)->key_list();
    if (!keys) return fail(keys.error());
    Answer answer;
    answer.table.columns = {{"ID"},
                            {"NAME"},
                            {"STATUS"},
                            {"MODELS"},
                            {"RPM", false, true},
                            {"TPM", false, true},
                            {"CONCURRENCY", true, true},
                            {"BUDGETS"},
                            {"AGE", false, true},
                            {"CREATED", true}};
    Value::List items;
    for (const KeyRecord& key : *keys) {
        items.push_back(key_value(key));
        const bool dated = key.created != WallTime{};
        answer.table.rows.push_back(
            {{key.id.str()},
             {key.name},
             {key.revoked ? "revoked" : "active", key.revoked ? Tone::kBad : Tone::kGood},
             {models_text(key)},
             {optional_text(key.limits.requests_per_minute)},
             {optional_text(key.limits.tokens_per_minute)},
             {optional_text(key.limits.concurrency)},
             {budgets_text(key)},
             {print::age_text(call.world().now, key.created)},
             {dated ? print::time_text(key.created) : ""}});
    }
    if (items.empty()) answer.note = "No keys yet: 'vidaictl key create' makes one.\n";
    answer.data = {{"items", std::move(items)}};
    return answer;
}

Result<Answer> run_revoke(Call& call) {
    const Result<KeyId> id = call.key_argument(0);
    if (!id) return fail(id.error());
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto done = (*mesh)->key_revoke(*id);
    if (!done) return fail(done.error());
    const KeyRecord& key = done->key;
    Answer answer;
    answer.data = key_value(key);
    answer.fields = {
        {"Id", {key.id.str()}},
        {"Name", {key.name}},
        {"Status", {key.revoked ? "revoked" : "active", key.revoked ? Tone::kBad : Tone::kGood}}};
    if (call.flag("--wait") != nullptr && done->time == 0) {
        return fail(ErrorCode::kUnavailable,
                    "the key is revoked and the other nodes are told, but the node that was asked "
                    "is of an older version, which cannot tell who has heard: ask another one, or "
                    "look for the key in `vidaictl key list` of each",
                    key.id.str());
    }
    answer.note = "The node that was asked refuses the key from now on. ";
    const mesh::Stated said{key.id.str(), {}, mesh::kKeyRegister, key.id.str(), done->time};
    return spread(call, **mesh, said, std::move(answer));
}

}  // namespace

std::vector<Command> key_commands() {
    return {
        {"key",
         "create",
         "Make a key for a client and show its secret, this once.",
         {},
         {{"--name", "NAME", "For people; at most 128 bytes."},
          {"--models", "A,B",
           "The aliases that the key may use. Default: all. They are not looked up: which aliases "
           "there are is each node's configuration, and may come later."},
          {"--user", "NAME", "Whose the key is: limits and reports name it. At most 128 bytes."},
          {"--team", "NAME", "The same, of a team."},
          {"--project", "NAME", "The same, of a project."},
          {"--rpm", "N", "Requests per minute, counted over the whole mesh."},
          {"--tpm", "N", "Tokens per minute, counted over the whole mesh."},
          {"--concurrency", "N", "Requests in flight, counted over the whole mesh."},
          {"--budget", "ID",
           "A hard budget that the key stands under; given several times, each must cover a "
           "request. A budget that the mesh does not know is a refusal.",
           false, true},
          {"--no-budget", "", "The key stands under no budget. The default."},
          {"--secret-only", "", "Show the key and nothing else: KEY=$(vidaictl key create ...)."}},
         run_create},
        {"key", "list", "List all keys, revoked ones too, in order of creation.", {}, {}, run_list},
        {"key",
         "revoke",
         "Revoke a key for ever. Twice is fine.",
         {"KEY_ID"},
         {{"--wait", "", "Until all nodes refuse it, or --timeout."}},
         run_revoke}};
}

}  // namespace vidai::cli::commands
