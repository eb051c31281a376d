// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/identity_store.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class Store : public ::testing::Test {
  protected:
    Store() {
        std::string name = ::testing::TempDir() + "vidai-seal-XXXXXX";
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        dir_ = name;
    }
    ~Store() override { fs::remove_all(dir_); }
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    std::string path(const std::string& name) const { return dir_ + "/" + name; }
    static mode_t mode_of(const std::string& file) {
        struct stat status{};
        EXPECT_EQ(::stat(file.c_str(), &status), 0) << file;
        return status.st_mode & 07777;
    }
    static std::string read(const std::string& file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static void write(const std::string& file, const std::string& text) {
        std::ofstream(file, std::ios::binary) << text;
    }
    NewMesh new_mesh() const {
        SeededRandom random(4);
        return make_mesh({}, kNow, random).value();
    }
    Result<NodeIdentity> start() { return open_node_identity(dir_, random_); }

    std::string dir_;
    SeededRandom random_{9};
};

TEST_F(Store, KeepsWhatMeshInitWrites) {
    const NewMesh mesh = new_mesh();
    ASSERT_TRUE(write_new_files(path("mesh"), mesh.files));
    EXPECT_EQ(mode_of(path("mesh")), 0700U);
    for (const char* secret : {"root.key", "issuer.key", "operator.key"}) {
        EXPECT_EQ(mode_of(path("mesh/") + secret), 0600U) << secret;
    }
    EXPECT_EQ(load_trust(path("mesh/mesh.pub")).value(), mesh.trust);
    EXPECT_EQ(load_root(path("mesh/root.key")).value().trust, mesh.trust);
    EXPECT_EQ(load_issuer(path("mesh/issuer.key")).value().trust, mesh.trust);
    EXPECT_EQ(load_operator(path("mesh/operator.key")).value().trust, mesh.trust);
}

TEST_F(Store, NeverOverwrites) {
    const NewMesh mesh = new_mesh();
    write(path("operator.key"), "precious");
    const auto again = write_new_files(dir_, mesh.files);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
    EXPECT_THAT(again.error().message, HasSubstr("operator.key"));
    EXPECT_EQ(read(path("operator.key")), "precious");
    EXPECT_FALSE(fs::exists(path("root.key"))) << "all or nothing";
}

TEST_F(Store, RefusesSecretsThatOthersCanReadAndSaysHowToFixIt) {
    ASSERT_TRUE(write_new_files(dir_, new_mesh().files));
    for (const mode_t mode : {0644U, 0640U, 0604U, 0660U, 0602U}) {
        ASSERT_EQ(::chmod(path("issuer.key").c_str(), mode), 0);
        const auto issuer = load_issuer(path("issuer.key"));
        ASSERT_FALSE(issuer);
        EXPECT_EQ(issuer.error().code, ErrorCode::kPermissionDenied);
        EXPECT_THAT(issuer.error().message, HasSubstr("chmod 600 " + path("issuer.key")));
    }
    ASSERT_EQ(::chmod(path("issuer.key").c_str(), 0400), 0);
    EXPECT_TRUE(load_issuer(path("issuer.key")));
}

TEST_F(Store, FollowsTheLinksThatMountedSecretsAre) {
    ASSERT_TRUE(write_new_files(path("real"), new_mesh().files));
    fs::create_symlink(path("real/issuer.key"), path("issuer.key"));
    EXPECT_TRUE(load_issuer(path("issuer.key")));
}

TEST_F(Store, SaysWhichFileIsMissingOrIsNoFile) {
    const auto missing = load_issuer(path("nowhere.key"));
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(missing.error().message, HasSubstr("nowhere.key"));
    const auto directory = load_issuer(dir_);
    ASSERT_FALSE(directory);
    EXPECT_EQ(directory.error().code, ErrorCode::kConfigInvalid);
}

