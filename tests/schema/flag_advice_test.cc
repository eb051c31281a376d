// SPDX-License-Identifier: Apache-2.0
#include "schema/base/flag_advice.h"

#include <array>

#include <gtest/gtest.h>

namespace vidai {
namespace {

constexpr std::array<std::string_view, 2> kFlags = {"--listen", "--config"};

TEST(FlagAdvice, NamesTheNearFlag) {
    EXPECT_EQ(with_near_flag("The following argument was not expected: --lisen", kFlags),
              "The following argument was not expected: --lisen; did you mean --listen?");
    EXPECT_EQ(with_near_flag("not expected: --confg=x", kFlags),
              "not expected: --confg=x; did you mean --config?");
}

TEST(FlagAdvice, LeavesAMessageAloneThatNamesNoNearFlag) {
    EXPECT_EQ(with_near_flag("not expected: --verbose", kFlags), "not expected: --verbose");
    EXPECT_EQ(with_near_flag("not expected: word", kFlags), "not expected: word");
    EXPECT_EQ(with_near_flag("ends in --", kFlags), "ends in --");
}

TEST(FlagAdvice, TellsATwiceGivenFlagFromOneWithoutValue) {
    EXPECT_EQ(flag_miscounted("--rpm: At Most 1 required but received 2"),
              "--rpm is given more than once");
    EXPECT_EQ(flag_miscounted("--rpm: 1 required TEXT missing"), "--rpm needs a value");
}

}  // namespace
}  // namespace vidai
