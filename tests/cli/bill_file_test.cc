// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/bill_file.h"

#include <gmock/gmock.h>

namespace vidai::cli::commands {
namespace {

using testing::HasSubstr;

std::string wrong(const std::string& text) {
    const auto read = read_bill(text, "bill.csv");
    return read ? "accepted" : read.error().message;
}

TEST(BillFile, IsCsvWithItsColumnsInAnyOrder) {
    const auto read = read_bill(
        "model,cost_usd,\"request\"\r\nm,0.0123,req-1\r\n\"a, "
        "\"\"b\"\"\",1,req-2\r\nm,0.0001,req-1\r\n",
        "bill.csv");
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->size(), 2U);
    EXPECT_EQ(read->at("req-1").cost.value, 12'400) << "its lines are added up";
    EXPECT_EQ(read->at("req-1").line, 2);
    EXPECT_EQ(read->at("req-2").cost.value, 1'000'000);
}

TEST(BillFile, IsAJsonObjectOnEachLine) {
    const auto read = read_bill(
        "{\"request\": \"a\", \"cost_usd\": 0.5, \"model\": \"m\"}\n\n"
        "{\"cost_usd\": \"0.25\", \"request\": \"b\"}\n",
        "bill.jsonl");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->at("a").cost.value, 500'000);
    EXPECT_EQ(read->at("b").cost.value, 250'000);
}

TEST(BillFile, RoundsUpWhatIsFinerThanAMillionth) {
    const auto read =
        read_bill("request,cost_usd\na,0.00000101\nb,0.00000100\nc,0.0000009\n", "bill.csv");
    EXPECT_EQ(read->at("a").cost.value, 2);
    EXPECT_EQ(read->at("b").cost.value, 1);
    EXPECT_EQ(read->at("c").cost.value, 1);
}

TEST(BillFile, IsRefusedWithTheLineThatIsWrong) {
    EXPECT_THAT(wrong("req,cost\n"), HasSubstr("bill.csv:1: the first line names the columns"));
    EXPECT_THAT(wrong("request,cost_usd\na,1,2\n"), HasSubstr("bill.csv:2: it has 3 columns"));
    EXPECT_THAT(wrong("request,cost_usd\na,-1\n"), HasSubstr("bill.csv:2: `cost_usd` is"));
    EXPECT_THAT(wrong("request,cost_usd\na,0.0000001x\n"), HasSubstr("bill.csv:2: `cost_usd`"));
    EXPECT_THAT(wrong("request,cost_usd\n,1\n"), HasSubstr("bill.csv:2: `request` is"));
    EXPECT_THAT(wrong("request,cost_usd\n\"a,1\n"), HasSubstr("bill.csv:2: a quote"));
    EXPECT_THAT(wrong("{\"request\": \"a\"}\n"), HasSubstr("bill.csv:1: `request` or"));
    EXPECT_THAT(wrong("{nonsense\n"), HasSubstr("bill.csv:1: no JSON"));
    EXPECT_THAT(wrong(""), HasSubstr("nothing was billed"));
    EXPECT_THAT(wrong("request,cost_usd\n"), HasSubstr("nothing was billed"));
}

}  // namespace
}  // namespace vidai::cli::commands
