// SPDX-License-Identifier: Apache-2.0
#include "schema/base/near.h"

#include <array>

#include <gtest/gtest.h>

namespace vidai {
namespace {

constexpr std::array<std::string_view, 3> kNames = {"listen", "log", "level"};

TEST(Nearest, FindsASlipOfTheFingers) {
    EXPECT_EQ(nearest("lisen", kNames), "listen");
    EXPECT_EQ(nearest("lsiten", kNames), "listen");
    EXPECT_EQ(nearest("leve", kNames), "level");
    constexpr std::string_view kShort[] = {"mesh", "log"};
    EXPECT_EQ(nearest("mseh", kShort), "mesh");  // one slip of two fingers
}

TEST(Nearest, DoesNotGuessWildly) {
    EXPECT_EQ(nearest("port", kNames), "");
    EXPECT_EQ(nearest("dig", kNames), "");  // two of three letters differ
    EXPECT_EQ(nearest(std::string(100'000, 'l'), kNames), "");
    EXPECT_EQ(suggestion("port", kNames), "; known here: listen, log, level");
}

}  // namespace
}  // namespace vidai
