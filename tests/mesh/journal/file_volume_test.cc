// SPDX-License-Identifier: Apache-2.0
// A real file under a journal.
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "mesh/journal/journal.h"

namespace vidai::mesh::journal {
namespace {

struct FileVolumeTest : testing::Test {
    FileVolumeTest() {
        std::string text = (std::filesystem::temp_directory_path() / "vidai-journal-XXXXXX");
        folder = ::mkdtemp(text.data());
        path = (folder / "journal").string();
    }
    ~FileVolumeTest() override { std::filesystem::remove_all(folder); }

    std::filesystem::path folder;
    std::string path;
    const Owner owner{{{1}}, {{2}}};
};

TEST_F(FileVolumeTest, KeepsRecordsForTheNextProcess) {
    std::size_t records = 0;
    const Journal::Read count = [&](std::uint8_t, seal::ByteView bytes) -> Result<void> {
        EXPECT_EQ(bytes.size(), 5'000U);
        ++records;
        return {};
    };
    for (std::size_t life = 0; life < 3; ++life) {
        records = 0;
        const auto volume = open_file(path);
        ASSERT_TRUE(volume) << volume.error().message;
        auto journal = Journal::open(**volume, owner, seal::system_random(), count);
        ASSERT_TRUE(journal) << journal.error().message;
        EXPECT_EQ(records, life);
        journal->append(1, seal::Bytes(5'000, 'a'));
        ASSERT_TRUE(journal->commit());
    }
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(FileVolumeTest, IsOneProcessesAtATime) {
    const auto first = open_file(path);
    ASSERT_TRUE(first);
    const auto second = open_file(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
}

TEST_F(FileVolumeTest, SaysWhatIsNoFile) {
    std::filesystem::create_directory(path);
    EXPECT_FALSE(open_file(path));
    std::filesystem::remove(path);
    std::filesystem::create_symlink("elsewhere", path);
    EXPECT_FALSE(open_file(path)) << "a link could lead out of the volume";
    EXPECT_FALSE(open_file((folder / "none" / "journal").string()));
}

TEST_F(FileVolumeTest, SaysWhenTheDiskIsFull) {
    const auto full = open_file("/dev/full");
    ASSERT_FALSE(full) << "not a regular file";
    EXPECT_EQ(full.error().code, ErrorCode::kConfigInvalid);
}

}  // namespace
}  // namespace vidai::mesh::journal
