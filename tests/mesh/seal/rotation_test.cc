// SPDX-License-Identifier: Apache-2.0
// A node's next key: that it is held by who names it, and that the disk has the old identity or
// the new one, whole, wherever a crash or a bad disk comes in between.
#include "mesh/seal/rotation.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "mesh/seal/identity_store.h"
#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
namespace fs = std::filesystem;

TEST(RotationProof, IsOfThisMeshNodeAndBothKeys) {
    const auto next = key_from(1);
    const PublicKey held = key_from(2)->public_key(), other = key_from(3)->public_key();
    MeshId mesh, foreign;
    mesh.bytes.fill(1);
    foreign.bytes.fill(2);
    const NodeId node("vidai-0");
    const Signature proof = sign_rotation(*next, held, mesh, node);
    EXPECT_TRUE(verify_rotation(next->public_key(), held, mesh, node, proof));
    EXPECT_FALSE(verify_rotation(other, held, mesh, node, proof));
    EXPECT_FALSE(verify_rotation(next->public_key(), other, mesh, node, proof));
    EXPECT_FALSE(verify_rotation(next->public_key(), held, foreign, node, proof));
    EXPECT_FALSE(verify_rotation(next->public_key(), held, mesh, NodeId("vidai-1"), proof));
}

class Rotation : public ::testing::Test {
  protected:
    Rotation() {
        std::string name = ::testing::TempDir() + "vidai-rotation-XXXXXX";
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        dir_ = name;
        old_ = open_node_identity(dir_, random_).value();
        next_ = {key_from(77), old_.generation};
    }
    ~Rotation() override { fs::remove_all(dir_); }
    Rotation(const Rotation&) = delete;
    Rotation& operator=(const Rotation&) = delete;

    std::string folder(const char* suffix = "") const { return dir_ + "/identity" + suffix; }
    bool clean() const { return !fs::exists(folder(".next")) && !fs::exists(folder(".old")); }
    // Whose identity the next start has.
    PublicKey key_at_start() {
        const auto found = open_node_identity(dir_, random_);
        EXPECT_TRUE(found.has_value()) << found.error().message;
        EXPECT_TRUE(clean());
        return found ? found->key->public_key() : PublicKey{};
    }

    std::string dir_;
    SeededRandom random_{9};
    NodeIdentity old_, next_;
};

TEST_F(Rotation, LeavesNothingOfTheOldKey) {
    World world;
    const StoredMembership held{world.root.trust, world.node("vidai-0")->chain, {"h:1"}};
    const auto done = replace_node_identity(dir_, next_, held);
    ASSERT_TRUE(done.has_value()) << done.error().message;
    EXPECT_TRUE(clean());
    EXPECT_EQ(load_membership(dir_).value(), held);
    const auto started = open_node_identity(dir_, random_);
    ASSERT_TRUE(started.has_value()) << started.error().message;
    EXPECT_EQ(started->key->public_key(), next_.key->public_key());
    EXPECT_EQ(started->generation.value, old_.generation.value + 1) << "starts are counted on";
}

TEST_F(Rotation, DropsACertificateThatIsNotItsOwn) {
    World world;
    const StoredMembership held{world.root.trust, world.node("vidai-0")->chain, {}};
    ASSERT_TRUE(store_membership(dir_, held).has_value());
    ASSERT_TRUE(replace_node_identity(dir_, next_, std::nullopt).has_value());
    EXPECT_EQ(load_membership(dir_).error().code, ErrorCode::kNotFound);
}

// Fails the `at`th call of one kind, and all calls after it: the disk is gone.
class DyingDisk final : public Disk {
  public:
    DyingDisk(int writes, int syncs, int renames)
        : writes_(writes), syncs_(syncs), renames_(renames) {}
    bool failed() const { return failed_; }

  protected:
    ssize_t do_write(int fd, const void* bytes, std::size_t size) const override {
        return fails(writes_) ? -1 : Disk::do_write(fd, bytes, size);
    }
    int do_sync(int fd) const override { return fails(syncs_) ? -1 : Disk::do_sync(fd); }
    int do_rename(const char* from, const char* to) const override {
        return fails(renames_) ? -1 : Disk::do_rename(from, to);
    }

  private:
    bool fails(int& left) const {
        if (!failed_ && left-- != 0) return false;
        failed_ = true;
        errno = EIO;
        return true;
    }
    mutable int writes_, syncs_, renames_;
    mutable bool failed_ = false;
};

TEST_F(Rotation, OnADiskThatFailsLeavesOneWholeIdentity) {
    constexpr int kNever = 1'000;
    int failures = 0;
    for (int at = 0; at < 8; ++at) {
        for (const DyingDisk& disk : {DyingDisk(at, kNever, kNever), DyingDisk(kNever, at, kNever),
                                      DyingDisk(kNever, kNever, at)}) {
            fs::remove_all(folder());
            old_ = open_node_identity(dir_, random_).value();
            const auto done = replace_node_identity(dir_, next_, std::nullopt, disk);
            EXPECT_EQ(done.has_value(), !disk.failed()) << "what is not kept is no success";
            failures += done ? 0 : 1;
            const PublicKey found = key_at_start();
            const bool is_next = found == next_.key->public_key();
            EXPECT_TRUE(is_next || found == old_.key->public_key());
            EXPECT_TRUE(!done || is_next) << "what is kept is what starts";
        }
    }
    EXPECT_GE(failures, 8) << "writes, syncs and renames did fail";
}

TEST_F(Rotation, IsUndoneAtOnceByADiskThatRefusesOnlyThat) {
    // A rename that fails once, and works when the old name is given back.
    class Once final : public Disk {
      protected:
        int do_rename(const char* from, const char* to) const override {
            if (++calls_ != 2) return Disk::do_rename(from, to);
            errno = ENOSPC;
            return -1;
        }
        mutable int calls_ = 0;
    };
    const auto done = replace_node_identity(dir_, next_, std::nullopt, Once());
    ASSERT_FALSE(done.has_value());
    EXPECT_TRUE(clean());
    EXPECT_EQ(key_at_start(), old_.key->public_key());
}

TEST_F(Rotation, InterruptedBeforeItsFirstRenameHasNotHappened) {
    fs::create_directory(folder(".next"));
    EXPECT_EQ(key_at_start(), old_.key->public_key());
}

TEST_F(Rotation, InterruptedBetweenItsRenamesHasHappened) {
    fs::copy(folder(), dir_ + "/kept", fs::copy_options::recursive);
    ASSERT_TRUE(replace_node_identity(dir_, next_, std::nullopt).has_value());
    fs::rename(folder(), folder(".next"));
    fs::rename(dir_ + "/kept", folder(".old"));
    EXPECT_EQ(key_at_start(), next_.key->public_key());
}

TEST_F(Rotation, NeverEndsInAThirdIdentity) {
    fs::rename(folder(), folder(".old"));
    EXPECT_EQ(key_at_start(), old_.key->public_key());
}

}  // namespace
}  // namespace vidai::mesh::seal
