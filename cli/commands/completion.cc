// SPDX-License-Identifier: Apache-2.0
#include "cli/call.h"
#include "cli/commands/command.h"

namespace vidai::cli::commands {
namespace {

// Both forms of a flag that has two: "-o --output".
std::string spellings(const Flag& flag) {
    std::string text(flag.name);
    if (const std::size_t comma = text.find(','); comma != std::string::npos) text[comma] = ' ';
    return text;
}

std::string list_of(std::span<const Flag> flags) {
    std::string list;
    for (const Flag& flag : flags) list += (list.empty() ? "" : " ") + spellings(flag);
    return list;
}

std::string list_of(const std::vector<std::string_view>& words) {
    std::string list;
    for (const std::string_view word : words) list += (list.empty() ? "" : " ") + std::string(word);
    return list;
}

std::string flags_with_value() {
    std::string pattern;
    const auto add = [&](const Flag& flag) {
        if (flag.value.empty() || has_optional_value(flag)) return;
        std::string text = spellings(flag);
        if (const std::size_t blank = text.find(' '); blank != std::string::npos) text[blank] = '|';
        pattern += (pattern.empty() ? "" : "|") + text;
    };
    for (const Flag& flag : global_flags()) add(flag);
    for (const Command& command : all_commands()) {
        for (const Flag& flag : command.flags) add(flag);
    }
    return pattern;
}

// Completes nouns, verbs, flags, output formats, and files where a file is wanted; asks no node.
std::string bash_script() {
    std::string out =
        "# bash completion of vidaictl: source <(vidaictl completion bash)\n"
        "_vidaictl() {\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
        "    local noun= verb= i word choices\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        word=${COMP_WORDS[i]}\n"
        "        case $word in\n"
        "            " +
        flags_with_value() +
        ") ((i++)) ;;\n"
        "            -*) ;;\n"
        "            *) if [[ -z $noun ]]; then noun=$word; elif [[ -z $verb ]]; then "
        "verb=$word; fi ;;\n"
        "        esac\n"
        "    done\n"
        "    case $prev in\n"
        "        -o|--output) COMPREPLY=($(compgen -W 'table wide json yaml' -- \"$cur\")); "
        "return ;;\n"
        "        --config|--identity|--root|--file|--out) COMPREPLY=($(compgen -f -- \"$cur\")); "
        "return ;;\n"
        "    esac\n"
        "    case \"$noun $verb\" in\n"
        "        ' ') choices='" +
        list_of(nouns()) + "' ;;\n";
    for (const std::string_view noun : nouns()) {
        const std::vector<std::string_view> verbs = verbs_of(noun);
        if (verbs.empty()) continue;
        out += "        '" + std::string(noun) + " ') choices='" + list_of(verbs) + "' ;;\n";
    }
    for (const Command& command : all_commands()) {
        if (command.flags.empty()) continue;
        out += "        '" + name_of(command) + "') choices='" + list_of(command.flags) + "' ;;\n";
    }
    out +=
        "    esac\n"
        "    if [[ $cur == -* ]]; then choices+=' " +
        list_of(global_flags()) +
        "'; fi\n"
        "    COMPREPLY=($(compgen -W \"$choices\" -- \"$cur\"))\n"
        "    if [[ \"$noun $verb\" == 'mesh init' && $cur != -* ]]; then\n"
        "        COMPREPLY=($(compgen -d -- \"$cur\"))\n"
        "    fi\n"
        "}\n"
        "complete -o filenames -F _vidaictl vidaictl\n";
    return out;
}

Result<print::Answer> run_bash(Call&) {
    print::Answer answer;
    answer.verbatim = bash_script();
    answer.script = true;
    return answer;
}

}  // namespace

std::vector<Command> completion_commands() {
    return {{"completion",
             "bash",
             "Print the completion script: source <(vidaictl completion bash).",
             {},
             {},
             run_bash}};
}

}  // namespace vidai::cli::commands
