// SPDX-License-Identifier: Apache-2.0
// A command as a value: what --help, the completion and the reference page say about it, and the
// function that runs it. One file per noun returns its commands; all.cc lists the nouns. To add a
// command: a row in its noun's file, or a new file and a line in all.cc. Main thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/print/answer.h"
#include "schema/vocabulary/result.h"

namespace vidai::cli {
class Call;
}

namespace vidai::cli::commands {

struct Flag {
    std::string_view name;   // "--rpm", or "-o,--output"
    std::string_view value;  // what stands for it in help; empty: it takes none; "[X]": it may
    std::string_view doc;
    bool needed = false;   // shown without brackets; the command asks for it
    bool repeats = false;  // may be given several times; then its values stand with commas between
};

// What the first argument may be, where the rest depends on it.
struct Kind {
    std::string_view name;
    std::string_view doc;                     // a sentence
    std::vector<std::string_view> arguments;  // behind it
    std::vector<std::string_view> flags;      // those of the command that it takes, long names
};

struct Command {
    std::string_view noun;
    std::string_view verb;                    // empty: the noun alone is the command
    std::string_view doc;                     // a sentence
    std::vector<std::string_view> arguments;  // all are needed but for "[LAST]"
    std::vector<Flag> flags;
    Result<print::Answer> (*run)(Call& call);
    std::vector<Kind> kinds{};
};
// nullptr: it has no such one.
const Kind* kind_of(const Command& command, std::string_view name);
bool takes(const Kind& kind, const Flag& flag);

std::string name_of(const Command& command);   // "mesh init"
std::string usage_of(const Command& command);  // "vidaictl mesh init DIR [--operator NAME]"
std::string_view long_name(const Flag& flag);  // "--output"
bool has_optional_value(const Flag& flag);     // a whole number right behind it, or nothing

std::span<const Command> all_commands();
std::span<const Flag> global_flags();  // before or after the noun and the verb
std::vector<std::string_view> nouns();
std::vector<std::string_view> verbs_of(std::string_view noun);

// One function per file.
std::vector<Command> mesh_commands();
std::vector<Command> node_commands();
std::vector<Command> key_commands();
std::vector<Command> limit_commands();
std::vector<Command> budget_commands();
std::vector<Command> budget_audit_commands();
std::vector<Command> budget_import_commands();
std::vector<Command> budget_top_up_commands();
std::vector<Command> usage_commands();  // of the nouns usage and budget
std::vector<Command> log_commands();
std::vector<Command> price_commands();
std::vector<Command> price_mesh_commands();
std::vector<Command> price_heal_commands();
std::vector<Command> budget_reconcile_commands();
std::vector<Command> config_commands();
std::vector<Command> completion_commands();
std::vector<Command> version_commands();
std::vector<Command> identity_commands();     // of the nouns mesh and node
std::vector<Command> revocations_commands();  // of the noun mesh
std::vector<Command> rotate_commands();       // of the noun mesh
std::vector<Command> members_commands();      // of the noun mesh
std::vector<Command> doctor_commands();       // of the noun mesh
std::vector<Command> drain_commands();        // of the nouns mesh and node

}  // namespace vidai::cli::commands
