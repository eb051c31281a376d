// SPDX-License-Identifier: Apache-2.0
// A real node's journal of hard budgets, read while it runs and after, whole and damaged.
#include "mesh/ledger_log.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/mesh/rpc/nodes.h"

namespace vidai::mesh::testing {
namespace {

struct LedgerLogTest : ::testing::Test {
    LedgerLogTest() {
        auto client = cluster.connect(node);
        BudgetChange change{.op = BudgetOp::kCreate, .budget = BudgetId("team-a")};
        change.limit = MicroUsd{50'000'000};
        change.window = "month";
        change.zone = "Europe/Berlin";
        const auto made = client.budget_change(change);
        EXPECT_TRUE(made) << made.error().message;
    }
    Result<LedgerAudit> read() {
        entries.clear();
        return read_ledger(dir, [&](const LedgerEntry& entry) { entries.push_back(entry); });
    }
    const LedgerEntry* find(const std::string& what) const {
        for (const LedgerEntry& entry : entries) {
            if (entry.what == what) return &entry;
        }
        return nullptr;
    }

    Cluster cluster;
    Node node = cluster.start("a");
    const std::string dir = node.options.data_dir;
    std::vector<LedgerEntry> entries;
};

TEST_F(LedgerLogTest, TellsWhatANodeThatRunsHasWritten) {
    const auto audit = read();
    ASSERT_TRUE(audit) << audit.error().message;
    EXPECT_EQ(audit->path, dir + "/ledger/journal");
    EXPECT_GT(audit->records, 0U);
    ASSERT_EQ(audit->logs.size(), 1U);
    EXPECT_TRUE(audit->logs.front().own);
    EXPECT_EQ(audit->logs.front().entries, entries.size());
    EXPECT_EQ(audit->logs.front().buckets, 1'024U);
    EXPECT_EQ(audit->logs.front().budgets, 1U);
    ASSERT_NE(find("genesis"), nullptr);
    const LedgerEntry* const define = find("define");
    ASSERT_NE(define, nullptr);
    using Fields = std::vector<std::pair<std::string_view, std::string>>;
    EXPECT_EQ(define->fields, (Fields{{"budget", "team-a"},
                                      {"limit_micro_usd", "50000000"},
                                      {"window", "month Europe/Berlin"},
                                      {"policy", "enforce"}}));
    EXPECT_EQ(entries.front().number, 1U);
    EXPECT_EQ(entries.back().number, entries.size());
}

TEST_F(LedgerLogTest, ChangesNothingAndSaysWhatIsDamaged) {
    node = {};
    const std::string path = dir + "/ledger/journal";
    std::string bytes(std::filesystem::file_size(path), '\0');
    std::ifstream(path, std::ios::binary)
        .read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    ASSERT_TRUE(read());
    EXPECT_EQ(std::filesystem::file_size(path), bytes.size());
    std::string broken = bytes;
    constexpr std::size_t kFirstRecord = 3 * 4'096 + 40;  // behind the header and two marks
    broken[kFirstRecord] = static_cast<char>(broken[kFirstRecord] ^ 1);
    std::ofstream(path, std::ios::binary) << broken;
    const auto damaged = read();
    ASSERT_FALSE(damaged);
    EXPECT_EQ(damaged.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(damaged.error().message.find(path), std::string::npos) << damaged.error().message;
    std::ofstream(path, std::ios::binary) << bytes << "half a record";
    const auto torn = read();
    ASSERT_TRUE(torn) << torn.error().message;
    EXPECT_EQ(torn->torn, 13U);
}

TEST(LedgerLog, IsNotThereBeforeANodeHasStarted) {
    const TempDir empty;
    const auto none = read_ledger(empty.file(""));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
    EXPECT_FALSE(std::filesystem::exists(empty.file("ledger"))) << "and none is made";
}

}  // namespace
}  // namespace vidai::mesh::testing
