// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/ledger.h"

#include <gtest/gtest.h>

#include "tests/mesh/budget/support.h"

namespace vidai::mesh::budget {
namespace {

Ledger begun(LogHeader header = first_header()) {
    Ledger ledger(std::move(header), {1});
    EXPECT_TRUE(ledger.append(Genesis{}).has_value());
    EXPECT_TRUE(ledger.append(Define{kTeam, {100}}).has_value());
    return ledger;
}
void commit(Ledger& ledger) {
    const Seq upto = ledger.size();
    ledger.on_synced(upto);
    ledger.on_ack(volume(2), upto);
}

TEST(Ledger, CommitsWhatItAndEnoughCustodiansHaveOnTheirDisks) {
    Ledger ledger = begun();
    EXPECT_EQ(ledger.committed(), 0U);
    ledger.on_synced(2);
    EXPECT_EQ(ledger.committed(), 0U);
    ledger.on_ack(volume(9), 2);
    EXPECT_EQ(ledger.committed(), 0U) << "no custodian of this log";
    ledger.on_ack(volume(3), 1);
    EXPECT_EQ(ledger.committed(), 1U);
    ledger.on_ack(volume(2), 2);
    EXPECT_EQ(ledger.committed(), 2U);
    ledger.on_ack(volume(2), 1);
    EXPECT_EQ(ledger.committed(), 2U) << "an old message";
    ledger.on_ack(volume(2), 7);
    EXPECT_EQ(ledger.committed(), 2U) << "it cannot have what was never said";
}

TEST(Ledger, WaitsForItsOwnDiskToo) {
    Ledger ledger = begun();
    ledger.on_ack(volume(2), 2);
    ledger.on_ack(volume(3), 2);
    EXPECT_EQ(ledger.committed(), 0U);
    ledger.on_synced(2);
    EXPECT_EQ(ledger.committed(), 2U);
}

TEST(Ledger, WantsTwoOfThreeCustodiansAndNoneOfNone) {
    LogHeader three = first_header();
    three.custodians.push_back(volume(4));
    Ledger ledger = begun(three);
    ledger.on_synced(2);
    ledger.on_ack(volume(4), 2);
    EXPECT_EQ(ledger.committed(), 0U);
    ledger.on_ack(volume(3), 1);
    EXPECT_EQ(ledger.committed(), 1U);

    LogHeader alone = first_header();
    alone.custodians.clear();
    Ledger lonely = begun(alone);
    lonely.on_synced(2);
    EXPECT_EQ(lonely.committed(), 2U);
}

TEST(Ledger, GrantsOnlyMoneyWhoseActivationIsCommitted) {
    Ledger ledger = begun();
    ASSERT_TRUE(ledger.append(activate(50)).has_value());
    EXPECT_EQ(ledger.pool(kMay).value, 0);
    EXPECT_EQ(ledger.grant(holder(2), kMay, {10}).value, 0);
    commit(ledger);
    EXPECT_EQ(ledger.pool(kMay).value, 50);
    EXPECT_EQ(ledger.grant(holder(2), kMay, {10}).value, 10);
    EXPECT_EQ(ledger.grant(holder(2), kMay, {10}).value, 10) << "a total: asked twice, given once";
    EXPECT_EQ(ledger.grant(holder(2), kMay, {4}).value, 10) << "never less";
    EXPECT_EQ(ledger.grant(holder(3), kMay, {60}).value, 40) << "what there is";
    EXPECT_EQ(ledger.pool(kMay).value, 0);
}

TEST(Ledger, ReusesAReturnOnlyByActivatingItAnew) {
    Ledger ledger = begun();
    ASSERT_TRUE(ledger.append(activate(100)).has_value());
    commit(ledger);
    ASSERT_EQ(ledger.grant(holder(2), kMay, {100}).value, 100);
    ASSERT_TRUE(ledger.append(Return{kMay, ledger.account(holder(2)), {30}}).has_value());
    EXPECT_EQ(ledger.pool(kMay).value, 0);
    ASSERT_TRUE(ledger.append(activate(30)).has_value());
    EXPECT_EQ(ledger.pool(kMay).value, 0);
    commit(ledger);
    EXPECT_EQ(ledger.pool(kMay).value, 30);
    EXPECT_FALSE(ledger.append(activate(1)).has_value());
}

TEST(Ledger, DropsNoEntryThatSomebodyMayStillNeed) {
    Ledger ledger = begun();
    ledger.on_synced(2);
    ledger.drop_entries(2);
    EXPECT_EQ(ledger.entries().size(), 2U) << "no custodian has them";
    ledger.on_ack(volume(2), 1);
    ledger.drop_entries(2);
    EXPECT_EQ(ledger.entries().size(), 1U);
    ASSERT_TRUE(ledger.append(activate(50)).has_value());
    EXPECT_EQ(ledger.size(), 3U);
    EXPECT_EQ(ledger.entries_behind(2).size(), 1U);
    commit(ledger);
    EXPECT_EQ(ledger.pool(kMay).value, 50);
    ledger.drop_entries(3);
    EXPECT_TRUE(ledger.entries().empty());
    EXPECT_EQ(ledger.size(), 3U);
}

TEST(Ledger, NeverUsesThePoolOfAnEarlierProcess) {
    Ledger before = begun();
    ASSERT_TRUE(before.append(activate(50)).has_value());
    commit(before);
    auto ledger = Ledger::reopen(first_header(), before.entries(), {2});
    ASSERT_TRUE(ledger.has_value());
    EXPECT_EQ(ledger->committed(), 0U) << "until custodians say so again";
    ledger->on_ack(volume(3), 3);
    EXPECT_EQ(ledger->committed(), 3U);
    EXPECT_EQ(ledger->pool(kMay).value, 0);
    EXPECT_EQ(ledger->state().free(kMay).value, 50) << "all of it counts as spent";
    EXPECT_NE(ledger->account(holder(2)), before.account(holder(2)));
}

TEST(Ledger, LearnsFromItsHeirWhatWasCommitted) {
    Ledger ledger = begun();
    ASSERT_TRUE(ledger.append(activate(50)).has_value());
    ASSERT_TRUE(ledger.append(activate(20)).has_value());
    ledger.on_synced(4);
    ledger.on_adopted(3);
    EXPECT_EQ(ledger.committed(), 3U);
    EXPECT_EQ(ledger.pool(kMay).value, 50) << "it may still be spent: the heir counts it as spent";
}

TEST(Ledger, TellsWhichEntryOfItsVolumeIsDamaged) {
    std::vector<EntryRef> entries = beginning();
    entries.push_back(ref(activate(101)));
    const auto ledger = Ledger::reopen(first_header(), entries, {2});
    ASSERT_FALSE(ledger.has_value());
    EXPECT_EQ(ledger.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(ledger.error().message.find("entry 3"), std::string::npos) << ledger.error().message;
}

}  // namespace
}  // namespace vidai::mesh::budget
