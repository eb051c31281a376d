// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <algorithm>

#include "cli/exit_code.h"

namespace vidai::cli {
namespace {

using commands::Command;
using commands::Flag;

constexpr std::size_t kIndent = 28;
constexpr std::size_t kWidth = 68;  // of the text beside the names

// "  name    text", the text in lines below each other.
std::string entry(std::string_view name, std::string_view text) {
    std::string line = "  " + std::string(name);
    line += line.size() + 2 <= kIndent ? std::string(kIndent - line.size(), ' ')
                                       : "\n" + std::string(kIndent, ' ');
    std::size_t column = 0;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        if (column > 0 && column + 1 + word.size() > kWidth) {
            line += "\n" + std::string(kIndent, ' ');
            column = 0;
        }
        if (column > 0) line += ' ';
        line += word;
        column += word.size() + (column > 0 ? 1 : 0);
        text.remove_prefix(std::min(text.size(), word.size() + 1));
    }
    return line + "\n";
}

std::string entry(const Flag& flag) {
    std::string name(flag.name);
    if (const std::size_t comma = name.find(','); comma != std::string::npos) {
        name.insert(comma + 1, " ");
    }
    if (!flag.value.empty()) name += " " + std::string(flag.value);
    return entry(name, flag.doc);
}

std::string global_text() {
    std::string text = "\nFlags of every command:\n";
    for (const Flag& flag : commands::global_flags()) text += entry(flag);
    return text;
}

// A name with its arguments, without its flags.
std::string call_of(const Command& command) {
    std::string call = commands::name_of(command);
    for (const std::string_view argument : command.arguments) call += " " + std::string(argument);
    return call;
}

// For a cell of a table in Markdown.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|' || c == '*') out += '\\';
        out += c;
    }
    return out;
}

std::string markdown_row(const Flag& flag) {
    std::string name(flag.name);
    if (const std::size_t comma = name.find(','); comma != std::string::npos) {
        name.replace(comma, 1, "`, `");
    }
    if (!flag.value.empty()) name += " " + std::string(flag.value);
    return "| `" + name + "` | " + escaped(flag.doc) + " |\n";
}

std::string markdown_item(const commands::Kind& kind) {
    std::string text = "- `" + std::string(kind.name);
    for (const std::string_view argument : kind.arguments) text += " " + std::string(argument);
    text += "`: " + escaped(kind.doc);
    std::string flags;
    for (const std::string_view flag : kind.flags) {
        flags += (flags.empty() ? "" : ", ") + ("`" + std::string(flag) + "`");
    }
    if (!flags.empty()) text += " Takes " + flags + ".";
    return text + "\n";
}

constexpr std::string_view kFlagsHead = "\n| flag | meaning |\n|---|---|\n";

}  // namespace

std::string help_text() {
    std::string text =
        "vidaictl: the operator's hand on a Vidai mesh.\n"
        "\n"
        "Usage: vidaictl NOUN VERB [arguments] [flags]\n"
        "\n"
        "It asks one node, over the authenticated mesh port, as the operator of the current\n"
        "context. A new mesh begins with 'vidaictl mesh init DIR'.\n"
        "\n"
        "Commands:\n";
    for (const Command& command : commands::all_commands()) {
        text += entry(call_of(command), command.doc);
    }
    text += global_text() + "\nExit status:\n";
    for (const ExitMeaning& row : exit_meanings()) {
        text += entry(std::to_string(row.status), row.meaning);
    }
    return text;
}

std::string help_text(std::string_view noun) {
    std::string text =
        "Usage: vidaictl " + std::string(noun) + " VERB [arguments] [flags]\n\nCommands:\n";
    for (const Command& command : commands::all_commands()) {
        if (command.noun == noun) text += entry(call_of(command), command.doc);
    }
    return text + global_text();
}

std::string help_text(const Command& command) {
    std::string text = entry("", command.doc);
    text = "Usage: vidaictl " + call_of(command) + " [flags]\n\n" + text;
    if (!command.kinds.empty()) {
        text +=
            "\n" + std::string(command.arguments.front()) + ", each with a --help of its own:\n";
    }
    for (const commands::Kind& kind : command.kinds) text += entry(kind.name, kind.doc);
    if (!command.flags.empty()) text += "\nFlags:\n";
    for (const Flag& flag : command.flags) text += entry(flag);
    return text + global_text();
}

std::string help_text(const Command& command, const commands::Kind& kind) {
    std::string text =
        "Usage: vidaictl " + commands::name_of(command) + " " + std::string(kind.name);
    for (const std::string_view argument : kind.arguments) text += " " + std::string(argument);
    text += " [flags]\n\n" + entry("", kind.doc);
    if (!kind.flags.empty()) text += "\nFlags:\n";
    for (const Flag& flag : command.flags) {
        if (commands::takes(kind, flag)) text += entry(flag);
    }
    return text + global_text();
}

std::string reference_markdown() {
    std::string text =
        "# vidaictl\n"
        "\n"
        "Generated from `cli/commands`; do not edit. `vidaictl NOUN VERB`: data goes to standard\n"
        "output, everything else to standard error. `vidaictl NOUN VERB --help` says the same as\n"
        "this page.\n"
        "\n"
        "## Commands\n";
    for (const Command& command : commands::all_commands()) {
        text += "\n### vidaictl " + commands::name_of(command) + "\n\n`" +
                commands::usage_of(command) + "`\n\n" + escaped(command.doc) + "\n";
        if (!command.kinds.empty()) text += "\n";
        for (const commands::Kind& kind : command.kinds) text += markdown_item(kind);
        if (!command.flags.empty()) text += kFlagsHead;
        for (const Flag& flag : command.flags) text += markdown_row(flag);
    }
    text += "\n## Flags of every command\n\nBefore or after the noun and the verb.\n";
    text += kFlagsHead;
    for (const Flag& flag : commands::global_flags()) text += markdown_row(flag);
    text +=
        "\n## Contexts\n"
        "\n"
        "A context says which mesh, and as whom. Flags win over the context. `vidaictl mesh init`\n"
        "writes the first one; the file has mode 0600, and paths in it are relative to it. Edit\n"
        "it to ask another node for good; `--server` asks one for once. Of several servers, with\n"
        "commas between them, the first one that answers is asked:\n"
        "\n"
        "```yaml\n"
        "current-context: admin@a1b2c3d4\n"
        "contexts:\n"
        "  - name: admin@a1b2c3d4\n"
        "    server: 10.0.0.1:7420,10.0.0.2:7420\n"
        "    identity: /home/ops/mesh/operator.key\n"
        "    root: /home/ops/mesh/mesh.pub\n"
        "```\n"
        "\n"
        "## Output\n"
        "\n"
        "`-o json` and `-o yaml` are for programs: lists are `{\"items\": [...]}`, times are RFC\n"
        "3339 in UTC, what is unknown or unlimited is `null`. `-o table` and `-o wide` are for\n"
        "people and may change. Status words are coloured on a terminal unless `NO_COLOR` is set.\n"
        "\n"
        "## Exit status\n"
        "\n"
        "| status | meaning |\n|---|---|\n";
    for (const ExitMeaning& row : exit_meanings()) {
        text += "| " + std::to_string(row.status) + " | " + std::string(row.meaning) + " |\n";
    }
    return text;
}

}  // namespace vidai::cli
