// SPDX-License-Identifier: Apache-2.0
// Who may still be in the mesh: revoking keys and forgetting nodes that are gone.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/member_text.h"
#include "cli/commands/reach.h"
#include "cli/commands/spread.h"
#include "cli/print/text.h"
#include "cli/secret_file.h"

namespace vidai::cli::commands {
namespace {

using print::Answer;
using print::Value;

constexpr Flag kDryRun{"--dry-run", "", "Show exactly what would be signed, and sign nothing."};

// `done`: "Revoked". All that was signed, so that a person can see whom it concerns.
Answer answer_of(const mesh::Stated& said, const char* done) {
    Answer answer;
    answer.data = {
        {"subject", said.subject}, {"key", said.key}, {"key_fingerprint", said.fingerprint}};
    answer.fields = {
        {done, {said.subject}}, {"Key", {said.key}}, {"Key fingerprint", {said.fingerprint}}};
    return answer;
}

Result<Answer> told(Call& call, Operator& mesh, const mesh::Stated& said, Answer answer) {
    answer.data.set("already", said.before.has_value());
    if (said.before) {
        answer.note += said.subject + " is " + (said.before->revoked ? "revoked" : "forgotten") +
                       " already, by " + said.before->by.str() + " at " +
                       print::time_text(said.before->at) + ": nothing new was signed.\n";
        if (call.flag("--wait") == nullptr) return answer;
    }
    if (call.flag("--dry-run") == nullptr) return spread(call, mesh, said, std::move(answer));
    answer.data.set("dry_run", true);
    answer.note += "Nothing was signed.\n";
    return answer;
}

// Whether the node can certify itself anew once its key is void; nothing: it does not say. Asked
// before, since nobody speaks with it afterwards.
std::optional<bool> holds_issuer(Call& call, Operator& mesh, const NodeId& node) {
    const auto member = find_member(mesh, node);
    if (!member) return std::nullopt;
    if (member->self) {
        const auto report = mesh.report();
        return report ? std::optional(report->issuer) : std::nullopt;
    }
    if (member->status != mesh::MemberStatus::kAlive) return std::nullopt;
    const auto there = reach(call, *member);
    if (!there) return std::nullopt;
    const auto report = (*there)->report();
    if (!report || report->self.id != node) return std::nullopt;
    return report->issuer;
}

std::string issuer_warning(const NodeId& node, std::optional<bool> holds) {
    if (holds && !*holds) return "";
    const std::string what = holds ? node.str() + " holds an issuer key: it can"
                                   : node.str() +
                                         " could not be asked whether it holds an issuer "
                                         "key; if it does, it can";
    return "Warning: " + what +
           " certify itself anew, under another key or name. Make another issuer (vidaictl mesh "
           "rotate issuer), give it to the nodes that have the old one, then revoke that: vidaictl "
           "mesh revoke --file OLD/issuer.key\n";
}

std::string what_becomes_of(const NodeId& node) {
    return node.str() +
           " takes no more requests (503 fenced) and finishes those that it has, as soon as it "
           "hears of this; one that cannot be reached does not, and goes on by what it knows. Stop "
           "its process, and erase its data directory.\n";
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
    request.force = call.flag("--force") != nullptr;
    request.dry_run = call.flag("--dry-run") != nullptr;
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    std::optional<bool> issuer = false;
    if (!request.node.empty()) issuer = holds_issuer(call, **mesh, request.node);
    const auto said = (*mesh)->revoke(request);
    if (!said) return fail(said.error());
    Answer answer = answer_of(*said, request.dry_run ? "To be revoked" : "Revoked");
    if (!request.node.empty()) answer.note = what_becomes_of(request.node);
    if (!said->before) answer.note += issuer_warning(request.node, issuer);
    return told(call, **mesh, *said, std::move(answer));
}

Result<Answer> run_forget(Call& call) {
    const auto node = call.node_argument(0);
    if (!node) return fail(node.error());
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const mesh::ForgetRequest request{*node, call.flag("--force") != nullptr,
                                      call.flag("--dry-run") != nullptr};
    const auto said = (*mesh)->forget(request);
    if (!said) return fail(said.error());
    Answer answer = answer_of(*said, request.dry_run ? "To be forgotten" : "Forgotten");
    answer.data.set("serial", said->serial);
    answer.data.set("generation", said->generation.value);
    answer.fields.push_back({"Up to generation", {std::to_string(said->generation.value)}});
    answer.fields.push_back({"Up to serial", {std::to_string(said->serial)}});
    return told(call, **mesh, *said, std::move(answer));
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

// Who could have made the token. Asked one after the other, so of the first few alone.
std::string issuers_at(Call& call, Operator& mesh) {
    constexpr std::size_t kAsked = 8;
    const auto known = mesh.members();
    if (!known) return "";
    std::string found;
    std::size_t asked = 0;
    for (const mesh::Member& member : *known) {
        if (member.self || member.status != mesh::MemberStatus::kAlive || asked == kAsked) continue;
        ++asked;
        const auto there = reach(call, member);
        if (!there) continue;
        const auto report = (*there)->report();
        if (report && report->issuer) {
            found += (found.empty() ? "" : ", ") + member.id.str() + " (--server " +
                     member.address + ")";
        }
    }
    return found.empty() ? "" : ". These hold one: " + found;
}

Result<Answer> run_join_token(Call& call) {
    mesh::TokenRequest request;
    const auto* pattern = call.flag("--node");
    if (pattern == nullptr) {
        return fail(ErrorCode::kUsage, "--node is missing: which node ids may the token become?",
                    "--node");
    }
    request.node_pattern = *pattern;
    if (const auto* ttl = call.flag("--ttl")) {
        const auto parsed = parse_span("--ttl", *ttl);
        if (!parsed) return fail(parsed.error());
        request.ttl = *parsed;
    }
    if (const auto* seeds = call.flag("--seed")) request.seeds = split(*seeds);
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    std::optional<SecretFile> file;
    const std::string* const path = call.flag("--out");
    if (path != nullptr) {
        auto created = SecretFile::create(*path);
        if (!created) return fail(std::move(created).error());
        file.emplace(std::move(*created));
    }
    const auto made = (*mesh)->token_create(request);
    if (!made && made.error().param == "no_issuer") {
        Error error = made.error();
        error.message += issuers_at(call, **mesh);
        return fail(std::move(error));
    }
    if (!made) return fail(made.error());
    const std::string text(made->text.reveal());
    if (file) {
        if (auto kept = file->write(text + "\n"); !kept) return fail(std::move(kept).error());
    }
    Value::List seeds;
    std::string joined;
    for (const std::string& seed : made->seeds) {
        seeds.push_back(seed);
        joined += (joined.empty() ? "" : ", ") + seed;
    }
    Answer answer;
    answer.data = {file ? Value::Member{"file", *path} : Value::Member{"token", text},
                   {"node_pattern", request.node_pattern},
                   {"until", time_value(made->until)},
                   {"key", made->key},
                   {"seeds", std::move(seeds)}};
    answer.fields = {file ? print::Field{"File", {*path}} : print::Field{"Token", {text}},
                     {"For nodes", {request.node_pattern}},
                     {"Until", {print::time_text(made->until)}},
                     {"Key", {made->key + "  (`mesh revoke --key` voids the token)"}},
                     {"Seeds", {joined}}};
    answer.note =
        "Whoever has it can become such a node until then. On the new machine, without an issuer "
        "file:\n  VIDAI_MESH_JOIN_FILE=" +
        print::printable(file ? *path : "token") + " vidaid --node-id NAME --data-dir DIR\n";
    if (!file && call.flag("--secret-only") != nullptr) answer.verbatim = text + "\n";
    return answer;
}

Result<Answer> run_token(Call& call) {
    if (call.argument(0) == "create") return run_join_token(call);
    return fail(ErrorCode::kUsage,
                "no command 'mesh token " + call.argument(0) + "'; there is `mesh token create`",
                "create");
}

std::vector<Flag> token_flags() {
    return {{"--node", "PATTERN", "Which node ids it may take; one '*' matches any text.", true},
            {"--ttl", "TIME", "How long it is good for, such as 15m or 1h. Default: 1h."},
            {"--seed", "HOST:PORT,...",
             "Where the new node finds the mesh. Default: the nodes that the one asked knows."},
            {"--out", "FILE",
             "Write the token there instead of showing it: a new file that only you may read."},
            {"--secret-only", "",
             "Show the token and nothing else, for a pipe: a file that a shell makes of it may be "
             "read by others."}};
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
               "A public key's 64 hex digits, or the fingerprint of one that a member, an issuer, "
               "this operator or a revocation has, instead of NODE."},
              {"--file", "FILE", "The operator or issuer key file to void, instead of NODE."},
              {"--reason", "TEXT", "For people, at most 200 bytes."},
              {"--force", "",
               "Even if it is an issuer's and members that it certified are cut off, or the "
               "operator's key that this is signed with."},
              kDryRun,
              kWait},
             run_revoke},
            {"mesh",
             "token",
             "Make a join token: with it a machine without an issuer file becomes a node. Ask a "
             "node that has one.",
             {"create"},
             token_flags(),
             run_token},
            {"mesh",
             "join-token",
             "The same as `mesh token create`.",
             {},
             token_flags(),
             run_join_token},
            {"node",
             "forget",
             "Remove a node that is gone from the roster for good; it comes back only with a newer "
             "start or certificate. Signed with this context's operator key.",
             {"NODE"},
             {{"--force", "", "Even if it is alive."}, kDryRun, kWait},
             run_forget},
            {"mesh",
             "forget",
             "The same as `node forget`.",
             {"NODE"},
             {{"--force", "", "Even if it is alive."}, kDryRun, kWait},
             run_forget}};
}

}  // namespace vidai::cli::commands
