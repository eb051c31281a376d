// SPDX-License-Identifier: Apache-2.0
// Who may still be in the mesh: revoking keys and forgetting nodes that are gone.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/member_text.h"
#include "cli/print/text.h"

namespace vidai::cli::commands {
namespace {

using print::Answer;
using print::Value;

std::string names_of(const std::vector<NodeId>& nodes) {
    std::string out;
    for (const NodeId& node : nodes) out += (out.empty() ? "" : ", ") + node.str();
    return out;
}

Value::List list_of(const std::vector<NodeId>& nodes) {
    Value::List out;
    for (const NodeId& node : nodes) out.push_back(node.str());
    return out;
}

// The answer to a statement; with --wait an error unless everybody has it.
Result<Answer> spread(Call& call, Operator& mesh, const mesh::Stated& said, const char* done) {
    Answer answer;
    answer.data = {{"subject", said.subject}, {"key_fingerprint", said.fingerprint}};
    answer.fields = {{done, {said.subject}}, {"Key fingerprint", {said.fingerprint}}};
    if (call.flag("--wait") == nullptr) {
        answer.note = "The other nodes are told as soon as they can be reached.\n";
        return answer;
    }
    const auto heard = mesh.acknowledged(said);
    if (!heard) return fail(heard.error());
    const std::string count = std::to_string(heard->by.size()) + " of " +
                              std::to_string(heard->by.size() + heard->missing.size()) + " nodes";
    if (!heard->missing.empty()) {
        return fail(ErrorCode::kDeadlineExceeded,
                    "it is in force, and acknowledged by " + count + " of the roster (" +
                        names_of(heard->by) + "); missing: " + names_of(heard->missing) +
                        ". They are told as soon as they can be reached",
                    said.subject);
    }
    answer.data.set("acknowledged", list_of(heard->by));
    answer.data.set("missing", list_of(heard->missing));
    answer.fields.push_back({"Acknowledged", {"by " + count + " of the roster"}});
    for (const NodeId& node : heard->by) answer.fields.push_back({"", {node.str()}});
    return answer;
}

Result<Answer> run_revoke(Call& call) {
    mesh::RevokeRequest request;
    int subjects = 0;
    if (call.arguments() > 0) {
        const auto node = call.node_argument(0);
        if (!node) return fail(node.error());
        request.node = *node;
        ++subjects;
    }
    if (const auto* key = call.flag("--key")) {
        request.key = *key;
        ++subjects;
    }
    if (const auto* file = call.flag("--file")) {
        request.file = *file;
        ++subjects;
    }
    if (subjects != 1) {
        return fail(ErrorCode::kUsage, "name one of NODE, --key and --file", "NODE");
    }
    if (const auto* reason = call.flag("--reason")) request.reason = *reason;
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto said = (*mesh)->revoke(request);
    if (!said) return fail(said.error());
    return spread(call, **mesh, *said, "Revoked");
}

Result<Answer> run_forget(Call& call) {
    const auto node = call.node_argument(0);
    if (!node) return fail(node.error());
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto said = (*mesh)->forget(*node, call.flag("--force") != nullptr);
    if (!said) return fail(said.error());
    return spread(call, **mesh, *said, "Forgotten");
}

// "90s", "15m", "1h" or "7d".
Result<std::chrono::seconds> parse_ttl(const std::string& text) {
    constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {
        {"s", 1}, {"m", 60}, {"h", 3'600}, {"d", 86'400}};
    constexpr std::int64_t kMax = 3'650LL * 86'400;
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    for (const auto& [unit, scale] : kUnits) {
        if (error != std::errc() || std::string_view(end) != unit) continue;
        if (count >= 1 && count <= kMax / scale) return std::chrono::seconds(count * scale);
    }
    return fail(ErrorCode::kUsage,
                "--ttl takes a time such as 90s, 15m, 1h or 7d, not '" + text + "'", "--ttl");
}

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> out;
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        out.emplace_back(list.substr(0, comma));
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return out;
}

Result<Answer> run_token(Call& call) {
    if (call.argument(0) != "create") {
        return fail(
            ErrorCode::kUsage,
            "no command 'mesh token " + call.argument(0) + "'; there is `mesh token create`",
            "create");
    }
    mesh::TokenRequest request;
    const auto* pattern = call.flag("--node");
    if (pattern == nullptr) {
        return fail(ErrorCode::kUsage, "--node is missing: which node ids may the token become?",
                    "--node");
    }
    request.node_pattern = *pattern;
    if (const auto* ttl = call.flag("--ttl")) {
        const auto parsed = parse_ttl(*ttl);
        if (!parsed) return fail(parsed.error());
        request.ttl = *parsed;
    }
    if (const auto* seeds = call.flag("--seed")) request.seeds = split(*seeds);
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto made = (*mesh)->token_create(request);
    if (!made) return fail(made.error());
    const std::string text(made->text.reveal());
    Value::List seeds;
    std::string joined;
    for (const std::string& seed : made->seeds) {
        seeds.push_back(seed);
        joined += (joined.empty() ? "" : ", ") + seed;
    }
    Answer answer;
    answer.data = {{"token", text},
                   {"node_pattern", request.node_pattern},
                   {"until", time_value(made->until)},
                   {"key", made->key},
                   {"seeds", std::move(seeds)}};
    answer.fields = {{"Token", {text}},
                     {"For nodes", {request.node_pattern}},
                     {"Until", {print::time_text(made->until)}},
                     {"Key", {made->key + "  (`mesh revoke --key` voids the token)"}},
                     {"Seeds", {joined}}};
    answer.note =
        "Whoever has it can become such a node until then. On the new machine, without an issuer "
        "file:\n  VIDAI_MESH_JOIN_FILE=token vidaid --node-id NAME --data-dir DIR\n";
    return answer;
}

constexpr Flag kWait{"--wait", "",
                     "Wait until every node of the roster has it in force; exit non-zero and name "
                     "those that have not within --timeout."};

}  // namespace

std::vector<Command> identity_commands() {
    return {{"mesh",
             "revoke",
             "Void a node's, operator's or issuer's key for good: nobody speaks with its holder "
             "any more. Signed with this context's operator key.",
             {"[NODE]"},
             {{"--key", "KEY",
               "A fingerprint of a member's key or of its issuer's, or a public key in hex, "
               "instead of NODE."},
              {"--file", "FILE", "The operator or issuer key file to void, instead of NODE."},
              {"--reason", "TEXT", "For people, at most 200 bytes."},
              kWait},
             run_revoke},
            {"mesh",
             "token",
             "Make a join token: with it a machine without an issuer file becomes a node. Ask a "
             "node that has one.",
             {"create"},
             {{"--node", "PATTERN", "Which node ids it may take; one '*' matches any text."},
              {"--ttl", "TIME", "How long it is good for, such as 15m or 1h. Default: 1h."},
              {"--seed", "HOST:PORT,...",
               "Where the new node finds the mesh. Default: the nodes that the one asked knows."}},
             run_token},
            {"node",
             "forget",
             "Remove a node that is gone from the roster for good; it comes back only with a newer "
             "start or certificate. Signed with this context's operator key.",
             {"NODE"},
             {{"--force", "", "Even if it is alive."}, kWait},
             run_forget},
            {"mesh",
             "forget",
             "The same as `node forget`.",
             {"NODE"},
             {{"--force", "", "Even if it is alive."}, kWait},
             run_forget}};
}

}  // namespace vidai::cli::commands
