// SPDX-License-Identifier: Apache-2.0
#include "cli/run.h"

#include <algorithm>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/parse.h"
#include "cli/print/answer.h"
#include "cli/print/text.h"
#include "schema/base/near.h"

namespace vidai::cli {
namespace {

using commands::Command;

Outcome failed(const Error& error, const std::string& hint = {}) {
    std::string text = "vidaictl: " + print::printable(error.message) + "\n";
    if (!hint.empty()) text += "  " + print::printable(hint) + "\n";
    return {exit_code(error.code), "", std::move(text)};
}

Outcome misused(const std::string& what, const std::string& how) {
    return {kExitUsage, "",
            "vidaictl: " + print::printable(what) + "\nRun '" + how + " --help'.\n"};
}

// The command that the first words name; nullptr when they name none.
const Command* find_command(const std::vector<std::string>& words) {
    for (const Command& command : commands::all_commands()) {
        if (words.empty() || command.noun != words[0]) continue;
        if (command.verb.empty() || (words.size() > 1 && command.verb == words[1])) return &command;
    }
    return nullptr;
}

// For words that name no command.
Outcome unknown_command(const std::vector<std::string>& words, bool help) {
    if (words.empty()) {
        return help ? Outcome{kExitOk, help_text(), ""} : Outcome{kExitUsage, "", help_text()};
    }
    const std::vector<std::string_view> nouns = commands::nouns();
    if (std::ranges::find(nouns, words[0]) == nouns.end()) {
        return misused("no command '" + words[0] + "'" + suggestion(words[0], nouns), "vidaictl");
    }
    const std::vector<std::string_view> verbs = commands::verbs_of(words[0]);
    const std::string noun = "vidaictl " + words[0];
    if (words.size() > 1) {
        return misused(
            "no command '" + words[0] + " " + words[1] + "'" + suggestion(words[1], verbs), noun);
    }
    if (help) return {kExitOk, help_text(words[0]), ""};
    return {kExitUsage, "", help_text(words[0])};
}

Result<void> check_words(const Command& command, const Line& line) {
    const std::size_t named = command.verb.empty() ? 1 : 2;
    const std::size_t given = line.words.size() - named;
    const auto needed = static_cast<std::size_t>(std::ranges::count_if(
        command.arguments, [](std::string_view name) { return !name.starts_with('['); }));
    if (given < needed) {
        return fail(ErrorCode::kUsage, std::string(command.arguments[given]) +
                                           " is missing: " + commands::usage_of(command));
    }
    if (given > command.arguments.size()) {
        return fail(ErrorCode::kUsage,
                    "'" + line.words[named + command.arguments.size()] +
                        "' is one word too many: " + commands::usage_of(command));
    }
    const commands::Kind* const kind =
        given > 0 ? commands::kind_of(command, line.words[named]) : nullptr;
    for (const auto& [name, value] : line.flags) {
        const auto same = [&](const commands::Flag& flag) {
            return commands::long_name(flag) == name;
        };
        if (std::ranges::any_of(commands::global_flags(), same)) continue;
        const auto known = std::ranges::find_if(command.flags, same);
        const bool taken =
            known != command.flags.end() && (kind == nullptr || commands::takes(*kind, *known));
        if (taken) continue;
        const std::string of = kind == nullptr ? "" : " " + std::string(kind->name);
        return fail(ErrorCode::kUsage,
                    "'" + commands::name_of(command) + of + "' has no flag " + name);
    }
    return {};
}

Outcome run_command(const Command& command, const Line& line, const World& world) {
    if (auto checked = check_words(command, line); !checked) {
        return misused(checked.error().message, "vidaictl " + commands::name_of(command));
    }
    const auto settings = context::read_settings(line.flags, world.variable);
    if (!settings) return failed(settings.error());
    Call call(world, line, *settings);
    const Result<print::Answer> answer = command.run(call);
    if (!answer) return failed(answer.error(), call.hint(answer.error()));
    const print::Style style{settings->output, settings->headers, world.color};
    return {answer->status, print::render(*answer, style), answer->note};
}

}  // namespace

Outcome run(std::span<const char* const> arguments, const World& world) {
    Result<Line> line = parse_line(arguments);
    if (!line) return misused(line.error().message, "vidaictl");
    std::vector<std::string>& words = line->words;
    bool help = line->flags.contains("--help");
    if (!words.empty() && words[0] == "help") {
        words.erase(words.begin());
        help = true;
    }
    if (line->flags.contains("--version") && !help) words = {"version"};
    const Command* const command = find_command(words);
    if (command == nullptr) return unknown_command(words, help);
    const commands::Kind* const kind =
        words.size() > 2 ? commands::kind_of(*command, words[2]) : nullptr;
    if (help && kind != nullptr) return {kExitOk, help_text(*command, *kind), ""};
    if (help) return {kExitOk, help_text(*command), ""};
    return run_command(*command, *line, world);
}

}  // namespace vidai::cli
