// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "cli/exit_code.h"
#include "tests/cli/recorded.h"

namespace vidai::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class Prices : public Shell {
  protected:
    std::string file(const std::string& rows) {
        const std::string path = folder() + "/card.yaml";
        write(path, "prices:\n" + rows);
        return path;
    }
};

TEST_F(Prices, AreShownOfTheCardThatShips) {
    const Outcome outcome = vidaictl({"price", "show", "gpt-4o-mini-2024-07-18"});
    EXPECT_EQ(outcome.out,
              "PROVIDER  MODEL              INPUT    CACHED  OUTPUT  TIERS  FROM  TO\n"
              "openai    gpt-4o-mini-20*  0.15usd  0.075usd  0.6usd      0  -     -\n");
    EXPECT_THAT(outcome.err, HasSubstr("the card that ships with vidai, as of 2025-11-25"));
    EXPECT_THAT(vidaictl({"price", "show", "no-such"}).err, HasSubstr("No price fits 'no-such'"));
    EXPECT_THAT(vidaictl({"price", "show"}).out, HasSubstr("claude-sonnet-4-5"));
}

TEST_F(Prices, AreShownToPrograms) {
    const std::string card = file("  - {provider: p, model: m, input: 1usd, output: 2usd}\n");
    const Outcome outcome = vidaictl({"price", "show", "--card", card.c_str(), "-o", "json"});
    EXPECT_THAT(outcome.out, HasSubstr("\"cached_input\": 1000000"));
    EXPECT_THAT(outcome.out, HasSubstr("\"reasoning\": 2000000"));
    EXPECT_THAT(outcome.out, Not(HasSubstr("audio")));
}

TEST_F(Prices, OfAFileAreCheckedWithTheGuardOfUnits) {
    const std::string good = file("  - {provider: p, model: m, input: 1usd, output: 2usd}\n");
    const Outcome checked = vidaictl({"price", "check", good.c_str()});
    EXPECT_EQ(checked.status, kExitOk) << checked.err;
    EXPECT_THAT(checked.err, HasSubstr("1 of them lack context_window or output_max"));

    const std::string bad =
        file("  - {provider: openai, model: gpt-4, input: 0.03usd, output: 0.06usd}\n");
    const Outcome refused = vidaictl({"price", "check", bad.c_str()});
    EXPECT_EQ(refused.status, kExitError);
    EXPECT_THAT(refused.err, HasSubstr("card.yaml:2: prices[0]: input is 0.03usd per million"));
    EXPECT_EQ(vidaictl({"price", "diff", bad.c_str()}).status, kExitError);
    EXPECT_EQ(vidaictl({"price", "check", "/no/such/file"}).status, kExitError);
    EXPECT_EQ(vidaictl({"price", "check"}).status, kExitUsage);
}

TEST_F(Prices, AreComparedModelByModel) {
    const std::string old = folder() + "/old.yaml";
    write(old, "prices: [{provider: p, model: m, input: 1usd, output: 2usd}]");
    const std::string next = file(
        "  - {provider: p, model: m, input: 1usd, output: 3usd,"
        " reasoning: 2usd}\n");
    const Outcome outcome = vidaictl({"price", "diff", next.c_str(), "--card", old.c_str()});
    EXPECT_EQ(outcome.out,
              "CHANGE   PROVIDER  MODEL  FROM  WHAT    BEFORE  AFTER\n"
              "changed  p         m      -     output  2usd    3usd\n");
    EXPECT_EQ(vidaictl({"price", "diff", next.c_str(), "--card", next.c_str()}).err,
              "No price differs.\n");
}

}  // namespace
}  // namespace vidai::cli
