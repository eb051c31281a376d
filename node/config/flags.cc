// SPDX-License-Identifier: Apache-2.0
#include "node/config/flags.h"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "node/config/option_table.h"
#include "schema/base/flag_advice.h"

namespace vidai::node::config {
namespace {

constexpr std::chrono::hours kClockOffsetMax{24 * 3'650};

constexpr std::string_view kOwnFlags[] = {"--config", "--check-config", "--clock-offset",
                                          "--version", "--help"};

std::vector<std::string_view> all_flags() {
    std::vector<std::string_view> names(std::begin(kOwnFlags), std::end(kOwnFlags));
    for (const Option<Config>& option : node_options()) {
        if (!option.flag.empty()) names.push_back(option.flag);
    }
    return names;
}

// What stands for a value in --help.
std::string placeholder(const Option<Config>& option) {
    Config defaults;
    const Slot slot = option.slot(defaults);
    if (std::holds_alternative<BindSlot>(slot)) return "ADDRESS:PORT";
    if (std::holds_alternative<std::vector<std::string>*>(slot)) return "HOST:PORT";
    if (std::holds_alternative<std::uint32_t*>(slot)) return "N";
    if (std::holds_alternative<observe::LogLevel*>(slot)) return "LEVEL";
    if (std::holds_alternative<observe::LogFormat*>(slot)) return "FORMAT";
    if (option.path.ends_with("_dir")) return "DIR";
    if (option.path.ends_with("_file")) return "FILE";
    return "TEXT";
}

// Words of `text` in lines of at most 60 characters, the second and further ones indented.
std::string wrapped(std::string_view text) {
    constexpr std::size_t kWidth = 60;
    std::string out;
    std::size_t column = 0;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        if (column > 0 && column + 1 + word.size() > kWidth) {
            out += "\n" + std::string(32, ' ');
            column = 0;
        }
        out += (column > 0 ? " " : "") + std::string(word);
        column += word.size() + (column > 0 ? 1 : 0);
        text.remove_prefix(std::min(text.size(), word.size() + 1));
    }
    return out;
}

std::string help_line(const std::string& flag, std::string_view doc) {
    std::string line = "  " + flag;
    line += line.size() < 31 ? std::string(32 - line.size(), ' ') : "\n" + std::string(32, ' ');
    return line + wrapped(doc) + "\n";
}

// A duration, with a minus for the past.
bool parse_offset(std::string_view text, std::chrono::milliseconds& offset) {
    constexpr Bounds kBounds{0, std::chrono::milliseconds(kClockOffsetMax).count()};
    const bool back = text.starts_with('-');
    std::chrono::milliseconds size{};
    if (!parse_value(text.substr(back ? 1 : 0), kBounds, Slot(&size))) return false;
    offset = back ? -size : size;
    return true;
}

std::unexpected<Error> misused(const std::string& what) {
    return fail(ErrorCode::kUsage, what + "\nRun 'vidaid --help' for what it takes.");
}

}  // namespace

Result<Flags> parse_flags(std::span<const char* const> arguments) {
    Flags flags;
    CLI::App app;
    app.set_help_flag();
    app.add_flag("--help,-h", flags.help);
    app.add_flag("--version", flags.version);
    app.add_flag("--check-config", flags.check_config);
    std::string offset;
    app.add_option("--clock-offset", offset)->expected(1)->allow_extra_args(false);
    app.add_option("--config,-c", flags.config_file)->expected(1);
    for (const Option<Config>& option : node_options()) {
        if (option.flag.empty()) continue;
        Config defaults;
        const Slot slot = option.slot(defaults);
        const bool many = std::holds_alternative<std::vector<std::string>*>(slot);
        auto* added =
            app.add_option(std::string(option.flag), flags.options[std::string(option.path)]);
        added->expected(1)->allow_extra_args(false);
        added->multi_option_policy(many ? CLI::MultiOptionPolicy::TakeAll
                                        : CLI::MultiOptionPolicy::Throw);
    }
    // CLI11 takes them last first.
    std::vector<std::string> words(arguments.rbegin(), arguments.rend());
    for (const std::string& word : words)
        flags.help = flags.help || word == "--help" || word == "-h";
    if (flags.help) return flags;
    try {
        app.parse(std::move(words));
    } catch (const CLI::ArgumentMismatch& error) {
        return misused(flag_miscounted(error.what()));
    } catch (const CLI::ParseError& error) {
        return misused(with_near_flag(error.what(), all_flags()));
    }
    if (!offset.empty() && !parse_offset(offset, flags.clock_offset)) {
        return misused("--clock-offset: '" + offset +
                       "' is not a duration of at most 10 years, such as 30s or -5m");
    }
    for (const Option<Config>& option : node_options()) {
        const auto given = flags.options.find(std::string(option.path));
        if (given == flags.options.end() || !std::ranges::count(given->second, "")) continue;
        return misused(std::string(option.flag) +
                       " is empty, as an unset variable of a shell is: give it a value, or leave "
                       "the flag out for the default");
    }
    std::erase_if(flags.options, [](const auto& entry) { return entry.second.empty(); });
    return flags;
}

std::string help_text() {
    std::string text =
        "vidaid: one node of a Vidai mesh, the gateway between AI clients and providers.\n"
        "\n"
        "Usage: vidaid [--config FILE] [options]\n"
        "\n"
        "Without a file it serves health checks and an empty list of models. Start from\n"
        "docs/examples/vidai.yaml, which explains every option; any of them can also be set\n"
        "by a variable (listen.address: VIDAI_LISTEN_ADDRESS, or VIDAI_LISTEN_ADDRESS_FILE for\n"
        "a file that holds the value). Flags win over variables, variables over the file.\n"
        "\n"
        "Options:\n";
    text += help_line("-c, --config FILE", "The YAML file to read. Also: VIDAI_CONFIG.");
    text += help_line("--check-config", "Read everything, say what is wrong, and end.");
    text += help_line("--clock-offset TIME",
                      "For tests only: add this to the time of day that the node goes by, as 30s "
                      "or -5m; its log keeps the system's.");
    for (const Option<Config>& option : node_options()) {
        if (option.flag.empty()) continue;
        Config defaults;
        const Slot slot = option.slot(defaults);
        const std::string initial = print_value(slot);
        std::string doc(option.doc);
        if (std::holds_alternative<std::vector<std::string>*>(slot)) doc += " May be repeated.";
        if (!initial.empty()) doc += " (default " + initial + ")";
        text += help_line(std::string(option.flag) + " " + placeholder(option), doc);
    }
    text += help_line("--version", "Revision, build type and wire versions.");
    text += help_line("-h, --help", "This text.");
    text +=
        "\nSignals: SIGHUP reads the configuration again; SIGTERM drains and ends.\n"
        "Exit status: 0 done, 1 failed, 2 wrong command line.\n";
    return text;
}

bool is_option(std::string_view param) {
    if (param.starts_with("--") || param.starts_with("VIDAI_")) return true;
    if (param.starts_with("providers.") || param.starts_with("models.")) return true;
    return std::ranges::any_of(node_options(),
                               [&](const auto& option) { return option.path == param; });
}

}  // namespace vidai::node::config
