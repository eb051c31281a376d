// SPDX-License-Identifier: Apache-2.0
// What the global flags and the chosen context say together: a flag wins over the context, the
// context over nothing. Pure; any thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/context/context_file.h"
#include "cli/print/answer.h"
#include "mesh/operator.h"
#include "schema/vocabulary/result.h"

namespace vidai::cli::context {

using FlagValues = std::map<std::string, std::string, std::less<>>;

struct Settings {
    std::string file;     // of the contexts
    std::string context;  // --context; empty: the current one
    mesh::OperatorTarget flags;
    std::chrono::milliseconds timeout{5'000};
    print::Output output = print::Output::kTable;
    bool headers = true;
};

// kUsage with the flag at fault.
Result<Settings> read_settings(const FlagValues& flags,
                               const std::function<std::string(const char*)>& variable);

// "500ms", "5s", "1m": from 1 ms to one hour. kUsage.
Result<std::chrono::milliseconds> parse_timeout(std::string_view text);

// "a:1,b:1" to its parts; a unix:PATH is one.
std::vector<std::string> each_server(const std::string& servers);

struct Resolved {
    mesh::OperatorTarget target;  // its address perhaps several, as each_server() takes them apart
    std::string source;  // "--server" or "context 'admin@...'": where the address came from
};

// kUsage when something is missing, kNotFound for an unknown context; both say what to do.
Result<Resolved> resolve(const Settings& settings, const ContextFile& file);

// The context that --context or the file names; nullptr: neither does. kNotFound.
Result<const Context*> chosen(const Settings& settings, const ContextFile& file);

}  // namespace vidai::cli::context
