// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/snapshot_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/mesh/state/origins.h"

namespace vidai::mesh::state {
namespace {

using testing::kNow;
using testing::Origin;
using testing::Origins;
using testing::write;

class TempDir {
  public:
    TempDir() {
        std::string form = (std::filesystem::temp_directory_path() / "vidai-state-XXXXXX").string();
        path_ = ::mkdtemp(form.data());
    }
    ~TempDir() { std::filesystem::remove_all(path_); }
    std::string file(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

struct Sample {
    Origins mesh;
    std::vector<Register> registers;
    std::vector<seal::Bytes> roster{{1, 2, 3}, {4}};

    Sample() {
        const Origin a = mesh.make("a"), b = mesh.make("b");
        for (int i = 0; i < 20; ++i) {
            registers.push_back(write(i % 2 ? a : b, "k" + std::to_string(i), Hlc::at(kNow),
                                      "value " + std::to_string(i), i == 3));
        }
    }
    seal::Bytes encoded() const {
        std::vector<const Register*> pointers;
        for (const Register& r : registers) pointers.push_back(&r);
        return encode_state(mesh.trust().mesh, pointers, roster);
    }
};

TEST(SnapshotFile, KeepsRegistersAndRosterAcrossARestart) {
    const Sample sample;
    const TempDir dir;
    ASSERT_TRUE(store_bytes(dir.file("registers"), sample.encoded()).has_value());
    const auto state = load_state(dir.file("registers"));
    ASSERT_TRUE(state.has_value()) << state.error().message;
    EXPECT_EQ(state->mesh, sample.mesh.trust().mesh);
    EXPECT_EQ(state->roster, sample.roster);
    ASSERT_EQ(state->registers.size(), sample.registers.size());
    RegisterVerifier verifier(sample.mesh.trust());
    for (std::size_t i = 0; i < sample.registers.size(); ++i) {
        EXPECT_EQ(state->registers[i].statement, sample.registers[i].statement);
        EXPECT_TRUE(verifier.verify(state->registers[i], kNow).has_value());
    }
}

TEST(SnapshotFile, OfAnEmptyNodeIsWhole) {
    const auto state = decode_state(encode_state(MeshId{}, {}, {}), "registers");
    ASSERT_TRUE(state.has_value()) << state.error().message;
    EXPECT_TRUE(state->registers.empty());
}

TEST(SnapshotFile, IsReportedMissingAsSuch) {
    const TempDir dir;
    EXPECT_EQ(load_state(dir.file("registers")).error().code, ErrorCode::kNotFound);
}

TEST(SnapshotFile, IsRefusedWhereverItIsTorn) {
    const seal::Bytes whole = Sample().encoded();
    for (std::size_t size = 0; size < whole.size(); size += 7) {
        const auto state = decode_state(seal::ByteView(whole).first(size), "registers");
        ASSERT_FALSE(state.has_value()) << size;
        EXPECT_EQ(state.error().code, ErrorCode::kCorrupt);
    }
}

TEST(SnapshotFile, IsRefusedWithAnyByteFlippedAndSaysHowToRecover) {
    const seal::Bytes whole = Sample().encoded();
    for (std::size_t i = 0; i < whole.size(); i += 3) {
        seal::Bytes flipped = whole;
        flipped[i] ^= 0x10;
        const auto state = decode_state(flipped, "data/registers");
        ASSERT_FALSE(state.has_value()) << i;
        EXPECT_NE(state.error().message.find("data/registers"), std::string::npos);
        EXPECT_NE(state.error().message.find("move the file away"), std::string::npos);
    }
}

TEST(SnapshotFile, IsReplacedWholeAndLeavesNoTemporaryFile) {
    const Sample sample;
    const TempDir dir;
    const std::string path = dir.file("registers");
    ASSERT_TRUE(store_bytes(path, encode_state(sample.mesh.trust().mesh, {}, {})).has_value());
    // A crash left half a temporary file; it neither hinders nor is believed.
    std::ofstream(path + ".new") << "half";
    ASSERT_TRUE(store_bytes(path, sample.encoded()).has_value());
    EXPECT_EQ(load_state(path)->registers.size(), sample.registers.size());
    EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST(SnapshotFile, SaysWhyItCouldNotBeWritten) {
    const TempDir dir;
    const auto stored = store_bytes(dir.file("absent/registers"), seal::Bytes{1});
    EXPECT_EQ(stored.error().code, ErrorCode::kIo);
    EXPECT_NE(stored.error().message.find("absent/registers"), std::string::npos);
}

}  // namespace
}  // namespace vidai::mesh::state
