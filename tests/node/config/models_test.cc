// SPDX-License-Identifier: Apache-2.0
// Providers, their credentials, and the aliases that name them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/config/load.h"
#include "tests/node/config/sources.h"

namespace vidai::node::config {
namespace {

using testing::HasSubstr;

constexpr const char* kTwo =
    "models:\n"
    "  fast:\n"
    "    - {provider: b, model: m1, price: {input: 0.15usd, output: 2usd}}\n"
    "    - split:\n"
    "        - {provider: a, model: m2, weight: 3}\n"
    "        - {provider: b, model: m3}\n"
    "providers:\n"
    "  a: {base_url: 'http://127.0.0.1:9000/v1/'}\n"
    "  b:\n"
    "    base_url: https://example.com\n"
    "    timeouts: {connect: 250ms}\n";

TEST(Models, BecomeGroupsInTheOrderWritten) {
    const Result<Config> config = load_text(kTwo);
    ASSERT_TRUE(config) << config.error().message;
    ASSERT_EQ(config->providers.size(), 2u);
    const providers::Provider &a = config->providers[0], &b = config->providers[1];
    EXPECT_EQ(a.name, "a");
    EXPECT_EQ(a.host, "127.0.0.1");
    EXPECT_EQ(a.port, 9000);
    EXPECT_EQ(a.path_prefix, "/v1");
    EXPECT_FALSE(a.tls);
    EXPECT_TRUE(b.tls);
    EXPECT_EQ(b.port, 443);
    EXPECT_EQ(b.path_prefix, "");
    EXPECT_EQ(b.timeouts.connect, std::chrono::milliseconds(250));

    ASSERT_EQ(config->route.aliases.size(), 1u);
    const auto& groups = config->route.aliases[0].groups;
    ASSERT_EQ(groups.size(), 2u);
    ASSERT_EQ(groups[0].size(), 1u);
    EXPECT_EQ(groups[0][0].provider, 1);
    EXPECT_EQ(groups[0][0].model, "m1");
    EXPECT_TRUE(groups[0][0].own_price.known);
    EXPECT_EQ(groups[0][0].own_price.input.value, 150'000);
    EXPECT_EQ(groups[0][0].own_price.cached_input.value, 150'000);  // as input when left out
    EXPECT_EQ(groups[0][0].own_price.output.value, 2'000'000);
    ASSERT_EQ(groups[1].size(), 2u);
    EXPECT_EQ(groups[1][0].weight, 3u);
    EXPECT_FALSE(groups[1][0].own_price.known);
}

TEST(Models, NameOnlyProvidersThatExist) {
    EXPECT_EQ(refusal("providers: {openai: {base_url: 'http://h'}}\n"
                      "models: {fast: [{provider: opnai, model: m}]}\n"),
              "vidai.yaml:2: models.fast[0].provider: there is no provider 'opnai'; did you mean "
              "'openai'?");
}

TEST(Models, RefuseWhatSaysNothing) {
    const std::string head = "providers: {a: {base_url: 'http://h'}}\nmodels:\n  ";
    EXPECT_THAT(refusal(head + "x: []"), HasSubstr("vidai.yaml:3: models.x: expected a list"));
    EXPECT_THAT(refusal(head + "x:"), HasSubstr("models.x: expected a list"));
    EXPECT_THAT(refusal(head + "x: [a]"), HasSubstr("models.x[0]: expected a map"));
    EXPECT_THAT(refusal(head + "x: [{provider: a}]"), HasSubstr("models.x[0]: model is missing"));
    EXPECT_THAT(refusal(head + "x: [{model: a}]"), HasSubstr("models.x[0]: provider is missing"));
    EXPECT_THAT(refusal(head + "x: [{split: []}]"),
                HasSubstr("models.x[0].split: expected a list"));
    EXPECT_THAT(refusal(head + "x: [{provider: a, model: m, weight: 2}]"),
                HasSubstr("weight has a meaning only within a split"));
    EXPECT_THAT(refusal(head + "x: [{split: [{provider: a, model: m, weight: 0}]}]"),
                HasSubstr("models.x[0].split[0].weight: expected a whole number from 1 to 1000"));
    EXPECT_THAT(refusal(head + "x: [{provider: a, model: m, split: []}]"),
                HasSubstr("split stands alone"));
    EXPECT_THAT(refusal(head + "'a b': [{provider: a, model: m}]"), HasSubstr("no spaces"));
}

TEST(Models, WantExactPrices) {
    const std::string head =
        "providers: {a: {base_url: 'http://h'}}\n"
        "models: {x: [{provider: a, model: m, price: ";
    EXPECT_EQ(refusal(head + "{input: 1usd, output: 0.000001usd}}]}"), "accepted");
    EXPECT_THAT(refusal(head + "{input: 1usd, output: 0.0000001usd}}]}"),
                HasSubstr("expected a price"));
    EXPECT_THAT(refusal(head + "{input: 1, output: 1usd}}]}"), HasSubstr("expected a price"));
    EXPECT_THAT(refusal(head + "{input: 1usd}}]}"), HasSubstr("output is missing"));
    EXPECT_THAT(refusal(head + "3usd}]}"), HasSubstr("expected a map of options"));
}

TEST(Providers, TakeTheirKeyFromAVariableAFileOrTheText) {
    TestSources sources = with_file(
        "providers:\n"
        "  a: {base_url: 'https://h', api_key_env: KEY_A}\n"
        "  b: {base_url: 'https://h', api_key_file: key_b}\n"
        "  c: {base_url: 'https://h', api_key: key-c}\n");
    sources.environment["KEY_A"] = "key-a";
    sources.files["key_b"] = "key-b\r\n";
    const Result<Config> config = sources.load_all();
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->providers[0].credential.reveal(), "key-a");
    EXPECT_EQ(config->providers[1].credential.reveal(), "key-b");
    EXPECT_EQ(config->providers[2].credential.reveal(), "key-c");
    EXPECT_THAT(config->warnings,
                testing::ElementsAre(HasSubstr("vidai.yaml:4: providers.c.api_key is written")));
}

TEST(Providers, SayWhatIsWrongWithAKeyAndNeverTheKey) {
    TestSources sources = with_file("providers: {a: {base_url: 'https://h', api_key_env: KEY_A}}");
    EXPECT_EQ(sources.load_all().error().message,
              "vidai.yaml:1: providers.a.api_key_env: the environment variable KEY_A is not set; "
              "set it, or leave api_key_env out if the provider needs no key");
    sources.environment["KEY_A"] = "canary-1\nX-Injected: yes";
    EXPECT_THAT(sources.load_all().error().message, HasSubstr("expected one line"));
    EXPECT_THAT(sources.load_all().error().message, testing::Not(HasSubstr("canary")));
    EXPECT_THAT(
        refusal("providers: {a: {base_url: 'https://h', api_key: \"canary-2\\n\"}}"),
        testing::AllOf(HasSubstr("api_key: expected a secret"), testing::Not(HasSubstr("canary"))));
    EXPECT_THAT(refusal("providers: {a: {base_url: 'https://h', api_key: x, api_key_env: Y}}"),
                HasSubstr("set only one of"));
}

TEST(Providers, WarnWhenAKeyWouldTravelUnencrypted) {
    TestSources sources = with_file(
        "providers: {a: {base_url: 'http://h', api_key_env: K},"
        " b: {base_url: 'http://localhost:1', api_key_env: K}}");
    sources.environment["K"] = "k";
    const Result<Config> config = sources.load_all();
    ASSERT_TRUE(config);
    EXPECT_THAT(config->warnings, testing::ElementsAre(HasSubstr("providers.a: the API key")));
}

TEST(Providers, NeedABaseUrl) {
    EXPECT_EQ(refusal("providers: {a: {}}"), "vidai.yaml:1: providers.a: base_url is missing");
    EXPECT_THAT(refusal("providers: {a: {base_url: ftp://x}}"), HasSubstr("https:// with a host"));
    EXPECT_THAT(refusal("providers: {A: {base_url: 'http://h'}}"), HasSubstr("a-z, 0-9"));
    EXPECT_THAT(refusal("providers: {a: {base_url: 'http://h', timeouts: {connct: 1s}}}"),
                HasSubstr("providers.a.timeouts.connct: unknown key; did you mean 'connect'?"));
}

}  // namespace
}  // namespace vidai::node::config
