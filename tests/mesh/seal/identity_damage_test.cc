// SPDX-License-Identifier: Apache-2.0
// Every way in which an identity on the disk goes wrong, times every file of it: each is a refusal
// that names the file and says how to recover, changes nothing, and never makes a new identity.
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "mesh/seal/identity_store.h"
#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using ::testing::AnyOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::string read(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write(const std::string& file, const std::string& text) {
    std::ofstream(file, std::ios::binary) << text;
}

// A disk that fails at its n-th call of one kind.
class BrokenDisk final : public Disk {
  public:
    enum class Call : std::uint8_t { kWrite, kSync, kRename };
    BrokenDisk(Call call, int at, int error) : call_(call), at_(at), error_(error) {}
    bool failed() const { return failed_; }

  protected:
    ssize_t do_write(int fd, const void* bytes, std::size_t size) const override {
        if (fails(Call::kWrite)) return -1;
        // The rest of a file comes in a second write, so that one can tear it.
        return Disk::do_write(fd, bytes, size > 1 ? size / 2 : size);
    }
    int do_sync(int fd) const override { return fails(Call::kSync) ? -1 : Disk::do_sync(fd); }
    int do_rename(const char* from, const char* to) const override {
        return fails(Call::kRename) ? -1 : Disk::do_rename(from, to);
    }

  private:
    bool fails(Call call) const {
        if (call != call_ || at_-- != 0) return false;
        failed_ = true;
        errno = error_;
        return true;
    }
    const Call call_;
    mutable int at_;
    const int error_;
    mutable bool failed_ = false;
};

class Damage : public ::testing::Test {
  protected:
    Damage() {
        std::string name = ::testing::TempDir() + "vidai-damage-XXXXXX";
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        dir_ = name;
        const auto first = open_node_identity(dir_, random_);
        EXPECT_TRUE(first);
        key_ = first->key->public_key();
        World world;
        const auto chain = issue_node_certificate(world.issuer, NodeId("vidai-0"), key_, kNow,
                                                  kNodeValidity, random_);
        EXPECT_TRUE(store_membership(dir_, {world.root.trust, *chain, {"127.0.0.1:7420"}}));
    }
    ~Damage() override { fs::remove_all(dir_); }
    Damage(const Damage&) = delete;
    Damage& operator=(const Damage&) = delete;

    std::string path(const std::string& name) const { return dir_ + "/identity/" + name; }

    // What a start says of these files: the identity first, then the certificate.
    Result<void> start() {
        const auto identity = open_node_identity(dir_, random_);
        if (!identity) return fail(identity.error());
        EXPECT_EQ(identity->key->public_key(), key_) << "another identity";
        return certificate();
    }
    Result<void> certificate() const {
        const auto held = load_membership(dir_);
        if (!held) return fail(held.error());
        return {};
    }

    void expect_refused(const std::string& name, const std::string& damage) {
        const std::string bad = read(path(name));
        // A start that gets as far as the certificate is counted each time, which takes the disk.
        const auto refused = name == "certificate" ? certificate() : start();
        ASSERT_FALSE(refused) << name << ": " << damage;
        EXPECT_THAT(refused.error().message, HasSubstr(path(name))) << damage;
        EXPECT_THAT(refused.error().message, AnyOf(HasSubstr("Restore"), HasSubstr("chmod 600")))
            << "says how to recover: " << damage;
        EXPECT_EQ(read(path(name)), bad) << "changed: " << damage;
    }

    std::string dir_;
    SeededRandom random_{9};
    PublicKey key_;
};

constexpr const char* kFiles[] = {"node.key", "generation", "certificate"};

TEST_F(Damage, OfAnyByteOrLengthIsRefused) {
    for (const std::string name : kFiles) {
        const std::string good = read(path(name));
        const std::size_t content = good.find("-----BEGIN");
        ASSERT_NE(content, std::string::npos);
        for (std::size_t size = 0; size + 1 < good.size(); ++size) {
            write(path(name), good.substr(0, size));
            expect_refused(name, "torn at " + std::to_string(size));
        }
        for (std::size_t i = content; i + 1 < good.size(); ++i) {
            std::string bad = good;
            bad[i] = static_cast<char>(bad[i] ^ 1);
            write(path(name), bad);
            expect_refused(name, "a bit flipped in byte " + std::to_string(i));
        }
        write(path(name), std::string(good.size(), '\0'));
        expect_refused(name, "zeros, as a journal leaves them");
        write(path(name), good);
    }
    EXPECT_TRUE(start()) << "whole again";
}

