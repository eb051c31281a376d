// SPDX-License-Identifier: Apache-2.0
#include "cli/context/settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <utility>
#include <vector>

#include "schema/base/near.h"

namespace vidai::cli::context {
namespace {

constexpr std::pair<std::string_view, print::Output> kOutputs[] = {{"table", print::Output::kTable},
                                                                   {"wide", print::Output::kWide},
                                                                   {"csv", print::Output::kCsv},
                                                                   {"json", print::Output::kJson},
                                                                   {"yaml", print::Output::kYaml}};

Result<print::Output> parse_output(std::string_view text) {
    for (const auto& [name, output] : kOutputs) {
        if (name == text) return output;
    }
    return fail(ErrorCode::kUsage,
                "--output takes table, wide, csv, json or yaml, not '" + std::string(text) + "'",
                "--output");
}

std::string default_file(const std::function<std::string(const char*)>& variable) {
    if (std::string file = variable("VIDAICTL_CONFIG"); !file.empty()) return file;
    // A relative XDG_CONFIG_HOME is to be ignored (XDG Base Directory Specification 0.8).
    std::string base = variable("XDG_CONFIG_HOME");
    if (!base.starts_with('/')) base = variable("HOME") + "/.config";
    return base + "/vidai/config.yaml";
}

Result<void> check_server(const std::string& server, const std::string& source) {
    if (server.starts_with("unix:")) {
        if (server.size() > 5) return {};
    } else if (const std::size_t colon = server.rfind(':'); colon != std::string::npos) {
        const std::string_view host = std::string_view(server).substr(0, colon);
        const std::string_view digits = std::string_view(server).substr(colon + 1);
        unsigned port = 0;
        const auto [end, error] = std::from_chars(digits.begin(), digits.end(), port);
        const bool number = error == std::errc() && end == digits.end();
        const bool bare_v6 = host.find(':') != std::string_view::npos && !host.starts_with('[');
        if (!host.empty() && !bare_v6 && number && port >= 1 && port <= 65'535) return {};
    }
    return fail(ErrorCode::kUsage,
                "'" + server + "' (from " + source +
                    ") is not HOST:PORT, such as 127.0.0.1:7420 or [::1]:7420, nor unix:PATH",
                "--server");
}

// One, or several of which the first that answers is asked.
Result<void> check_servers(const std::string& servers, const std::string& source) {
    for (const std::string& server : each_server(servers)) {
        if (auto checked = check_server(server, source); !checked) return checked;
    }
    return {};
}

// kubectl's rule: what a file names is relative to the file.
std::string beside(const std::string& file, const std::string& path) {
    if (path.empty()) return path;
    return (std::filesystem::path(file).parent_path() / path).string();
}

std::string no_context(const Settings& settings, const ContextFile& file) {
    if (!file.contexts.empty()) {
        return "no current context in " + settings.file +
               ": choose one with 'vidaictl config use-context NAME', or give ";
    }
    return "no context in " + settings.file +
           ": make a mesh with 'vidaictl mesh init DIR', or give ";
}

}  // namespace

std::vector<std::string> each_server(const std::string& servers) {
    if (servers.starts_with("unix:")) return {servers};  // a path may have commas
    std::vector<std::string> each;
    std::size_t from = 0;
    for (;;) {
        const std::size_t comma = std::min(servers.find(',', from), servers.size());
        each.push_back(servers.substr(from, comma - from));
        if (comma == servers.size()) return each;
        from = comma + 1;
    }
}

Result<std::chrono::milliseconds> parse_timeout(std::string_view text) {
    constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {
        {"ms", 1}, {"s", 1'000}, {"m", 60'000}};
    constexpr std::int64_t kMax = 3'600'000;
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.begin(), text.end(), count);
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.begin()));
    for (const auto& [name, scale] : kUnits) {
        if (error != std::errc() || unit != name) continue;
        if (count < 1 || count > kMax / scale) break;
        return std::chrono::milliseconds(count * scale);
    }
    return fail(ErrorCode::kUsage,
                "--timeout takes a time from 1ms to 60m, such as 500ms or 5s, not '" +
                    std::string(text) + "'",
                "--timeout");
}

