// SPDX-License-Identifier: Apache-2.0
// docs/examples/vidai.yaml: it loads, it names every option, and what it says of the node itself
// is what a node does without a file.
#include <fstream>
#include <iterator>
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/config/load.h"
#include "node/config/option_table.h"
#include "tests/node/config/sources.h"

namespace vidai::node::config {
namespace {

std::string example() {
    std::ifstream in(VIDAI_SOURCE_DIR "/docs/examples/vidai.yaml");
    return {std::istreambuf_iterator<char>(in), {}};
}

Result<Config> load_example(const std::string& text) {
    TestSources sources = with_file(text);
    sources.environment["OPENAI_API_KEY"] = "key";
    sources.files["/run/secrets/local_api_key"] = "key";
    sources.files["/etc/vidai/rates.yaml"] =
        "prices: [{provider: openai, model: gpt-4o-mini, input: 0.15usd, output: 0.6usd}]";
    return sources.load_all();
}

// The same with every commented option switched on: "# key: value" becomes "key: value".
std::string uncommented() {
    return std::regex_replace(example(), std::regex("(^|\n)( *)# ([a-z_]+: )"), "$1$2$3");
}

TEST(Example, LoadsWithoutAWarning) {
    const Result<Config> config = load_example(example());
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_TRUE(config->warnings.empty());
    EXPECT_EQ(config->providers.size(), 2u);
    EXPECT_EQ(config->route.aliases.size(), 2u);
}

TEST(Example, StatesTheBuiltInDefaults) {
    Config example_config = *load_example(example());
    Config defaults;
    for (const auto& option : node_options()) {
        EXPECT_EQ(print_value(option.slot(example_config)), print_value(option.slot(defaults)))
            << option.path;
    }
    ProviderDraft stated{example_config.providers[0], {}, {}, {}}, built_in;
    for (const auto& option : provider_options()) {
        if (option.path == "base_url" || option.path == "api_key") continue;
        EXPECT_EQ(print_value(option.slot(stated)), print_value(option.slot(built_in)))
            << option.path;
    }
}

TEST(Example, LoadsWithEveryCommentedOptionSwitchedOn) {
    const Result<Config> config = load_example(uncommented());
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_TRUE(config->mesh.enabled);
    EXPECT_EQ(config->providers[1].credential.reveal(), "key");
}

TEST(Example, NamesEveryOption) {
    const std::string text = uncommented();
    const auto expect_named = [&](std::string_view path) {
        const std::string key(path.substr(path.rfind('.') + 1));
        EXPECT_TRUE(std::regex_search(text, std::regex("[\\n{ ]" + key + ": ")) ||
                    text.find("`" + key + "`") != std::string::npos)
            << path;
    };
    for (const auto& option : node_options()) expect_named(option.path);
    for (const auto& option : provider_options()) expect_named(option.path);
    for (const auto& option : target_options()) expect_named(option.path);
}

}  // namespace
}  // namespace vidai::node::config
