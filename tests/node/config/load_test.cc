// SPDX-License-Identifier: Apache-2.0
#include "node/config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/config/option_table.h"
#include "tests/node/config/sources.h"

namespace vidai::node::config {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

TEST(Load, GivesAWorkingNodeFromNothing) {
    const Result<Config> config = TestSources().load_all();
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->listen.port, 8080);
    EXPECT_EQ(config->admin.address, "127.0.0.1");
    EXPECT_FALSE(config->mesh.enabled);
    EXPECT_TRUE(config->providers.empty());
    EXPECT_TRUE(config->warnings.empty());
}

TEST(Load, PrefersFlagThenVariableThenFile) {
    TestSources sources = with_file("log: {level: error}\nlisten: {address: '127.0.0.1:1'}\n");
    EXPECT_EQ(sources.load_all()->log.level, observe::LogLevel::kError);
    sources.environment["VIDAI_LOG_LEVEL"] = "warn";
    EXPECT_EQ(sources.load_all()->log.level, observe::LogLevel::kWarn);
    sources.flags.options["log.level"] = {"debug"};
    EXPECT_EQ(sources.load_all()->log.level, observe::LogLevel::kDebug);
    EXPECT_EQ(sources.load_all()->listen.port, 1);
}

TEST(Load, ReadsTheFileThatAVariableNames) {
    TestSources sources;
    sources.files["/run/id"] = "node-7\n";
    sources.environment["VIDAI_MESH_NODE_ID_FILE"] = "/run/id";
    EXPECT_EQ(sources.load_all()->mesh.node_id, "node-7");
    sources.environment["VIDAI_MESH_NODE_ID"] = "node-8";
    EXPECT_EQ(sources.load_all().error().message,
              "VIDAI_MESH_NODE_ID: mesh.node_id: set it or VIDAI_MESH_NODE_ID_FILE, not both");
    sources.environment["VIDAI_MESH_NODE_ID"] = "";  // empty counts as absent
    EXPECT_EQ(sources.load_all()->mesh.node_id, "node-7");
    sources.files["/run/id"] = "node-7\r\n\n";  // by another system's editor
    EXPECT_EQ(sources.load_all()->mesh.node_id, "node-7");
    sources.files["/run/id"] = "\n";
    EXPECT_THAT(sources.load_all().error().message, HasSubstr("the file /run/id is empty"));
    sources.files.clear();
    EXPECT_THAT(sources.load_all().error().message, HasSubstr("cannot read /run/id"));
}

TEST(Load, DoesNotShowAJoinTokenThatIsWrong) {
    TestSources sources;
    sources.files["/run/token"] = "vidai-join-s3cret\nand more";
    sources.environment["VIDAI_MESH_JOIN_FILE"] = "/run/token";
    const std::string message = sources.load_all().error().message;
    EXPECT_THAT(message, HasSubstr("VIDAI_MESH_JOIN_FILE: mesh.join: expected text"));
    EXPECT_EQ(message.find("s3cret"), std::string::npos) << message;
}

TEST(Load, DoesNotShowAWebhookThatIsWrong) {
    TestSources sources;
    sources.environment["VIDAI_BUDGETS_WEBHOOK"] = "https://user:t0ken@h/x";
    const std::string message = sources.load_all().error().message;
    EXPECT_THAT(message, HasSubstr("budgets.webhook: expected https://HOST"));
    EXPECT_EQ(message.find("t0ken"), std::string::npos) << message;
    sources.environment["VIDAI_BUDGETS_WEBHOOK"] = "https://h/hooks/t0ken?a=b";
    EXPECT_EQ(sources.load_all()->budgets.webhook.reveal(), "https://h/hooks/t0ken?a=b");
}

TEST(Load, TakesTheFileFromAVariableWhenNoFlagNamesOne) {
    TestSources sources;
    sources.files["a.yaml"] = "listen: {workers: 3}";
    sources.environment["VIDAI_CONFIG"] = "a.yaml";
    EXPECT_EQ(sources.load_all()->listen.workers, 3u);
    sources.environment["VIDAI_CONFIG"] = "b.yaml";
    EXPECT_EQ(sources.load_all().error().code, ErrorCode::kIo);
}