TEST_F(Store, RefusesAHugeFileUnread) {
    write(path("mesh.pub"), std::string(100'000, '#'));
    EXPECT_EQ(load_trust(path("mesh.pub")).error().code, ErrorCode::kConfigInvalid);
}

TEST_F(Store, CountsOnFromWhereItIsTold) {
    auto identity = start();
    ASSERT_TRUE(identity);
    identity->generation = Generation{41};
    ASSERT_TRUE(count_starts(dir_, *identity));
    const auto next = start();
    ASSERT_TRUE(next) << next.error().message;
    EXPECT_EQ(next->generation, Generation{42});
    EXPECT_EQ(next->key->public_key(), identity->key->public_key());
    EXPECT_EQ(mode_of(path("identity/generation")), 0600U);
}

TEST_F(Store, MakesAnIdentityOnceAndCountsItsStarts) {
    const auto first = start();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->generation, Generation{1});
    for (std::uint64_t n = 2; n < 5; ++n) {
        const auto next = start();
        ASSERT_TRUE(next);
        EXPECT_EQ(next->generation, Generation{n});
        EXPECT_EQ(next->key->public_key(), first->key->public_key());
    }
    EXPECT_EQ(mode_of(path("identity")), 0700U);
    EXPECT_EQ(mode_of(path("identity/node.key")), 0600U);
}

TEST_F(Store, IsNotConfusedByAFirstStartOrACountThatCrashed) {
    fs::create_directory(path("identity.new"));
    write(path("identity.new/node.key"), "half a k");
    const auto first = start();
    ASSERT_TRUE(first);
    EXPECT_FALSE(fs::exists(path("identity.new")));
    write(path("identity/generation.new"), "half a generat");
    EXPECT_EQ(start().value().generation, Generation{2});
}

// Damages the identity, expects the refusal with its advice, and that nothing was changed.
void expect_unusable(const Result<NodeIdentity>& result, const std::string& folder) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(result.error().message,
                AllOf(HasSubstr("Restore " + folder), HasSubstr("move that folder away")));
}

TEST_F(Store, NeverMakesANewIdentityInPlaceOfAnIncompleteOne) {
    ASSERT_TRUE(start());
    const std::string key = read(path("identity/node.key"));
    fs::remove(path("identity/node.key"));
    expect_unusable(start(), path("identity"));
    EXPECT_FALSE(fs::exists(path("identity/node.key")));
    write(path("identity/node.key"), key);
    fs::permissions(path("identity/node.key"), fs::perms(0600));
    fs::remove(path("identity/generation"));
    expect_unusable(start(), path("identity"));
    EXPECT_FALSE(fs::exists(path("identity/generation")));
    fs::remove(path("identity/node.key"));
    expect_unusable(start(), path("identity"));
}

TEST_F(Store, NeverMakesANewIdentityInPlaceOfADamagedOne) {
    ASSERT_TRUE(start());
    for (const char* name : {"identity/node.key", "identity/generation"}) {
        const std::string good = read(path(name));
        for (const std::string& bad :
             {std::string(), good.substr(0, good.size() / 2), std::string("garbage"),
              std::string(good).replace(good.find("-----\n") + 10, 1, "?")}) {
            write(path(name), bad);
            expect_unusable(start(), path("identity"));
            EXPECT_EQ(read(path(name)), bad);
        }
        write(path(name), good);
    }
    EXPECT_EQ(start().value().generation, Generation{2}) << "whole again, and no start was lost";
}

TEST_F(Store, RefusesAnotherNodesGeneration) {
    ASSERT_TRUE(start());
    write(path("identity/generation"),
          encode_generation(Generation{100}, key_from(1)->public_key()));
    expect_unusable(start(), path("identity"));
}

TEST_F(Store, RefusesANodeKeyThatOthersCanRead) {
    ASSERT_TRUE(start());
    ASSERT_EQ(::chmod(path("identity/node.key").c_str(), 0644), 0);
    const auto again = start();
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::kPermissionDenied);
    EXPECT_THAT(again.error().message, HasSubstr("chmod 600"));
}

TEST_F(Store, NeedsItsDataDirectory) {
    const auto nowhere = open_node_identity(path("absent"), random_);
    ASSERT_FALSE(nowhere);
    EXPECT_THAT(nowhere.error().message, HasSubstr("absent"));
}

}  // namespace
}  // namespace vidai::mesh::seal
