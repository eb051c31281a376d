// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "cli/exit_code.h"
#include "mesh/pricing/rate_card.h"
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
    const Outcome outcome = vidaictl({"price", "show", "gpt-4o-mini-2024-07-18", "--shipped"});
    EXPECT_EQ(outcome.out,
              "PROVIDER  MODEL              INPUT    CACHED  OUTPUT  TIERS  FROM  TO\n"
              "openai    gpt-4o-mini-20*  0.15usd  0.075usd  0.6usd      0  -     -\n");
    EXPECT_THAT(outcome.err, HasSubstr("the card that ships with vidai, as of 2025-11-25"));
    EXPECT_THAT(vidaictl({"price", "show", "no-such", "--shipped"}).err,
                HasSubstr("No price fits 'no-such'"));
    EXPECT_THAT(vidaictl({"price", "show", "--shipped"}).out, HasSubstr("claude-sonnet-4-5"));
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

constexpr const char* kOwn =
    "prices: [{provider: p, model: m, input: 1usd, output: 2usd},"
    " {provider: p, model: n, input: 1usd, output: 1usd}]";

TEST_F(Prices, ThatHoldAtANodeAreShownWithWhereTheyAreFrom) {
    recording_.own_card = {kOwn, "/etc/rates.yaml"};
    recording_.cards = {{7, "prices: [{provider: p, model: m, input: 4usd, output: 5usd}]", "admin",
                         NodeId("n1"), 1}};
    EXPECT_EQ(asked({"price", "show"}).out,
              "PROVIDER  MODEL  INPUT  CACHED  OUTPUT  TIERS  FROM  TO  SOURCE\n"
              "p         m       4usd    4usd    5usd      0  -     -   applied 7\n"
              "p         n       1usd    1usd    1usd      0  -     -   /etc/rates.yaml\n");
}

TEST_F(Prices, AreAppliedAsTheirCanonicalTextAndSayWhatChanges) {
    recording_.own_card = {kOwn, ""};
    recording_.heard.by = {NodeId("n1"), NodeId("n2")};
    const std::string card = file("  - {provider: p, model: m, input: 1usd, output: 3usd}\n");
    const Outcome dry = asked({"price", "apply", card.c_str(), "--dry-run"});
    EXPECT_THAT(dry.out, HasSubstr("changed  p         m      -     output     2usd    3usd"));
    EXPECT_THAT(dry.err, HasSubstr("Nothing was applied."));
    EXPECT_FALSE(recording_.applied);

    const Outcome done = asked({"price", "apply", card.c_str(), "--wait"});
    EXPECT_EQ(done.status, kExitOk) << done.err;
    EXPECT_THAT(*recording_.applied, HasSubstr("output: 3usd"));
    EXPECT_EQ(recording_.acknowledging.kind, mesh::kCardRegister);
    EXPECT_EQ(recording_.acknowledging.id, "card-4");
    EXPECT_EQ(recording_.acknowledging.time, 9U);

    EXPECT_EQ(asked({"price", "apply", "--none"}).status, kExitOk);
    EXPECT_EQ(*recording_.applied, "");
    EXPECT_EQ(asked({"price", "apply"}).status, kExitUsage);
    EXPECT_EQ(asked({"price", "apply", card.c_str(), "--none"}).status, kExitUsage);
}

TEST_F(Prices, ThatAMeshCannotHoldAreRefusedBeforeANodeIsAsked) {
    const std::string bad =
        file("  - {provider: openai, model: gpt-4, input: 0.03usd, output: 0.06usd}\n");
    EXPECT_THAT(asked({"price", "apply", bad.c_str()}).err,
                HasSubstr("card.yaml:2: prices[0]: input is 0.03usd per million"));
    std::string rows;
    for (int i = 0; i < 500; ++i) {
        rows += "  - {provider: p, model: m" + std::to_string(i) + ", input: 1usd, output: 2usd}\n";
    }
    const std::string big = file(rows);
    EXPECT_THAT(asked({"price", "apply", big.c_str()}).err, HasSubstr("at most 32768"));
    EXPECT_FALSE(recording_.applied);
}

TEST_F(Prices, AppliedBeforeAreListedWithWhoAppliedThem) {
    const WallTime at = *mesh::pricing::parse_day("2026-11-26");
    const auto stamp = static_cast<std::uint64_t>(at.time_since_epoch().count()) << 16;
    recording_.cards = {{3, "", "", NodeId("n1"), stamp},
                        {2, "prices: [{provider: p, model: 'm*', input: 4usd, output: 5usd}]",
                         "ann", NodeId("n2"), stamp}};
    const Outcome all = asked({"price", "history"});
    EXPECT_THAT(all.out, HasSubstr("3  2026-11-26T00:00:00.000Z  socket of n1    none"));
    EXPECT_THAT(all.out, HasSubstr("2  2026-11-26T00:00:00.000Z  ann                1"));
    EXPECT_THAT(asked({"price", "history", "m-1"}).out, HasSubstr("input 4usd, output 5usd"));
    EXPECT_THAT(asked({"price", "history", "x"}).err, HasSubstr("has a price of 'x'"));
    recording_.cards.clear();
    EXPECT_THAT(asked({"price", "history"}).err, HasSubstr("No rate card was applied"));
}

}  // namespace
}  // namespace vidai::cli