TEST(Load, NamesFileLinePathAndWhatWasExpected) {
    EXPECT_EQ(refusal("listen:\n  header_timeout: soon\n"),
              "vidai.yaml:2: listen.header_timeout: expected a duration from 10ms to 10m, such as "
              "500ms, 10s or 5m, found 'soon'");
    EXPECT_EQ(refusal("listen: {workers: 257}"),
              "vidai.yaml:1: listen.workers: expected a whole number from 0 to 256, found '257'");
    EXPECT_EQ(refusal("log:\n\n  level: loud\n"),
              "vidai.yaml:3: log.level: expected one of debug info warn error, found 'loud'");
    EXPECT_EQ(refusal("log: []"), "vidai.yaml:1: log: expected a map of options");
}

TEST(Load, CallsItAWrongCommandLineWhenNothingButFlagsIsWrong) {
    TestSources sources;
    sources.flags.options["listen.workers"] = {"x"};
    EXPECT_EQ(sources.load_all().error().code, ErrorCode::kUsage);
    sources.environment["VIDAI_LOG_LEVEL"] = "loud";
    EXPECT_EQ(sources.load_all().error().code, ErrorCode::kConfigInvalid);
}

TEST(Load, SuggestsTheKeyThatWasMeant) {
    EXPECT_EQ(refusal("listen:\n  adress: 0.0.0.0:80\n"),
              "vidai.yaml:2: listen.adress: unknown key; did you mean 'address'?");
    EXPECT_EQ(refusal("provider: {}"),
              "vidai.yaml:1: provider: unknown key; did you mean 'providers'?");
    EXPECT_EQ(refusal("log: {colour: red}"),
              "vidai.yaml:1: log.colour: unknown key; known here: level, format, requests");
}

TEST(Load, ReportsAllProblemsAtOnceButABoundedNumber) {
    EXPECT_EQ(refusal("log: {level: x}\nroute: {attempts_max: 0}\n"),
              "vidai.yaml:1: log.level: expected one of debug info warn error, found 'x'\n"
              "vidai.yaml:2: route.attempts_max: expected a whole number from 1 to 10, found '0'");
    std::string many;
    for (int i = 0; i < 50; ++i) many += "zz" + std::to_string(i) + ": 1\n";
    const std::string message = refusal(many);
    EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 20);
    EXPECT_THAT(message, HasSubstr("and 30 more"));
}

TEST(Load, AcceptsASectionWithNothingInIt) {
    EXPECT_TRUE(load_text("listen:\nproviders:\nmodels:\n"));
    EXPECT_TRUE(load_text(""));
    EXPECT_TRUE(load_text("# only a comment\n"));
}

TEST(Load, WantsCertificateAndKeyTogether) {
    EXPECT_EQ(refusal("listen: {tls_cert_file: c.pem}"),
              "vidai.yaml:1: listen.tls_cert_file: needs listen.tls_key_file as well");
    TestSources sources;
    sources.environment["VIDAI_LISTEN_TLS_KEY_FILE"] = "k.pem";
    EXPECT_THAT(sources.load_all().error().message, HasSubstr("needs listen.tls_cert_file"));
}

TEST(Load, RefusesTwoListenersOnOnePort) {
    EXPECT_EQ(refusal("listen: {address: 0.0.0.0:9420}"),
              "admin.address: port 9420 is also that of listen.address");
    EXPECT_EQ(refusal("listen: {address: 10.0.0.1:9420}"), "accepted");
    EXPECT_EQ(refusal("listen: {address: 0.0.0.0:0}\nadmin: {address: 127.0.0.1:0}"), "accepted");
    // A node on its own does not listen on the mesh port.
    EXPECT_EQ(refusal("listen: {address: 0.0.0.0:7420}"), "accepted");
}

