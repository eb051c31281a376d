// SPDX-License-Identifier: Apache-2.0
#include "node/config/value.h"

#include <gtest/gtest.h>

namespace vidai::node::config {
namespace {

constexpr Bounds kAny{0, std::numeric_limits<std::uint64_t>::max()};

template <class T>
std::string reads_as(std::string_view text, T value = {}) {
    const Slot slot{&value};
    return parse_value(text, kAny, slot) ? print_value(slot) : "refused";
}

TEST(Value, ReadsADurationInOneUnit) {
    using std::chrono::milliseconds;
    EXPECT_EQ(reads_as<milliseconds>("500ms"), "500ms");
    EXPECT_EQ(reads_as<milliseconds>("1000ms"), "1s");
    EXPECT_EQ(reads_as<milliseconds>("90s"), "90s");
    EXPECT_EQ(reads_as<milliseconds>("0s"), "0ms");
    EXPECT_EQ(reads_as<milliseconds>("120m"), "2h");
    for (const char* bad : {"", "5", "s", "1.5s", "-1s", "1 s", "1S", "1s1ms", "5d",
                            "99999999999999999999s", "18446744073709551615h"}) {
        EXPECT_EQ(reads_as<milliseconds>(bad), "refused") << bad;
    }
}

TEST(Value, ReadsASizeInPowersOf1024) {
    EXPECT_EQ(reads_as<std::size_t>("32MiB"), "32MiB");
    EXPECT_EQ(reads_as<std::size_t>("1024KiB"), "1MiB");
    EXPECT_EQ(reads_as<std::size_t>("10B"), "10B");
    for (const char* bad : {"10", "1MB", "1mib", "0x10B", "17179869184GiB"}) {
        EXPECT_EQ(reads_as<std::size_t>(bad), "refused") << bad;
    }
}

TEST(Value, ReadsMoneyExactly) {
    MicroUsdPerMtok price;
    EXPECT_TRUE(parse_value("0.15usd", kAny, Slot{&price}));
    EXPECT_EQ(price.value, 150'000);
    EXPECT_TRUE(parse_value("0.000001usd", kAny, Slot{&price}));
    EXPECT_EQ(price.value, 1);
    EXPECT_EQ(reads_as<MicroUsdPerMtok>("12usd"), "12usd");
    EXPECT_EQ(reads_as<MicroUsdPerMtok>("0.100000usd"), "0.1usd");
    for (const char* bad : {"0.15", "usd", ".5usd", "1.usd", "1.0000000usd", "-1usd", "1e3usd",
                            "1,5usd", "0.15eur", "1.2.3usd", "1. 5usd", "1.-5usd", "1.+5usd"}) {
        EXPECT_EQ(reads_as<MicroUsdPerMtok>(bad), "refused") << bad;
    }
}

TEST(Value, ReadsCountsAndChoicesStrictly) {
    EXPECT_EQ(reads_as<std::uint32_t>("7"), "7");
    EXPECT_EQ(reads_as<bool>("true"), "true");
    for (const char* bad : {"+7", "7.0", "0x7", " 7", ""}) {
        EXPECT_EQ(reads_as<std::uint32_t>(bad), "refused") << bad;
    }
    for (const char* bad : {"yes", "True", "1", ""}) EXPECT_EQ(reads_as<bool>(bad), "refused");
    EXPECT_EQ(reads_as<observe::LogLevel>("warn"), "warn");
    EXPECT_EQ(reads_as<observe::LogLevel>("WARN"), "refused");
    EXPECT_EQ(reads_as<providers::Dialect>("openai_chat"), "openai_chat");
}

TEST(Value, LeavesTheSlotAloneWhenRefused) {
    std::uint32_t count = 5;
    EXPECT_FALSE(parse_value("11", Bounds{1, 10}, Slot{&count}));
    EXPECT_FALSE(parse_value("0", Bounds{1, 10}, Slot{&count}));
    EXPECT_EQ(count, 5u);
    bool flag = true;
    EXPECT_FALSE(parse_value("no", Bounds{}, Slot{&flag}));
    EXPECT_TRUE(flag);
}

TEST(Value, RefusesControlCharactersInText) {
    EXPECT_EQ(reads_as<std::string>("a b"), "a b");
    EXPECT_EQ(reads_as<std::string>(std::string_view("a\r\nX: y")), "refused");
    EXPECT_EQ(reads_as<Secret>("k"), "***");
    EXPECT_EQ(reads_as<Secret>("k\n"), "refused");
}

TEST(Value, ReadsAListAroundCommas) {
    using List = std::vector<std::string>;
    EXPECT_EQ(reads_as<List>("a, b,c"), "a,b,c");
    EXPECT_EQ(reads_as<List>("a,,b"), "refused");
    EXPECT_EQ(reads_as<List>(""), "refused");
}

TEST(Value, ComparesSecretsByTheirBytes) {
    Secret a("one"), b("two"), c("one");
    EXPECT_FALSE(same_value(Slot{&a}, Slot{&b}));
    EXPECT_TRUE(same_value(Slot{&a}, Slot{&c}));
}

}  // namespace
}  // namespace vidai::node::config
