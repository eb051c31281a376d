// SPDX-License-Identifier: Apache-2.0
#include "node/config/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/config/option_table.h"

namespace vidai::node::config {
namespace {

using testing::HasSubstr;

Result<Flags> parse(std::initializer_list<const char*> arguments) {
    return parse_flags(std::span(arguments.begin(), arguments.size()));
}

TEST(Flags, KeepEachUseOfARepeatableOne) {
    const Result<Flags> flags = parse({"--config", "a b.yaml", "--seed", "x:1", "--seed=y:2",
                                       "--listen", "127.0.0.1:0", "--check-config"});
    ASSERT_TRUE(flags) << flags.error().message;
    EXPECT_EQ(flags->config_file, "a b.yaml");
    EXPECT_TRUE(flags->check_config);
    EXPECT_EQ(flags->options.at("mesh.seeds"), (std::vector<std::string>{"x:1", "y:2"}));
    EXPECT_EQ(flags->options.at("listen.address"), (std::vector<std::string>{"127.0.0.1:0"}));
    EXPECT_EQ(flags->options.size(), 2u);  // nothing that was not written
}

TEST(Flags, RefuseWhatTheyDoNotKnow) {
    for (const auto& line : {std::vector<const char*>{"--lisen", "x"},
                             {"stray"},
                             {"--listen"},
                             {"--listen", "a", "--listen", "b"},
                             {"--config"},
                             {"-z"}}) {
        const Result<Flags> flags = parse_flags(line);
        ASSERT_FALSE(flags) << line[0];
        EXPECT_EQ(flags.error().code, ErrorCode::kUsage);
        EXPECT_THAT(flags.error().message, HasSubstr("vidaid --help"));
    }
    EXPECT_THAT(parse({"--listen", "a", "--listen", "b"}).error().message,
                HasSubstr("--listen is given more than once\n"));
    EXPECT_THAT(parse({"--listen"}).error().message, HasSubstr("--listen needs a value\n"));
    const Result<Flags> empty = parse({"--node-id", ""});
    ASSERT_FALSE(empty) << "it would take the host name";
    EXPECT_THAT(empty.error().message, HasSubstr("--node-id is empty"));
    EXPECT_THAT(parse({"--foo=1"}).error().message, testing::Not(HasSubstr("did you mean")));
    EXPECT_THAT(parse({"--lisen=x"}).error().message, HasSubstr("did you mean --listen?"));
}

TEST(Flags, ShiftTheClockBothWaysForTests) {
    using namespace std::chrono_literals;
    EXPECT_EQ(parse({})->clock_offset, 0ms);
    EXPECT_EQ(parse({"--clock-offset", "90s"})->clock_offset, 90s);
    EXPECT_EQ(parse({"--clock-offset", "-5m"})->clock_offset, -5min);
    EXPECT_EQ(parse({"--clock-offset=-250ms"})->clock_offset, -250ms);
    for (const char* wrong : {"5", "soon", "--5s", "-", "1000000h"}) {
        const Result<Flags> flags = parse_flags(std::vector<const char*>{"--clock-offset", wrong});
        ASSERT_FALSE(flags) << wrong;
        EXPECT_EQ(flags.error().code, ErrorCode::kUsage);
        EXPECT_THAT(flags.error().message, HasSubstr("--clock-offset"));
    }
    EXPECT_THAT(help_text(), HasSubstr("--clock-offset TIME"));
}

TEST(Flags, HelpWinsOverMistakes) {
    EXPECT_TRUE(parse({"--nonsense", "--help"})->help);
    EXPECT_TRUE(parse({"-h"})->help);
    EXPECT_TRUE(parse({"--version"})->version);
    EXPECT_FALSE(parse({})->help);
}

TEST(Help, NamesEveryFlagAndFitsAScreen) {
    const std::string help = help_text();
    for (const auto& option : node_options()) {
        EXPECT_THAT(help, HasSubstr(option.flag));
    }
    EXPECT_THAT(help, HasSubstr("0.0.0.0:8080)"));
    std::size_t begin = 0;
    while (begin < help.size()) {
        const std::size_t end = help.find('\n', begin);
        EXPECT_LE(end - begin, 100u) << help.substr(begin, end - begin);
        begin = end + 1;
    }
}

TEST(Options, AreToldFromTheOtherThingsThatAnErrorIsAbout) {
    for (const char* option : {"mesh.node_id", "listen.address", "--ports-file", "VIDAI_MESH_JOIN",
                               "providers.one.base_url", "models.fast"}) {
        EXPECT_TRUE(is_option(option)) << option;
    }
    for (const char* other : {"", "token_expired", "closed", "127.0.0.1:7420", "/etc/vidai.yaml",
                              "vidai.yaml", "mesh"}) {
        EXPECT_FALSE(is_option(other)) << other;
    }
}

}  // namespace
}  // namespace vidai::node::config
