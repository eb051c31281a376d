// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cli/commands/command.h"

namespace vidai::cli::commands {
namespace {

constexpr Flag kGlobalFlags[] = {
    {"--config", "FILE",
     "Where contexts are kept. Default: $VIDAICTL_CONFIG, else vidai/config.yaml in "
     "$XDG_CONFIG_HOME or ~/.config."},
    {"--context", "NAME", "Use this context instead of the current one."},
    {"--server", "HOST:PORT,...",
     "The node to ask: its mesh address, or unix:PATH. Of several the first that answers; each has "
     "--timeout to do so."},
    {"--identity", "FILE", "The operator's key, made by `vidaictl mesh init`."},
    {"--root", "FILE", "The mesh's public root, made by `vidaictl mesh init`."},
    {"--timeout", "TIME", "How long to wait, such as 500ms, 5s or 1m. Default: 5s."},
    {"-o,--output", "FORMAT",
     "table, wide, csv, json or yaml. Default: table. wide adds columns to lists and the links to "
     "the doctor's answer, csv has all columns of a list; elsewhere they are as table."},
    {"--no-headers", "", "Tables without their first line."},
    {"-h,--help", "", "Say what a command does and takes."},
    {"--version", "", "The same as `vidaictl version`."},
};

std::vector<Command> gather() {
    std::vector<Command> all;
    for (const auto& commands : {mesh_commands(),
                                 members_commands(),
                                 doctor_commands(),
                                 node_commands(),
                                 drain_commands(),
                                 key_commands(),
                                 limit_commands(),
                                 budget_commands(),
                                 budget_audit_commands(),
                                 budget_import_commands(),
                                 budget_top_up_commands(),
                                 usage_commands(),
                                 log_commands(),
                                 price_commands(),
                                 price_mesh_commands(),
                                 price_heal_commands(),
                                 budget_reconcile_commands(),
                                 config_commands(),
                                 completion_commands(),
                                 version_commands(),
                                 identity_commands(),
                                 revocations_commands(),
                                 rotate_commands()}) {
        all.insert(all.end(), commands.begin(), commands.end());
    }
    return all;
}

}  // namespace

std::string name_of(const Command& command) {
    std::string name(command.noun);
    if (!command.verb.empty()) name += " " + std::string(command.verb);
    return name;
}

std::string usage_of(const Command& command) {
    std::string usage = "vidaictl " + name_of(command);
    for (const std::string_view argument : command.arguments) usage += " " + std::string(argument);
    for (const Flag& flag : command.flags) {
        usage += (flag.needed ? " " : " [") + std::string(flag.name);
        if (!flag.value.empty()) usage += " " + std::string(flag.value);
        if (!flag.needed) usage += "]";
    }
    return usage;
}

const Kind* kind_of(const Command& command, std::string_view name) {
    const auto found = std::ranges::find(command.kinds, name, &Kind::name);
    return found == command.kinds.end() ? nullptr : &*found;
}

bool takes(const Kind& kind, const Flag& flag) {
    return std::ranges::find(kind.flags, long_name(flag)) != kind.flags.end();
}

bool has_optional_value(const Flag& flag) {
    return flag.value.starts_with('[');
}

std::string_view long_name(const Flag& flag) {
    return flag.name.substr(flag.name.find("--"));
}

std::span<const Command> all_commands() {
    static const std::vector<Command> all = gather();
    return all;
}

std::span<const Flag> global_flags() {
    return kGlobalFlags;
}

std::vector<std::string_view> nouns() {
    std::vector<std::string_view> found;
    for (const Command& command : all_commands()) {
        if (std::ranges::find(found, command.noun) == found.end()) found.push_back(command.noun);
    }
    return found;
}

std::vector<std::string_view> verbs_of(std::string_view noun) {
    std::vector<std::string_view> found;
    for (const Command& command : all_commands()) {
        if (command.noun == noun && !command.verb.empty()) found.push_back(command.verb);
    }
    return found;
}

}  // namespace vidai::cli::commands
