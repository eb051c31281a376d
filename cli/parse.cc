// SPDX-License-Identifier: Apache-2.0
#include "cli/parse.h"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "cli/commands/command.h"
#include "schema/base/near.h"

namespace vidai::cli {
namespace {

std::vector<commands::Flag> every_flag() {
    std::vector<commands::Flag> flags(commands::global_flags().begin(),
                                      commands::global_flags().end());
    for (const commands::Command& command : commands::all_commands()) {
        for (const commands::Flag& flag : command.flags) {
            const bool known = std::ranges::any_of(
                flags, [&](const commands::Flag& f) { return f.name == flag.name; });
            if (!known) flags.push_back(flag);
        }
    }
    return flags;
}

// CLI11 names what it did not understand last: "... not expected: --outptu". Compared without the
// dashes, which all have and which would make every short name look near.
std::string mended(const std::string& message, std::span<const commands::Flag> flags) {
    const std::size_t dashes = message.find("--");
    if (dashes == std::string::npos) return message;
    std::vector<std::string_view> names;
    for (const commands::Flag& flag : flags) names.push_back(commands::long_name(flag).substr(2));
    const std::size_t end = message.find_first_of(" =:,", dashes);
    const std::string_view typed = std::string_view(message).substr(dashes, end - dashes);
    const std::string_view near = nearest(typed.substr(2), names);
    return near.empty() ? message : message + "; did you mean --" + std::string(near) + "?";
}

// "--rpm: At Most 1 required but received 2", or "--rpm: 1 required TEXT missing".
std::string miscounted(const std::string& message) {
    const std::string name = message.substr(0, message.find(':'));
    const bool twice = message.find("received") != std::string::npos;
    return name + (twice ? " is given more than once" : " needs a value");
}

}  // namespace

Result<Line> parse_line(std::span<const char* const> arguments) {
    const std::vector<commands::Flag> flags = every_flag();
    Line line;
    CLI::App app;
    app.set_help_flag();
    app.add_option("words", line.words);
    std::map<std::string, bool, std::less<>> given;  // the flags without a value
    for (const commands::Flag& flag : flags) {
        const std::string name(commands::long_name(flag));
        if (flag.value.empty()) {
            app.add_flag(std::string(flag.name), given[name]);
        } else {
            app.add_option(std::string(flag.name), line.flags[name])
                ->expected(1)
                ->allow_extra_args(false)
                ->multi_option_policy(CLI::MultiOptionPolicy::Throw);
        }
    }
    // CLI11 takes them last first.
    std::vector<std::string> words(arguments.rbegin(), arguments.rend());
    try {
        app.parse(std::move(words));
    } catch (const CLI::ArgumentMismatch& error) {
        return fail(ErrorCode::kUsage, miscounted(error.what()));
    } catch (const CLI::ParseError& error) {
        return fail(ErrorCode::kUsage, mended(error.what(), flags));
    }
    std::erase_if(line.flags, [&](const auto& entry) { return app.count(entry.first) == 0; });
    for (const auto& [name, present] : given) {
        if (present) line.flags.emplace(name, "");
    }
    return line;
}

}  // namespace vidai::cli
