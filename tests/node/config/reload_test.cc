// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/config/load.h"
#include "schema/vocabulary/check.h"
#include "tests/node/config/sources.h"

namespace vidai::node::config {
namespace {

using testing::ElementsAre;

constexpr const char* kBase =
    "providers: {a: {base_url: 'http://h', api_key_env: K}}\n"
    "models: {x: [{provider: a, model: m, price: {input: 1usd, output: 1usd}}]}\n";

Config loaded(const std::string& text, const std::string& key = "k") {
    TestSources sources = with_file(text);
    sources.environment["K"] = key;
    Result<Config> config = sources.load_all();
    CHECK(config);
    return std::move(*config);
}

TEST(Reload, FindsNothingWhenNothingChanged) {
    EXPECT_THAT(diff(loaded(kBase), loaded(kBase))->changed, ElementsAre());
}

TEST(Reload, NamesWhatChanged) {
    const Config base = loaded(kBase);
    EXPECT_THAT(diff(base, loaded(std::string(kBase) + "log: {level: warn}\n"))->changed,
                ElementsAre("log.level"));
    EXPECT_THAT(
        diff(base, loaded("providers: {a: {base_url: 'http://h', api_key_env: K}}"))->changed,
        ElementsAre("models"));
    EXPECT_THAT(diff(base, loaded("listen: {body_timeout: 3s}"))->changed,
                ElementsAre("listen.body_timeout", "providers", "models"));
}

TEST(Reload, NoticesANewCredentialBehindTheSameName) {
    EXPECT_THAT(diff(loaded(kBase), loaded(kBase, "rotated"))->changed, ElementsAre("providers"));
}

TEST(Reload, NoticesANewPrice) {
    std::string dearer = kBase;
    dearer.replace(dearer.find("output: 1usd"), 12, "output: 2usd");
    EXPECT_THAT(diff(loaded(kBase), loaded(dearer))->changed, ElementsAre("models"));
}

TEST(Reload, RefusesWhatNeedsARestartAndNamesIt) {
    const Result<ReloadDiff> refused = diff(
        loaded(kBase), loaded(std::string(kBase) + "listen: {address: 0.0.0.0:81, workers: 3}\n"
                                                   "log: {level: warn}\n"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().param, "listen.address, listen.workers");
    EXPECT_THAT(refused.error().message, testing::HasSubstr("only a restart can change"));
}

}  // namespace
}  // namespace vidai::node::config
