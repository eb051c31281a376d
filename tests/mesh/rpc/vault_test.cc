// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/vault.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <kj/async-io.h>

namespace vidai::mesh::rpc {
namespace {

namespace fs = std::filesystem;

constexpr journal::Owner kOwner{{{1, 2}}, {}};

class VaultTest : public ::testing::Test {
  protected:
    VaultTest() {
        std::string name = ::testing::TempDir() + "vidai-vault-XXXXXX";
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        dir_ = name;
    }
    ~VaultTest() override { fs::remove_all(dir_); }
    VaultTest(const VaultTest&) = delete;
    VaultTest& operator=(const VaultTest&) = delete;

    void make() const {
        const auto made = journal::make_journal(dir_ + "/journal", kOwner, seal::system_random());
        EXPECT_TRUE(made.has_value()) << made.error().message;
    }
    // The records that are there.
    std::unique_ptr<Vault> open(kj::LowLevelAsyncIoProvider* io) {
        found_.clear();
        auto vault =
            Vault::open(dir_ + "/journal", kOwner, io,
                        [this](std::uint8_t kind, seal::ByteView bytes) -> Result<void> {
                            found_.emplace_back(kind, seal::Bytes(bytes.begin(), bytes.end()));
                            return {};
                        });
        EXPECT_TRUE(vault.has_value()) << vault.error().message;
        return std::move(*vault);
    }
    static bool commit(Vault& vault, kj::WaitScope& scope, std::vector<Vault::Record> records,
                       Vault::Care care) {
        auto pair = kj::newPromiseAndFulfiller<bool>();
        vault.on_committed(
            [&](const Result<void>& result) { pair.fulfiller->fulfill(result.has_value()); });
        vault.commit(std::move(records), care);
        EXPECT_TRUE(vault.busy());
        return pair.promise.wait(scope);
    }

    std::string dir_;
    std::vector<std::pair<std::uint8_t, seal::Bytes>> found_;
};

TEST_F(VaultTest, WhatWasCommittedIsThereForTheNextProcess) {
    auto io = kj::setupAsyncIo();
    for (const bool threads : {true, false}) {
        fs::remove(dir_ + "/journal");
        make();
        kj::LowLevelAsyncIoProvider* const provider = threads ? io.lowLevelProvider.get() : nullptr;
        {
            auto vault = open(provider);
            EXPECT_TRUE(found_.empty());
            EXPECT_TRUE(commit(*vault, io.waitScope, {{1, {7}}, {2, {8, 9}}}, Vault::Care::kUsual));
            EXPECT_TRUE(commit(*vault, io.waitScope, {{3, {}}}, Vault::Care::kAlone));
            EXPECT_FALSE(vault->busy());
            EXPECT_EQ(vault->commits(), 2U);
        }
        auto vault = open(provider);
        ASSERT_EQ(found_.size(), 3U);
        EXPECT_EQ(found_[1], std::pair(std::uint8_t{2}, seal::Bytes{8, 9}));
        EXPECT_EQ(vault->recovered().records, 3U);
    }
}

TEST_F(VaultTest, AnotherProcessDoesNotGetIt) {
    make();
    auto vault = open(nullptr);
    const auto second = Vault::open(dir_ + "/journal", kOwner, nullptr,
                                    [](std::uint8_t, seal::ByteView) { return Result<void>(); });
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
}

}  // namespace
}  // namespace vidai::mesh::rpc
