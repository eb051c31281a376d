// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "node/config/option_table.h"
#include "node/config/reader.h"
#include "schema/base/near.h"

namespace vidai::node::config {
namespace {

// An empty variable is how compose files and charts say "not set".
const std::string* lookup(const Sources& sources, const std::string& name) {
    const auto at = sources.environment.find(name);
    return at == sources.environment.end() || at->second.empty() ? nullptr : &at->second;
}

void assign(Reading& reading, const Option<Config>& option, const std::string& where,
            const std::string& text) {
    const Slot slot = option.slot(reading.config);
    if (!parse_value(text, option.bounds, slot)) {
        return reading.problems.add(
            where, option.path,
            "expected " + expected_value(option.bounds, slot) + found(option.path, slot, text));
    }
    reading.origins.set(option.path, where);
}

void read_variable_file(Reading& reading, const Option<Config>& option, const std::string& name,
                        const std::string& file) {
    Result<std::string> text = reading.sources.read_file(file, kSecretBytesMax);
    if (!text) return reading.problems.add(name, option.path, text.error().message);
    // A file ends with the end of a line, in whichever way, or several.
    while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
    if (text->empty()) {
        return reading.problems.add(name, option.path, "the file " + file + " is empty");
    }
    assign(reading, option, name, *text);
}

// A VIDAI_ variable that is nearly one of ours is a mistake worth a word. Not an error: in
// Kubernetes a Service called "vidai" puts VIDAI_PORT and the like into every pod.
void warn_near_misses(Reading& reading, const std::vector<std::string>& known) {
    const std::vector<std::string_view> names(known.begin(), known.end());
    for (const auto& [name, value] : reading.sources.environment) {
        if (!name.starts_with("VIDAI_")) continue;
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        const std::string_view near = nearest(name, names);
        if (near.empty()) continue;
        reading.config.warnings.push_back("the variable " + name + " is not read; did you mean " +
                                          std::string(near) + "?");
    }
}

}  // namespace

void read_environment(Reading& reading) {
    std::vector<std::string> known = {"VIDAI_CONFIG"};
    for (const Option<Config>& option : node_options()) {
        const std::string name = variable_name(option.path);
        const std::string file_name = name + "_FILE";
        known.push_back(name);
        known.push_back(file_name);
        const std::string* text = lookup(reading.sources, name);
        const std::string* file = lookup(reading.sources, file_name);
        if (text != nullptr && file != nullptr) {
            reading.problems.add(name, option.path, "set it or " + file_name + ", not both");
        } else if (text != nullptr) {
            assign(reading, option, name, *text);
        } else if (file != nullptr) {
            read_variable_file(reading, option, file_name, *file);
        }
    }
    warn_near_misses(reading, known);
}

void read_flags(Reading& reading) {
    for (const Option<Config>& option : node_options()) {
        const auto at = reading.sources.flags.options.find(std::string(option.path));
        if (at == reading.sources.flags.options.end()) continue;
        std::string text;
        for (const std::string& use : at->second) text += (text.empty() ? "" : ",") + use;
        assign(reading, option, std::string(option.flag), text);
    }
}

}  // namespace vidai::node::config