TEST_F(Damage, ThatEmptiedAFileIsCalledThat) {
    for (const std::string name : kFiles) {
        const std::string good = read(path(name));
        write(path(name), "");
        const auto refused = name == "certificate" ? certificate() : start();
        ASSERT_FALSE(refused) << name;
        EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt);
        EXPECT_THAT(refused.error().message, HasSubstr(path(name) + " is empty. Restore"));
        write(path(name), good);
    }
}

TEST_F(Damage, ThatTookAFileAwayIsRefused) {
    for (const std::string name : {"node.key", "generation"}) {
        const std::string good = read(path(name));
        fs::remove(path(name));
        const auto gone = start();
        ASSERT_FALSE(gone) << name;
        EXPECT_THAT(gone.error().message, HasSubstr("Restore " + dir_ + "/identity"));
        EXPECT_FALSE(fs::exists(path(name)));
        fs::create_directory(path(name));
        EXPECT_THAT(start().error().message, HasSubstr("Restore")) << "a folder in its place";
        fs::remove(path(name));
        write(path(name), good);
        fs::permissions(path(name), fs::perms(0600));
    }
    EXPECT_TRUE(start());
}

TEST_F(Damage, ByAnotherNodesFilesIsRefused) {
    const auto other = key_from(5);
    const std::string key = read(path("node.key")), generation = read(path("generation"));
    write(path("node.key"), std::string(encode_node_key(*other).reveal()));
    const auto mixed = start();
    ASSERT_FALSE(mixed);
    EXPECT_THAT(mixed.error().message, HasSubstr("another node's key"));
    write(path("node.key"), key);
    write(path("generation"), encode_generation(Generation{900}, other->public_key()));
    expect_refused("generation", "of another node");
    write(path("generation"), generation);
    EXPECT_TRUE(start());
}

TEST_F(Damage, ByPermissionsIsRefused) {
    for (const ::mode_t mode : {0644U, 0640U, 0606U, 0622U}) {
        ASSERT_EQ(::chmod(path("node.key").c_str(), mode), 0);
        expect_refused("node.key", "mode " + std::to_string(mode));
    }
    ASSERT_EQ(::chmod(path("node.key").c_str(), 0600), 0);
    EXPECT_TRUE(start());
}

TEST_F(Damage, AFullOrBrokenDiskCountsNoStartAndLosesNothing) {
    using Call = BrokenDisk::Call;
    const std::string before = read(path("generation"));
    int failures = 0;
    for (const int error : {ENOSPC, EIO, EDQUOT}) {
        for (const auto& [call, at] : std::vector<std::pair<Call, int>>{
                 {Call::kWrite, 0}, {Call::kWrite, 1}, {Call::kSync, 0}, {Call::kRename, 0}}) {
            const BrokenDisk disk(call, at, error);
            const auto refused = open_node_identity(dir_, random_, disk);
            ASSERT_TRUE(disk.failed());
            ASSERT_FALSE(refused);
            ++failures;
            EXPECT_EQ(refused.error().code, ErrorCode::kIo);
            EXPECT_THAT(refused.error().message, HasSubstr(path("generation")));
            EXPECT_THAT(refused.error().message, HasSubstr("Make room on the disk"));
            EXPECT_EQ(read(path("generation")), before);
            EXPECT_FALSE(fs::exists(path("generation.new"))) << "left half a file";
        }
    }
    EXPECT_EQ(failures, 12);
    // The folder's own sync comes after the rename: the start is refused, and counted by then. No
    // number is ever used twice.
    const BrokenDisk disk(Call::kSync, 1, EIO);
    EXPECT_FALSE(open_node_identity(dir_, random_, disk));
    EXPECT_TRUE(disk.failed());
    const auto next = open_node_identity(dir_, random_);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->generation, Generation{3});
}

TEST_F(Damage, AFirstStartOnABrokenDiskMakesNoHalfIdentity) {
    using Call = BrokenDisk::Call;
    int tried = 0;
    for (const Call call : {Call::kWrite, Call::kSync, Call::kRename}) {
        for (int at = 0; at < 8; ++at) {
            const std::string fresh = dir_ + "/fresh" + std::to_string(tried++);
            fs::create_directory(fresh);
            const BrokenDisk disk(call, at, ENOSPC);
            const auto made = open_node_identity(fresh, random_, disk);
            EXPECT_EQ(made.has_value(), !disk.failed());
            if (!made) {
                EXPECT_THAT(made.error().message, HasSubstr("Make room on that disk"));
                EXPECT_THAT(made.error().message, HasSubstr("--data-dir"));
            }
            const bool there = fs::exists(fresh + "/identity");
            const auto again = open_node_identity(fresh, random_);
            ASSERT_TRUE(again) << again.error().message;
            EXPECT_EQ(again->generation, Generation{there ? 2U : 1U});
        }
    }
}

}  // namespace
}  // namespace vidai::mesh::seal
