// SPDX-License-Identifier: Apache-2.0
#include "node/config/reference.h"

#include "node/config/option_table.h"

namespace vidai::node::config {
namespace {

std::string code(const std::string& text) {
    return text.empty() ? "" : "`" + text + "`";
}

template <class Owner>
std::string row(const Option<Owner>& option, const std::string& prefix, bool sources) {
    Owner defaults{};
    const Slot slot = option.slot(defaults);
    std::string text = "| " + code(prefix + std::string(option.path)) + " | " +
                       code(print_value(slot)) + " | " + expected_value(option.bounds, slot) +
                       " | ";
    if (sources) {
        text += code(variable_name(option.path)) + " | " + code(std::string(option.flag)) + " | ";
        text += option.applies == Applies::kAtStart ? "restart | " : "reload | ";
    }
    return text + std::string(option.doc) + " |\n";
}

constexpr std::string_view kIntro = R"(# Configuration

Generated from `node/config/option_table.cc`; do not edit. `docs/examples/vidai.yaml` is the same
as a file to start from.

A value is taken from the first of: its flag, its variable, the file that `<variable>_FILE` names,
the YAML file (`--config FILE` or `VIDAI_CONFIG`), the default. An empty variable counts as absent;
a list in a variable is separated by commas; one newline at the end of such a file is ignored, as in
`api_key_file`. Relative paths are relative to the working directory.
The file is at most 1 MiB, 32 levels deep, without anchors, aliases, merge keys or tags; an
unknown or repeated key is an error. *Reload* options change on SIGHUP, *restart* options only at
the next start: a reload that would change one is refused as a whole.

## The node

| option | default | value | variable | flag | changes by | meaning |
|---|---|---|---|---|---|---|
)";

constexpr std::string_view kProviders = R"(
## `providers`

A map from a name of your choice (a-z, 0-9, `-`, `_`, `.`) to where that provider is. All of it
changes by reload.

| option | default | value | meaning |
|---|---|---|---|
)";

constexpr std::string_view kModels = R"(
## `models`

A map from an alias, which is what clients ask for, to a list of targets that are tried in this
order. In place of a target, `split: [...]` shares the requests between several by weight. All of
it changes by reload. A target without a price counts tokens but no money.

| option | default | value | meaning |
|---|---|---|---|
)";

}  // namespace

std::string config_markdown() {
    std::string text(kIntro);
    for (const auto& option : node_options()) text += row(option, "", true);
    text += kProviders;
    for (const auto& option : provider_options()) text += row(option, "providers.<name>.", false);
    text += kModels;
    for (const auto& option : target_options()) text += row(option, "models.<alias>[].", false);
    return text;
}

}  // namespace vidai::node::config
