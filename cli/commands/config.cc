// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <system_error>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "schema/base/near.h"

namespace vidai::cli::commands {
namespace {

using print::Answer;
using print::Value;

// Empty stays empty.
std::string absolute_path(const std::string& path) {
    if (path.empty()) return path;
    std::error_code error;
    const auto whole = std::filesystem::absolute(path, error);
    return error ? path : whole.lexically_normal().string();
}

Result<Answer> run_view(Call& call) {
    const auto file = context::load_contexts(call.settings().file);
    if (!file) return fail(file.error());
    Answer answer;
    answer.data = context::to_value(*file);
    answer.verbatim = print::to_yaml(answer.data);
    return answer;
}

Result<Answer> run_get_contexts(Call& call) {
    const auto file = context::load_contexts(call.settings().file);
    if (!file) return fail(file.error());
    Answer answer;
    answer.table.columns = {{"CURRENT"}, {"NAME"}, {"SERVER"}, {"IDENTITY", true}, {"ROOT", true}};
    Value::List items;
    for (const context::Context& context : file->contexts) {
        const bool current = context.name == file->current;
        items.push_back({{"name", context.name},
                         {"server", context.server},
                         {"identity", context.identity},
                         {"root", context.root},
                         {"current", current}});
        answer.table.rows.push_back({{current ? "*" : ""},
                                     {context.name},
                                     {context.server},
                                     {context.identity},
                                     {context.root}});
    }
    if (items.empty()) {
        answer.note = "No contexts in " + call.settings().file +
                      ": 'vidaictl mesh init DIR' makes a mesh and the first one.\n";
    }
    answer.data = {{"items", std::move(items)}};
    return answer;
}

Result<Answer> run_use_context(Call& call) {
    const std::string& path = call.settings().file;
    const std::string& name = call.argument(0);
    // Looked at first, so that a wrong name leaves no new file or folder behind.
    const auto found = [&](const context::ContextFile& file) -> Result<void> {
        if (file.find(name) != nullptr) return {};
        std::vector<std::string_view> names;
        for (const context::Context& context : file.contexts) names.push_back(context.name);
        return fail(ErrorCode::kNotFound,
                    "no context '" + name + "' in " + path + suggestion(name, names), "NAME");
    };
    const auto before = context::load_contexts(path);
    if (!before) return fail(before.error());
    if (auto known = found(*before); !known) return fail(std::move(known).error());
    const auto kept = context::update_contexts(path, [&](context::ContextFile& file) {
        Result<void> known = found(file);
        if (known) file.current = name;
        return known;
    });
    if (!kept) return fail(kept.error());
    Answer answer;
    answer.data = {{"current-context", name}};
    answer.fields = {{"Current context", {name}}};
    return answer;
}

// What flags say replaces what the context had.
Result<Answer> run_set_context(Call& call) {
    const context::Settings& settings = call.settings();
    const std::string& name = call.argument(0);
    const mesh::OperatorTarget& given = settings.flags;
    if (given.address.empty() && given.identity_file.empty() && given.root_file.empty()) {
        return fail(ErrorCode::kUsage, "say what it is to have: --server, --identity or --root",
                    "--server");
    }
    const auto identity = absolute_path(given.identity_file);
    const auto root = absolute_path(given.root_file);
    context::Context made;
    const auto kept =
        context::update_contexts(settings.file, [&](context::ContextFile& file) -> Result<void> {
            auto at = std::ranges::find(file.contexts, name, &context::Context::name);
            const bool fresh = at == file.contexts.end();
            if (fresh && (given.address.empty() || identity.empty() || root.empty())) {
                return fail(ErrorCode::kUsage,
                            "no context '" + name + "' in " + settings.file +
                                " yet: a new one needs --server, --identity and --root",
                            "NAME");
            }
            if (fresh) at = file.contexts.insert(at, context::Context{name, {}, {}, {}});
            if (!given.address.empty()) at->server = given.address;
            if (!identity.empty()) at->identity = identity;
            if (!root.empty()) at->root = root;
            made = *at;
            return {};
        });
    if (!kept) return fail(kept.error());
    Answer answer;
    answer.data = {{"name", made.name},
                   {"server", made.server},
                   {"identity", made.identity},
                   {"root", made.root}};
    answer.fields = {{"Context", {made.name}},
                     {"Server", {made.server}},
                     {"Identity", {made.identity}},
                     {"Root", {made.root}}};
    return answer;
}

}  // namespace

std::vector<Command> config_commands() {
    return {{"config", "view", "Show the context file.", {}, {}, run_view},
            {"config", "get-contexts", "List the contexts.", {}, {}, run_get_contexts},
            {"config",
             "use-context",
             "Make a context the one that commands use without --context.",
             {"NAME"},
             {},
             run_use_context},
            {"config",
             "set-context",
             "Change what a context has, or make one: what --server, --identity and --root say. "
             "Nobody is asked.",
             {"NAME"},
             {},
             run_set_context}};
}

}  // namespace vidai::cli::commands
