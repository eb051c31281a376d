// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/member_text.h"
#include "cli/commands/watch.h"
#include "cli/print/text.h"

namespace vidai::cli::commands {
namespace {

using print::Answer;
using print::Tone;

constexpr std::string_view kDefaultServer = "127.0.0.1:7420";

// For a shell: as it is, or in single quotes.
std::string shell_word(const std::string& text) {
    constexpr std::string_view kSafe =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@,+=";
    if (!text.empty() && text.find_first_not_of(kSafe) == std::string::npos) return text;
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

std::string init_note(const Call& call, const mesh::MeshInitFiles& files) {
    // The commands work as they stand: with --config again when it was given.
    const std::string* const config = call.flag("--config");
    const std::string more = config == nullptr ? "" : " --config " + shell_word(*config);
    return "Move " + print::printable(files.root_secret_file) +
           " offline now: whoever holds it is the mesh, and no node needs it.\n"
           "Give each node the root and the issuer file. Next:\n"
           "  vidaid --node-id n1 --data-dir ./n1 --mesh-root " +
           shell_word(files.root_file) + " --mesh-issuer " + shell_word(files.issuer_file) +
           "\n  vidaictl" + more + " mesh members\n";
}

Answer init_answer(const Call& call, const mesh::MeshInitFiles& files, const std::string& name,
                   const std::string& server) {
    const std::string mesh = to_hex(files.mesh);
    Answer answer;
    answer.data = {{"mesh", mesh},
                   {"root_fingerprint", files.root_fingerprint},
                   {"files",
                    {{"root", files.root_file},
                     {"root_secret", files.root_secret_file},
                     {"issuer", files.issuer_file},
                     {"operator", files.operator_file}}},
                   {"context", name},
                   {"server", server},
                   {"config", call.settings().file}};
    answer.fields = {{"Mesh", {mesh}},
                     {"Root fingerprint", {files.root_fingerprint}},
                     {"Root, public", {files.root_file}},
                     {"Root, secret", {files.root_secret_file + "  (keep offline)", Tone::kWarn}},
                     {"Issuer, secret", {files.issuer_file}},
                     {"Operator, secret", {files.operator_file}},
                     {"Context", {name + " in " + call.settings().file}},
                     {"Server", {server}}};
    answer.note = init_note(call, files);
    return answer;
}

std::unexpected<Error> not_remembered(const mesh::MeshInitFiles& files, const Error& error) {
    return fail(error.code,
                "the mesh is made, but its context could not be kept: " + error.message +
                    "; until then use --identity " + files.operator_file + " --root " +
                    files.root_file,
                error.param);
}

// A name or pattern of a wrong form is a wrong line; a directory that cannot be made is no missing
// node and no missing right.
Error init_error(Error error) {
    if (error.code == ErrorCode::kInvalidRequest) error.code = ErrorCode::kUsage;
    return about_file(std::move(error));
}

Result<Answer> run_init(Call& call) {
    const context::Settings& settings = call.settings();
    // Before anything is made: is there a place for the context, and is its name free?
    const Result<context::ContextFile> before = context::load_contexts(settings.file);
    if (!before) return fail(before.error());
    if (!settings.context.empty() && before->find(settings.context) != nullptr) {
        return fail(ErrorCode::kAlreadyExists,
                    "context '" + settings.context + "' is already in " + settings.file +
                        ": --context takes another name",
                    "--context");
    }
    mesh::MeshInitRequest request;
    std::error_code error;
    const auto folder = std::filesystem::absolute(call.argument(0), error);
    if (error || call.argument(0).empty()) {
        return fail(ErrorCode::kUsage, "DIR must name a directory", "DIR");
    }
    request.directory = folder.lexically_normal().string();
    if (request.directory.size() > 1 && request.directory.back() == '/') {
        request.directory.pop_back();
    }
    if (const auto* name = call.flag("--operator")) request.operator_name = *name;
    if (const auto* pattern = call.flag("--node-pattern")) request.node_pattern = *pattern;
    const Result<mesh::MeshInitFiles> files = call.world().mesh_init(request);
    if (!files) return fail(init_error(files.error()));

    context::Context made;
    made.name = settings.context.empty()
                    ? request.operator_name + "@" + to_hex(files->mesh).substr(0, 8)
                    : settings.context;
    made.server =
        settings.flags.address.empty() ? std::string(kDefaultServer) : settings.flags.address;
    made.identity = files->operator_file;
    made.root = files->root_file;
    const auto kept =
        context::update_contexts(settings.file, [&](context::ContextFile& file) -> Result<void> {
            if (file.find(made.name) != nullptr) {
                return fail(ErrorCode::kAlreadyExists, "context '" + made.name + "' is taken");
            }
            file.contexts.push_back(made);
            file.current = made.name;
            return {};
        });
    if (!kept) return not_remembered(*files, kept.error());
    return init_answer(call, *files, made.name, made.server);
}

std::string digest_text(std::uint64_t digest) {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(digest));
    return text.data();
}

Result<Answer> ask_status(Call&, Operator& mesh) {
    const auto found = mesh.status();
    if (!found) return fail(found.error());
    const mesh::MeshStatus& status = *found;
    // The rest: joining, the only state that the answer does not count.
    const std::size_t counted = status.alive + status.suspect + status.dead + status.left;
    const std::size_t joining = status.members - std::min(status.members, counted);
    Answer answer;
    answer.data = {{"mesh", to_hex(status.mesh)},
                   {"node", status.node.str()},
                   {"version", status.version},
                   {"wire_min", status.wire_min},
                   {"wire_max", status.wire_max},
                   {"members", status.members},
                   {"joining", joining},
                   {"alive", status.alive},
                   {"suspect", status.suspect},
                   {"dead", status.dead},
                   {"left", status.left},
                   {"delay_ms", status.delay.count()},
                   {"registers", status.registers},
                   // Text: a number of 64 bits does not survive every JSON reader.
                   {"digest", digest_text(status.digest)},
                   {"keys", status.keys},
                   {"solo", status.solo}};
    const Tone tone = status.dead > 0                ? Tone::kBad
                      : status.suspect + joining > 0 ? Tone::kWarn
                                                     : Tone::kGood;
    std::string members =
        std::to_string(status.members) + " (" + std::to_string(joining) + " joining, " +
        std::to_string(status.alive) + " alive, " + std::to_string(status.suspect) + " suspect, " +
        std::to_string(status.dead) + " dead, " + std::to_string(status.left) + " left)";
    answer.fields = {
        {"Mesh", {to_hex(status.mesh) + (status.solo ? "  (solo, for development)" : "")}},
        {"Asked", {status.node.str()}},
        {"Version", {status.version}},
        {"Wire", {std::to_string(status.wire_min) + "-" + std::to_string(status.wire_max)}},
        {"Members", {std::move(members), tone}},
        {"Counters", {"at most " + std::to_string(status.delay.count()) + " ms old"}},
        {"Registers",
         {std::to_string(status.registers) + ", digest " + digest_text(status.digest)}},
        {"Keys", {std::to_string(status.keys)}}};
    return answer;
}

Result<Answer> run_status(Call& call) {
    return once_or_watched(call, ask_status);
}

}  // namespace

std::vector<Command> mesh_commands() {
    return {
        {"mesh",
         "init",
         "Make a new mesh: its root, an issuer for its nodes, its first operator and a context. "
         "--server is the address that the context keeps (default 127.0.0.1:7420), --context its "
         "name.",
         {"DIR"},
         {{"--operator", "NAME", "The first operator's name. Default: admin."},
          {"--node-pattern", "PATTERN",
           "Which node ids the issuer may certify; one '*' matches any text. Default: *."}},
         run_init},
        {"mesh",
         "status",
         "Show the mesh in short, as one node sees it.",
         {},
         {kWatch},
         run_status}};
}

}  // namespace vidai::cli::commands