Result<Settings> read_settings(const FlagValues& flags,
                               const std::function<std::string(const char*)>& variable) {
    Settings settings;
    settings.file = default_file(variable);
    const std::array<std::pair<const char*, std::string*>, 5> texts = {
        {{"--config", &settings.file},
         {"--context", &settings.context},
         {"--server", &settings.flags.address},
         {"--identity", &settings.flags.identity_file},
         {"--root", &settings.flags.root_file}}};
    for (const auto& [name, text] : texts) {
        const auto given = flags.find(name);
        if (given == flags.end()) continue;
        if (given->second.empty()) {
            return fail(ErrorCode::kUsage, std::string(name) + " is empty", name);
        }
        *text = given->second;
    }
    if (!settings.flags.address.empty()) {
        auto checked = check_servers(settings.flags.address, "--server");
        if (!checked) return fail(std::move(checked).error());
    }
    if (const auto given = flags.find("--timeout"); given != flags.end()) {
        const auto timeout = parse_timeout(given->second);
        if (!timeout) return fail(timeout.error());
        settings.timeout = *timeout;
    }
    if (const auto given = flags.find("--output"); given != flags.end()) {
        const auto output = parse_output(given->second);
        if (!output) return fail(output.error());
        settings.output = *output;
    }
    settings.headers = !flags.contains("--no-headers");
    return settings;
}

Result<const Context*> chosen(const Settings& settings, const ContextFile& file) {
    const std::string& name = settings.context.empty() ? file.current : settings.context;
    if (name.empty()) return nullptr;
    const Context* const found = file.find(name);
    if (found != nullptr) return found;
    std::vector<std::string_view> names;
    for (const Context& context : file.contexts) names.push_back(context.name);
    return fail(ErrorCode::kNotFound,
                "no context '" + name + "' in " + settings.file + suggestion(name, names),
                "--context");
}

Result<Resolved> resolve(const Settings& settings, const ContextFile& file) {
    Resolved resolved{settings.flags, "--server"};
    mesh::OperatorTarget& target = resolved.target;
    const bool local = target.address.starts_with("unix:");
    const bool whole = !target.address.empty() &&
                       (local || (!target.identity_file.empty() && !target.root_file.empty()));
    // Flags that say everything need no context, not even a current one that is gone.
    if (whole && settings.context.empty()) return resolved;
    const Result<const Context*> context = chosen(settings, file);
    if (!context) return fail(context.error());
    if (*context != nullptr) {
        if (target.address.empty()) {
            target.address = (*context)->server;
            resolved.source = "context '" + (*context)->name + "'";
        }
        if (target.identity_file.empty()) {
            target.identity_file = beside(settings.file, (*context)->identity);
        }
        if (target.root_file.empty()) {
            target.root_file = beside(settings.file, (*context)->root);
        }
    }
    std::vector<std::string_view> missing;
    if (target.address.empty()) missing.push_back("--server");
    if (!target.address.starts_with("unix:")) {
        if (target.identity_file.empty()) missing.push_back("--identity");
        if (target.root_file.empty()) missing.push_back("--root");
    }
    if (!missing.empty()) {
        std::string list;
        for (const std::string_view flag : missing) {
            list += (list.empty() ? "" : " and ") + std::string(flag);
        }
        if (*context == nullptr) {
            return fail(ErrorCode::kUsage, no_context(settings, file) + list, list);
        }
        return fail(ErrorCode::kUsage,
                    "context '" + (*context)->name + "' in " + settings.file +
                        " does not say everything: give " + list,
                    list);
    }
    if (auto checked = check_servers(target.address, resolved.source); !checked) {
        return fail(std::move(checked).error());
    }
    return resolved;
}

}  // namespace vidai::cli::context