TEST(Load, SwitchesTheMeshOnByItsRoot) {
    TestSources sources;
    sources.flags.options["mesh.seeds"] = {"a:7420", "[::1]:7421"};
    EXPECT_FALSE(sources.load_all()->mesh.enabled) << "unless the data directory says so";
    sources.environment["VIDAI_MESH_ISSUER_FILE"] = "issuer";
    EXPECT_THAT(sources.load_all().error().message, HasSubstr("needs mesh.root_file"));
    sources.environment["VIDAI_MESH_ROOT_FILE"] = "root";
    const Result<Config> config = sources.load_all();
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_TRUE(config->mesh.enabled);
    EXPECT_EQ(config->mesh.seeds, (std::vector<std::string>{"a:7420", "[::1]:7421"}));
    sources.flags.options["mesh.seeds"] = {"a"};
    EXPECT_THAT(sources.load_all().error().message, HasSubstr("expected HOST:PORT"));
}

TEST(Load, TakesEveryKnobOfTheMembershipProtocol) {
    const Result<Config> config =
        with_file("mesh:\n  suspicion_min_intervals: 5\n  redial_max: 20s\n").load_all();
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->mesh.membership.suspicion_min_intervals, 5u);
    EXPECT_EQ(config->mesh.membership.redial_max, std::chrono::seconds(20));
}

TEST(Load, RefusesARangeThatIsUpsideDown) {
    const Result<Config> config =
        with_file("mesh:\n  probe_timeout_min: 2s\n  redial_max: 500ms\n").load_all();
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error().message,
                HasSubstr("mesh.probe_timeout_max: must not be less than mesh.probe_timeout_min"));
    EXPECT_THAT(config.error().message,
                HasSubstr("mesh.redial_max: must not be less than mesh.redial_min"));
}

TEST(Load, SwitchesTheMeshOnByAJoinTokenToo) {
    TestSources sources;
    sources.flags.options["mesh.join"] = {"vidai-join-abc"};
    ASSERT_TRUE(sources.load_all());
    EXPECT_TRUE(sources.load_all()->mesh.enabled);
    EXPECT_EQ(sources.load_all()->mesh.join, "vidai-join-abc");
}

TEST(Load, RefusesANodeIdThatIsNoName) {
    EXPECT_THAT(refusal("mesh: {node_id: Not_A_Name}"), HasSubstr("vidai.yaml:1: mesh.node_id"));
}

TEST(Load, WarnsOfAnAdminListenerForAll) {
    const Result<Config> config = load_text("admin: {address: 0.0.0.0:9420}");
    ASSERT_TRUE(config);
    ASSERT_EQ(config->warnings.size(), 1u);
    EXPECT_THAT(config->warnings[0], HasSubstr("no authentication"));
}

TEST(Load, WarnsOfAVariableThatIsNearlyOurs) {
    TestSources sources;
    sources.environment["VIDAI_LOG_LEVL"] = "info";
    sources.environment["VIDAI_PORT_8080_TCP"] = "tcp://10.0.0.1:8080";  // as Kubernetes sets it
    const Result<Config> config = sources.load_all();
    ASSERT_TRUE(config);
    EXPECT_THAT(config->warnings,
                testing::ElementsAre("the variable VIDAI_LOG_LEVL is not read; did you mean "
                                     "VIDAI_LOG_LEVEL?"));
}

TEST(OptionTable, GivesEachOptionNamesOfItsOwn) {
    std::vector<std::string> names;
    for (const auto& option : node_options()) {
        names.push_back(variable_name(option.path));
        names.push_back(variable_name(option.path) + "_FILE");
        if (!option.flag.empty()) names.emplace_back(option.flag);
        EXPECT_FALSE(option.doc.empty()) << option.path;
    }
    std::sort(names.begin(), names.end());
    EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

// A default that its own option would refuse could not be written into a file.
template <class Owner>
void expect_defaults_readable(std::span<const Option<Owner>> table) {
    for (const auto& option : table) {
        Owner owner{};
        const Slot slot = option.slot(owner);
        const std::string text = print_value(slot);
        if (text.empty()) continue;
        EXPECT_TRUE(parse_value(text, option.bounds, slot)) << option.path << " = " << text;
        EXPECT_EQ(print_value(slot), text) << option.path;
    }
}
TEST(OptionTable, ReadsItsOwnDefaults) {
    expect_defaults_readable(node_options());
    expect_defaults_readable(provider_options());
    expect_defaults_readable(target_options());
}

}  // namespace
}  // namespace vidai::node::config
