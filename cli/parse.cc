// SPDX-License-Identifier: Apache-2.0
#include "cli/parse.h"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "cli/commands/command.h"
#include "schema/base/flag_advice.h"

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

bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// A number right behind a flag that may have one is the flag's: "-w 5" becomes "--watch=5", since
// CLI11 would leave it among the words, or take whatever stands there.
std::vector<std::string> with_numbers_bound(std::span<const char* const> arguments,
                                            std::span<const commands::Flag> flags) {
    std::vector<std::string> bound;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view word = arguments[i];
        const bool behind = i + 1 < arguments.size() && is_number(arguments[i + 1]);
        const auto named = std::ranges::find_if(flags, [&](const commands::Flag& flag) {
            return commands::has_optional_value(flag) &&
                   (word == commands::long_name(flag) ||
                    word == flag.name.substr(0, flag.name.find(',')));
        });
        if (!behind || named == flags.end()) {
            bound.emplace_back(word);
        } else {
            bound.push_back(std::string(commands::long_name(*named)) + "=" + arguments[++i]);
        }
    }
    return bound;
}

}  // namespace

Result<Line> parse_line(std::span<const char* const> arguments) {
    const std::vector<commands::Flag> flags = every_flag();
    Line line;
    CLI::App app;
    app.set_help_flag();
    app.add_option("words", line.words);
    std::map<std::string, bool, std::less<>> given;  // the flags without a value
    std::map<std::string, std::vector<std::string>> repeated;
    for (const commands::Flag& flag : flags) {
        const std::string name(commands::long_name(flag));
        if (flag.value.empty()) {
            app.add_flag(std::string(flag.name), given[name]);
        } else if (commands::has_optional_value(flag)) {
            app.add_flag(std::string(flag.name), line.flags[name]);
        } else if (flag.repeats) {
            app.add_option(std::string(flag.name), repeated[name])->allow_extra_args(false);
        } else {
            app.add_option(std::string(flag.name), line.flags[name])
                ->expected(1)
                ->allow_extra_args(false)
                ->multi_option_policy(CLI::MultiOptionPolicy::Throw);
        }
    }
    // CLI11 takes them last first.
    std::vector<std::string> words = with_numbers_bound(arguments, flags);
    std::ranges::reverse(words);
    try {
        app.parse(std::move(words));
    } catch (const CLI::ArgumentMismatch& error) {
        return fail(ErrorCode::kUsage, flag_miscounted(error.what()));
    } catch (const CLI::ParseError& error) {
        std::vector<std::string_view> names;
        for (const commands::Flag& flag : flags) names.push_back(commands::long_name(flag));
        return fail(ErrorCode::kUsage, with_near_flag(error.what(), names));
    }
    std::erase_if(line.flags, [&](const auto& entry) { return app.count(entry.first) == 0; });
    for (const auto& [name, values] : repeated) {
        if (values.empty()) continue;
        std::string& all = line.flags[name] = values.front();
        for (std::size_t i = 1; i < values.size(); ++i) all += "," + values[i];
    }
    for (const commands::Flag& flag : flags) {
        if (!commands::has_optional_value(flag)) continue;
        const auto bare = line.flags.find(commands::long_name(flag));
        if (bare != line.flags.end() && bare->second == "true") bare->second.clear();
    }
    for (const auto& [name, present] : given) {
        if (present) line.flags.emplace(name, "");
    }
    return line;
}

}  // namespace vidai::cli
