// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/vault.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
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
            Vault::open(dir_ + "/journal", kOwner, seal::system_random(), io,
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

journal::Rewrite::Source source(std::uint8_t kind, std::size_t size) {
    return [kind, size]() { return Vault::Record{kind, seal::Bytes(size, kind)}; };
}

// With what is committed while that goes on, and behind it.
TEST_F(VaultTest, IsRewrittenBesideItsCommits) {
    auto io = kj::setupAsyncIo();
    for (const bool threads : {true, false}) {
        SCOPED_TRACE(threads);
        fs::remove(dir_ + "/journal");
        make();
        kj::LowLevelAsyncIoProvider* const provider = threads ? io.lowLevelProvider.get() : nullptr;
        std::size_t during = 0;
        {
            auto vault = open(provider);
            std::optional<Result<void>> ended;
            vault->on_rewritten([&](const Result<void>& result) { ended = result; });
            EXPECT_TRUE(
                commit(*vault, io.waitScope, {{1, seal::Bytes(8 << 20)}}, Vault::Care::kUsual));
            const std::uint64_t before = vault->size();
            std::vector<journal::Rewrite::Source> wanted;
            for (int i = 0; i < 6; ++i) wanted.push_back(source(2, 700'000));
            vault->rewrite(std::move(wanted));
            EXPECT_TRUE(vault->rewriting());
            while (!ended) {
                EXPECT_TRUE(commit(*vault, io.waitScope, {{3, {static_cast<std::uint8_t>(during)}}},
                                   Vault::Care::kUsual));
                ++during;
            }
            EXPECT_TRUE(ended->has_value()) << ended->error().message;
            EXPECT_FALSE(vault->rewriting());
            EXPECT_EQ(vault->rewrites(), 1U);
            EXPECT_TRUE(commit(*vault, io.waitScope, {{4, {}}}, Vault::Care::kAlone));
            EXPECT_LT(vault->size(), before);
            EXPECT_EQ(vault->size(), fs::file_size(dir_ + "/journal"));
        }
        auto vault = open(provider);
        ASSERT_EQ(found_.size(), 6 + during + 1);
        for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(found_[i].second.size(), 700'000U);
        for (std::size_t i = 0; i < during; ++i) {
            EXPECT_EQ(found_[6 + i].second, seal::Bytes{static_cast<std::uint8_t>(i)});
        }
        EXPECT_EQ(found_.back().first, 4);
        EXPECT_FALSE(fs::exists(dir_ + "/journal.new"));
    }
}

TEST_F(VaultTest, GoesOnAsItWasWhereItCannotBeRewritten) {
    auto io = kj::setupAsyncIo();
    make();
    fs::create_directories(dir_ + "/journal.new/in the way");
    {
        auto vault = open(io.lowLevelProvider.get());
        std::optional<Result<void>> ended;
        vault->on_rewritten([&](const Result<void>& result) { ended = result; });
        EXPECT_TRUE(commit(*vault, io.waitScope, {{1, {1}}}, Vault::Care::kUsual));
        vault->rewrite({source(2, 10)});
        while (!ended) {
            EXPECT_TRUE(commit(*vault, io.waitScope, {{1, {1}}}, Vault::Care::kUsual));
        }
        EXPECT_FALSE(ended->has_value());
        EXPECT_EQ(vault->rewrites(), 0U);
        EXPECT_TRUE(commit(*vault, io.waitScope, {{1, {1}}}, Vault::Care::kUsual));
    }
    auto vault = open(nullptr);
    EXPECT_GE(found_.size(), 3U);
    for (const auto& [kind, bytes] : found_) EXPECT_EQ(kind, 1);
}

// What a crash leaves of it is nobody's.
TEST_F(VaultTest, ARewriteThatACrashHasEndedIsRemoved) {
    make();
    {
        std::ofstream(dir_ + "/journal.new") << "half";
    }
    auto vault = open(nullptr);
    EXPECT_FALSE(fs::exists(dir_ + "/journal.new"));
}

TEST_F(VaultTest, AnotherProcessDoesNotGetIt) {
    make();
    auto vault = open(nullptr);
    const auto second = Vault::open(dir_ + "/journal", kOwner, seal::system_random(), nullptr,
                                    [](std::uint8_t, seal::ByteView) { return Result<void>(); });
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
}

}  // namespace
}  // namespace vidai::mesh::rpc
