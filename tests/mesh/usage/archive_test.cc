// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/archive.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "mesh/usage/folder.h"
#include "tests/mesh/usage/events.h"
#include "tests/mesh/usage/temporary_store.h"

namespace vidai::mesh::usage {
namespace {

const journal::Owner kOwn{{{1}}, {{2}}};
const journal::Owner kBefore{{{1}}, {{3}}};

// A flat folder, as an earlier program left it, in which `origin` has that many events.
struct ArchiveTest : testing::Test {
    TemporaryStore temporary;
    const std::string archive = temporary.archive() + "/usage";

    void write_flat(const journal::Owner& origin, int events) const {
        Store::Options options = temporary.options;
        options.folder = archive;
        options.origin = origin;
        auto store = Store::open(options, seal::system_random());
        ASSERT_TRUE(store);
        for (int i = 0; i < events; ++i) {
            Event event = some_event(0);
            ASSERT_TRUE((*store)->append(event));
        }
        ASSERT_TRUE((*store)->commit());
    }
    std::size_t count(const journal::Owner& origin) const {
        std::size_t events = 0;
        const auto unread = read_folder(origin_folder(archive, origin.ledger), origin, {},
                                        [&](const Event&) { ++events; });
        EXPECT_TRUE(unread.empty());
        return events;
    }
};

TEST_F(ArchiveTest, MovesFlatFilesToTheFoldersOfTheirOrigins) {
    write_flat(kBefore, 2);
    // The same name as the first one's, had that not been moved.
    ASSERT_TRUE(open_archive(archive, kOwn));
    write_flat(kOwn, 3);
    const auto stay = open_archive(archive, kOwn);
    ASSERT_TRUE(stay);
    EXPECT_TRUE(stay->empty());
    EXPECT_EQ(count(kBefore), 2U);
    EXPECT_EQ(count(kOwn), 3U);
    EXPECT_EQ(*list_origins(archive), (std::vector{kOwn.ledger, kBefore.ledger}));
    EXPECT_TRUE(list_segments(archive)->empty());
    ASSERT_TRUE(open_archive(archive, kOwn)) << "and there is nothing more to do";
    EXPECT_EQ(count(kOwn), 3U);
}

TEST_F(ArchiveTest, LeavesWhatItCannotTellWhoseItIs) {
    write_flat({{{9}}, {{2}}}, 1);
    std::ofstream(segment_path(archive, 7)) << std::string(20'000, 'x');
    std::ofstream(segment_path(archive, 9));  // never finished: it keeps a number from being reused
    const auto stay = open_archive(archive, kOwn);
    ASSERT_TRUE(stay);
    ASSERT_EQ(stay->size(), 2U);
    EXPECT_NE((*stay)[0].why.message.find("another mesh"), std::string::npos);
    EXPECT_EQ((*stay)[1].path, segment_path(archive, 7));
    EXPECT_TRUE(std::filesystem::exists(segment_path(archive, 7)));
    EXPECT_TRUE(std::filesystem::exists(segment_path(origin_folder(archive, kOwn.ledger), 9)));
}

TEST_F(ArchiveTest, MovesNothingOverWhatIsThere) {
    write_flat(kOwn, 1);
    ASSERT_TRUE(open_archive(archive, kOwn));
    write_flat(kOwn, 2);
    const auto stay = open_archive(archive, kOwn);
    ASSERT_TRUE(stay);
    EXPECT_EQ(stay->size(), 1U);
    EXPECT_EQ(count(kOwn), 1U);
}

TEST_F(ArchiveTest, PassesOtherNamesOver) {
    EXPECT_TRUE(list_origins(archive)->empty()) << "it is not there";
    ASSERT_TRUE(open_archive(archive, kOwn));
    std::filesystem::create_directory(archive + "/" + std::string(64, 'A'));
    std::filesystem::create_directory(archive + "/" + std::string(64, 'g'));
    std::filesystem::create_directory(archive + "/abc");
    EXPECT_TRUE(list_origins(archive)->empty());
    EXPECT_EQ(parse_origin(std::string(64, 'a'))->bytes[31], 0xaa);
}

}  // namespace
}  // namespace vidai::mesh::usage
