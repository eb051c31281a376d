// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/ledger_key.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class Ledger : public ::testing::Test {
  protected:
    Ledger() {
        std::string name = ::testing::TempDir() + "vidai-ledger-XXXXXX";
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        dir_ = name;
    }
    ~Ledger() override { fs::remove_all(dir_); }
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    Result<LedgerVolume> open() {
        return open_ledger_volume(
            dir_, random_, [this](const std::string& path, const SecretKey& key) -> Result<void> {
                std::ofstream(path) << fingerprint(key.public_key());
                if (journal_fails_) return fail(ErrorCode::kIo, "no room", path);
                return {};
            });
    }
    std::string file(const char* name) const { return dir_ + "/ledger/" + name; }
    void expect_refused(const char* what) {
        const auto refused = open();
        ASSERT_FALSE(refused.has_value());
        EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt);
        EXPECT_THAT(refused.error().message, HasSubstr(what));
        EXPECT_THAT(refused.error().message, HasSubstr("never an older copy"));
    }

    std::string dir_;
    bool journal_fails_ = false;
    SeededRandom random_{9};
};

TEST_F(Ledger, IsMadeOnceAndIsAnotherOnAnEmptyVolume) {
    const auto first = open();
    ASSERT_TRUE(first.has_value()) << first.error().message;
    std::string journal;
    std::ifstream(first->journal) >> journal;
    EXPECT_EQ(journal, fingerprint(first->key->public_key()));
    struct stat status{};
    ASSERT_EQ(::stat(file("key").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
    EXPECT_EQ(open()->key->public_key(), first->key->public_key());
    fs::remove_all(dir_ + "/ledger");
    EXPECT_NE(open()->key->public_key(), first->key->public_key());
}

TEST_F(Ledger, OfACrashWhileItWasMadeNothingIsLeft) {
    fs::create_directories(dir_ + "/ledger.new");
    std::ofstream(dir_ + "/ledger.new/key") << "half";
    EXPECT_TRUE(open().has_value());
}

TEST_F(Ledger, IsNotThereBeforeItsJournalIs) {
    journal_fails_ = true;
    ASSERT_FALSE(open().has_value());
    EXPECT_FALSE(read_ledger_volume(dir_).has_value());
    EXPECT_FALSE(fs::exists(dir_ + "/ledger"));
    journal_fails_ = false;
    EXPECT_TRUE(open().has_value());
    EXPECT_TRUE(read_ledger_volume(dir_).has_value());
}

TEST_F(Ledger, WithoutItsJournalOrKeyIsRefusedAndNeverMadeAnew) {
    ASSERT_TRUE(open().has_value());
    fs::rename(file("journal"), file("away"));
    expect_refused("journal is not there");
    fs::rename(file("away"), file("journal"));
    ASSERT_TRUE(open().has_value());
    fs::remove(file("key"));
    expect_refused("key");
    EXPECT_FALSE(fs::exists(file("key")));
}

TEST_F(Ledger, OfADamagedKeyIsRefused) {
    ASSERT_TRUE(open().has_value());
    std::fstream key(file("key"), std::ios::in | std::ios::out);
    key.seekp(-60, std::ios::end);
    key << "AAAA";
    key.close();
    expect_refused("incomplete or damaged");
}

}  // namespace
}  // namespace vidai::mesh::seal
