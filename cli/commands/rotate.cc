// SPDX-License-Identifier: Apache-2.0
// New keys in place of old ones: the mesh's root, the issuer under it, a node's.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/member_text.h"
#include "cli/commands/reach.h"
#include "cli/commands/spread.h"
#include "cli/context/context_file.h"
#include "cli/print/text.h"

namespace vidai::cli::commands {
namespace {

using print::Answer;

// What is wrong with the directories is wrong with the line, not with the mesh.
Error rotate_error(Error error) {
    if (error.code == ErrorCode::kInvalidRequest) error.code = ErrorCode::kUsage;
    return about_file(std::move(error));
}

// A second try after one that made the files and could not tell the mesh finds them in its way.
Error not_made(const mesh::RootRollRequest& request, Error error) {
    if (error.code == ErrorCode::kAlreadyExists) {
        error.message +=
            ". If they were made before and the mesh was not told: `vidaictl mesh "
            "rotate state " +
            request.new_directory + "/succession`";
    }
    return rotate_error(std::move(error));
}

Result<mesh::RootRollRequest> request_of(const Call& call) {
    mesh::RootRollRequest request;
    if (call.arguments() < 3) {
        return fail(ErrorCode::kUsage,
                    "name the directory with the old root.key and the one for the new files",
                    "NEW_DIR");
    }
    request.old_directory = call.argument(1);
    request.new_directory = call.argument(2);
    if (const auto* name = call.flag("--operator")) request.operator_name = *name;
    if (const auto* pattern = call.flag("--node-pattern")) request.node_pattern = *pattern;
    if (const auto* overlap = call.flag("--overlap")) {
        const auto parsed = parse_span("--overlap", *overlap);
        if (!parsed) return fail(parsed.error());
        request.overlap = *parsed;
    }
    return request;
}

// Who would be cut off: members that are here and not certified under the new root.
Result<void> all_have_moved(Operator& mesh, const std::string& fingerprint) {
    const auto known = mesh.nodes_show();
    if (!known) return fail(known.error());
    std::string behind;
    for (const mesh::NodeDetail& detail : *known) {
        if (detail.member.status == mesh::MemberStatus::kLeft) continue;
        if (detail.root == fingerprint) continue;
        behind += (behind.empty() ? "" : ", ") + detail.member.id.str();
    }
    if (behind.empty()) return {};
    return fail(ErrorCode::kConflict,
                "not certified under the new root yet: " + behind +
                    ". Nodes with an issuer file need the new one; the others get their "
                    "certificates from those within seconds. A node that is gone: `vidaictl node "
                    "forget`. --force retires the old root all the same",
                behind);
}

Answer answer_of(const mesh::RootRollFiles& files) {
    Answer answer;
    answer.data = {{"mesh", to_hex(files.made.mesh)},
                   {"root_fingerprint", files.made.root_fingerprint},
                   {"old_root_fingerprint", files.old_fingerprint},
                   {"old_root_until", time_value(files.until)},
                   {"files",
                    {{"root", files.made.root_file},
                     {"root_secret", files.made.root_secret_file},
                     {"issuer", files.made.issuer_file},
                     {"operator", files.made.operator_file},
                     {"succession", files.succession_file}}}};
    answer.fields = {{"New root", {files.made.root_fingerprint}},
                     {"Old root", {files.old_fingerprint}},
                     {"Old root until", {print::time_text(files.until)}},
                     {"Succession", {files.succession_file}}};
    return answer;
}

// The context that was asked with goes on under the new root, with what lies beside `succession`:
// its old files are worth nothing once the old root is retired. Flags stand for themselves.
std::string follow(Call& call, const std::string& succession) {
    const context::Settings& settings = call.settings();
    if (!settings.flags.identity_file.empty() || !settings.flags.root_file.empty()) return "";
    std::error_code error;
    const auto folder =
        std::filesystem::absolute(succession, error).lexically_normal().parent_path();
    const std::string identity = folder / "operator.key", root = folder / "mesh.pub";
    if (!std::filesystem::exists(identity, error) || !std::filesystem::exists(root, error))
        return "";
    std::string note;
    const auto kept =
        context::update_contexts(settings.file, [&](context::ContextFile& file) -> Result<void> {
            const auto chosen = context::chosen(settings, file);
            if (!chosen) return fail(chosen.error());
            if (*chosen == nullptr || (*chosen)->identity == identity) return {};
            const auto at = std::ranges::find(file.contexts, **chosen);
            note = "Context '" + at->name +
                   "' goes by the new root from now on. Before: --identity " + at->identity +
                   " --root " + at->root + "\n";
            at->identity = identity;
            at->root = root;
            return {};
        });
    if (kept) return note;
    return "The context could not be changed: " + kept.error().message + ". Use --identity " +
           identity + " --root " + root + "\n";
}

Result<Answer> state(Call& call, const std::string& file, Answer answer) {
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto said = (*mesh)->state_succession(file);
    if (!said) return fail(said.error());
    answer.data.set("stated", true);
    const std::string followed = follow(call, file);
    answer.note += followed;
    auto told = spread(call, **mesh, *said, std::move(answer));
    if (told || followed.empty()) return told;
    Error error = std::move(told).error();
    error.message += ". " + followed;
    return fail(std::move(error));
}

// What to do is not over: the files are there, and the mesh does not know of them.
Result<Answer> state_made(Call& call, const mesh::RootRollFiles& files, Answer answer) {
    auto told = state(call, files.succession_file, std::move(answer));
    if (told) return told;
    Error error = std::move(told).error();
    error.message =
        "the files are made, but it is not certain that the mesh was told: " + error.message +
        ". Tell it with `vidaictl mesh rotate state " + files.succession_file +
        "`, as often as it takes";
    return fail(std::move(error));
}

// Of a file that was made before.
Result<Answer> run_state(Call& call) {
    const std::string& file = call.argument(1);
    Answer answer;
    answer.data = {{"succession", file}};
    answer.fields = {{"Succession", {file}}};
    return state(call, file, std::move(answer));
}

Result<Answer> run_root(Call& call) {
    const auto request = request_of(call);
    if (!request) return fail(request.error());
    const bool offline = call.flag("--offline") != nullptr;
    if (call.flag("--retire") != nullptr) {
        if (!offline && call.flag("--force") == nullptr) {
            auto mesh = call.connect();
            if (!mesh) return fail(std::move(mesh).error());
            const auto fingerprint = call.world().root_fingerprint(request->new_directory);
            if (!fingerprint) return fail(rotate_error(fingerprint.error()));
            if (auto moved = all_have_moved(**mesh, *fingerprint); !moved) {
                return fail(moved.error());
            }
        }
        const auto files = call.world().retire_root(request->old_directory, request->new_directory);
        if (!files) return fail(rotate_error(files.error()));
        return offline ? Result<Answer>(answer_of(*files))
                       : state_made(call, *files, answer_of(*files));
    }
    const auto files = call.world().roll_root(*request);
    if (!files) return fail(not_made(*request, files.error()));
    Answer answer = answer_of(*files);
    answer.note = "Keep " + print::printable(files->made.root_secret_file) +
                  " offline. Put the new issuer.key and mesh.pub in the place of the old ones on "
                  "nodes that have them: they are taken up within seconds. Operators: --identity " +
                  files->made.operator_file + " --root " + files->made.root_file +
                  "\nOnce `vidaictl mesh rotate root OLD_DIR NEW_DIR --retire` says that all nodes "
                  "are certified anew, the old root can go; it goes by itself in the end.\n";
    return offline ? Result<Answer>(std::move(answer))
                   : state_made(call, *files, std::move(answer));
}

Result<Answer> run_issuer(Call& call) {
    const auto request = request_of(call);
    if (!request) return fail(request.error());
    const auto file = call.world().rotate_issuer(*request);
    if (!file) return fail(rotate_error(file.error()));
    Answer answer;
    answer.data = {{"issuer", *file}};
    answer.fields = {{"Issuer, secret", {*file}}};
    answer.note =
        "Put it in the place of the old one on the nodes that have that: it is taken up "
        "within seconds. If the old one leaked: vidaictl mesh revoke --file OLD\n";
    return answer;
}

Result<mesh::KeyRotation> ask(Call& call, const NodeId& node) {
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto member = find_member(**mesh, node);
    if (!member) return fail(member.error());
    if (member->self) return (*mesh)->rotate_key(node);
    auto there = reach(call, *member);
    if (!there) return fail(std::move(there).error());
    return (*there)->rotate_key(node);
}

Result<Answer> run_node(Call& call) {
    const Result<NodeId> node = call.node_argument(1);
    if (!node) return fail(node.error());
    const auto done = ask(call, *node);
    if (!done) return fail(done.error());
    Answer answer;
    answer.data = {{"node", done->node.str()},
                   {"key_fingerprint", done->fingerprint},
                   {"old_key_fingerprint", done->old_fingerprint},
                   {"old_key", done->old_key},
                   {"certificate_until", time_value(done->certificate_until)}};
    answer.fields = {{"Node", {done->node.str()}},
                     {"Key fingerprint", {done->fingerprint}},
                     {"Old key", {done->old_fingerprint}},
                     {"Certified until", {print::time_text(done->certificate_until)}}};
    answer.note =
        "The old key is gone from its disk. If somebody else may have it: vidaictl mesh revoke "
        "--key " +
        done->old_key + "\n";
    return answer;
}

Result<Answer> run_rotate(Call& call) {
    const std::string& what = call.argument(0);
    if (what == "root") return run_root(call);
    if (what == "issuer") return run_issuer(call);
    if (what == "node") return run_node(call);
    if (what == "state") return run_state(call);
    return fail(
        ErrorCode::kUsage,
        "no '" + what + "' can be rotated; there are: root, issuer, node, and state for a file",
        "WHAT");
}

}  // namespace

std::vector<Command> rotate_commands() {
    return {
        {"mesh",
         "rotate",
         "New keys for old: the mesh's root, the issuer under it, or a node's.",
         {"WHAT", "OLD_DIR|NODE|FILE", "[NEW_DIR]"},
         {{"--overlap", "TIME",
           "How long the old root is believed beside the new one, such as 12h. Default: 14d, two "
           "lives of a node's certificate."},
          {"--retire", "",
           "End the overlap now, after a look whether all nodes are certified under the new "
           "root."},
          {"--offline", "", "Only make the files; `mesh rotate state` tells the mesh later."},
          {"--operator", "NAME", "The new operator's name. Default: admin."},
          {"--node-pattern", "PATTERN",
           "Which node ids the new issuer may certify. Default: those of OLD_DIR/issuer.key."},
          {"--force", "", "With --retire: even if nodes are cut off by it."},
          {"--wait", "",
           "Wait until every node of the roster has it in force; exit non-zero and name those "
           "that have not within --timeout."}},
         run_rotate,
         {{"root",
           "Makes the next root, which the old one names, with an issuer and an operator under it, "
           "and tells the mesh; nodes believe both until the overlap is over or --retire.",
           {"OLD_DIR", "NEW_DIR"},
           {"--overlap", "--retire", "--offline", "--operator", "--node-pattern", "--force",
            "--wait"}},
          {"issuer",
           "Makes another issuer key under the root in OLD_DIR; asks no node.",
           {"OLD_DIR", "NEW_DIR"},
           {"--node-pattern"}},
          {"node",
           "A running node makes a new key and gets a new certificate, by the newest issuer "
           "key that its peers hold; the mesh takes it for the old one's.",
           {"NODE"},
           {}},
          {"state",
           "Tells the mesh of the `succession` that was made with --offline.",
           {"FILE"},
           {"--wait"}}}}};
}

}  // namespace vidai::cli::commands
