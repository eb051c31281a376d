// SPDX-License-Identifier: Apache-2.0
// What a provider billed beside what was recorded, and past calls at other prices.
#include <gmock/gmock.h>

#include "cli/exit_code.h"
#include "tests/cli/recorded.h"

namespace vidai::cli {
namespace {

using mesh::usage::Event;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Reconcile : public Shell {
  protected:
    Reconcile() {
        mesh::Member self = recorded_member("n1", mesh::MemberStatus::kAlive);
        self.self = true;
        recording_.members = {self};
        recording_.usage_holdings.node = NodeId("n1");
        recording_.usage_holdings.origin = std::string(64, 'a');
        recording_.usage_holdings.holdings = {{std::string(64, 'a'), NodeId("n1"), {}}};
        recording_.usage_holdings.holdings[0].held.insert({1, 100});
        mesh::UsagePage page;
        page.node = NodeId("n1");
        page.origin = std::string(64, 'a');
        page.events = {call(1, "r1", 500), call(2, "r2", 300), call(3, "r3", 200),
                       call(4, "r3", 100), call(5, "other", 9)};
        page.events[2].estimated = true;
        page.events[4].callee.provider = "theirs";
        recording_.usage_pages = {page};
    }
    static Event call(std::uint64_t number, const char* request, std::int64_t cost) {
        Event event;
        event.number = number;
        event.time = recorded_now();
        event.request = request;
        event.callee.provider = "mine";
        event.priced = true;
        event.cost = {cost};
        return event;
    }
    Outcome reconcile(const std::string& rows, std::vector<const char*> more = {}) {
        path_ = folder() + "/bill.csv";
        write(path_, "request,cost_usd\n" + rows);
        std::vector<const char*> words = {"budget", "reconcile", path_.c_str(), "--provider",
                                          "mine"};
        words.insert(words.end(), more.begin(), more.end());
        return asked(std::move(words));
    }
    std::string path_;
};

TEST_F(Reconcile, SaysThatAllIsAsItWasBilled) {
    const Outcome outcome = reconcile("r1,0.0005\nr2,0.0003\nr3,0.0003\n");
    EXPECT_EQ(outcome.status, kExitOk) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("What was billed is what was recorded."));
}

TEST_F(Reconcile, ListsWhatDiffersAndExitsWithFindings) {
    const Outcome outcome = reconcile("r1,0.0006\nr2,0.0001\nr9,1\n");
    EXPECT_EQ(outcome.status, kExitFindings);
    EXPECT_THAT(outcome.out, HasSubstr("billed more   r1       n1    0.0005usd  0.0006usd"));
    EXPECT_THAT(outcome.out, HasSubstr("billed less   r2"));
    EXPECT_THAT(outcome.out, HasSubstr("-0.0002usd"));
    EXPECT_THAT(outcome.out, HasSubstr("not recorded  r9"));
    EXPECT_THAT(outcome.out, HasSubstr("not billed    r3"));
    EXPECT_THAT(outcome.out, testing::Not(HasSubstr("other"))) << "another provider's";
    EXPECT_THAT(recording_.bills, IsEmpty());
}

TEST_F(Reconcile, CorrectsWhatIsInTheFileAndLeavesTheRest) {
    const Outcome outcome = reconcile("r1,0.0006\nr2,0.0003\n", {"--apply"});
    EXPECT_EQ(outcome.status, kExitFindings) << "r3 is not in it";
    EXPECT_THAT(recording_.bills, ElementsAre("a 1 600"));
}

TEST_F(Reconcile, TakesACompleteFileAtItsWord) {
    const Outcome outcome = reconcile("r1,0.0005\nr2,0.0003\n", {"--apply", "--complete"});
    EXPECT_EQ(outcome.status, kExitOk) << outcome.err;
    EXPECT_THAT(recording_.bills, ElementsAre("a 4 0", "a 3 0"));
}

TEST_F(Reconcile, GivesTheDifferenceToTheCallThatNobodyCounted) {
    (void)reconcile("r1,0.0005\nr2,0.0003\nr3,0.0001\n", {"--apply"});
    EXPECT_THAT(recording_.bills, ElementsAre("a 4 100", "a 3 0"));
    recording_.bills.clear();
}

TEST_F(Reconcile, CountsWhatWasCorrectedBefore) {
    Event correction = call(6, "r1", 100);
    correction.adjusts = 1;
    recording_.usage_pages[0].events.insert(recording_.usage_pages[0].events.begin(), correction);
    EXPECT_EQ(reconcile("r1,0.0006\nr2,0.0003\nr3,0.0003\n").status, kExitOk);
}

TEST_F(Reconcile, SaysWhatIsWrongBeforeANodeIsAsked) {
    EXPECT_THAT(asked({"budget", "reconcile", "/no/such"}).err, HasSubstr("--provider"));
    EXPECT_EQ(reconcile("r1,x\n").status, kExitError);
    EXPECT_EQ(recording_.target.address, "");
}

TEST_F(Reconcile, HealAsksEachNodeUntilItHasNoMore) {
    mesh::UsageCorrection one;
    one.node = NodeId("n1");
    one.sums.corrected = 2;
    one.sums.more = true;
    one.sums.rows[{"mine", "m"}] = {2, {300}, {200}};
    mesh::UsageCorrection two = one;
    two.sums.more = false;
    two.sums.unpriced = 3;
    recording_.corrections = {one, two};
    const Outcome outcome = asked({"price", "heal", "--since", "24h"});
    EXPECT_EQ(outcome.status, kExitOk) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("n1    mine      m          4  0.0006usd  0.0004usd"));
    EXPECT_THAT(outcome.out, HasSubstr("-0.0002usd"));
    EXPECT_EQ(recording_.healed.size(), 2U);
    EXPECT_FALSE(recording_.healed[0].second);

    recording_.corrections = {one};
    const Outcome dry = asked({"price", "heal", "--since", "24h", "--dry-run"});
    EXPECT_THAT(dry.err, HasSubstr("Nothing was changed."));
    EXPECT_EQ(recording_.healed.size(), 3U) << "it would hear the same again";
    EXPECT_TRUE(recording_.healed.back().second);
    EXPECT_EQ(asked({"price", "heal"}).status, kExitUsage);
}

}  // namespace
}  // namespace vidai::cli
