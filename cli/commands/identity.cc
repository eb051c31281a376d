// SPDX-License-Identifier: Apache-2.0
// Who may still be in the mesh: revoking keys and forgetting nodes that are gone.
#include <algorithm>

#include "cli/call.h"
#include "cli/commands/command.h"
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
