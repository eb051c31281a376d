// SPDX-License-Identifier: Apache-2.0
// A real folder of segments.
#include "mesh/usage/store.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "mesh/usage/folder.h"
#include "tests/mesh/usage/events.h"
#include "tests/mesh/usage/full_disk.h"
#include "tests/mesh/usage/temporary_store.h"

namespace vidai::mesh::usage {
namespace {

using Numbered = std::vector<std::uint64_t>;

struct StoreTest : testing::Test {
    StoreTest() { options.segment_bytes = 1; }  // each commit fills one

    std::unique_ptr<Store> open() const { return folder.open(); }
    static Result<std::uint64_t> append(Store& store) {
        Event event = some_event(77);
        return store.append(event);
    }
    static void write(Store& store, int events) {
        for (int i = 0; i < events; ++i) ASSERT_TRUE(append(store));
        ASSERT_TRUE(store.commit());
    }
    static Dropped tidy(Store& store, WallTime now = at_ms(2'000)) {
        auto dropped = store.tidy(now);
        EXPECT_TRUE(dropped) << dropped.error().message;
        return dropped.value_or(Dropped{});
    }
    Numbered numbers(std::size_t failures = 0) const {
        Numbered found;
        for (const Event& event : folder.read(failures)) found.push_back(event.number);
        return found;
    }
    std::string path(std::uint64_t first) const { return segment_path(options.folder, first); }
    // Of the segment that begins with `first`, the byte that many before its end.
    void damage(std::uint64_t first, int before_end) const {
        std::fstream file(path(first), std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(-before_end, std::ios::end);
        const char was = static_cast<char>(file.peek());
        file.seekp(-before_end, std::ios::end);
        file.put(static_cast<char>(was ^ 1));
        ASSERT_TRUE(file.flush());
    }

    TemporaryStore folder;
    Store::Options& options = folder.options;
};

TEST_F(StoreTest, NumbersEventsFromOneAndGoesOnInTheNextLife) {
    {
        const auto store = open();
        ASSERT_TRUE(store);
        EXPECT_EQ(*append(*store), 1U) << "whatever the event said";
        EXPECT_EQ(*append(*store), 2U);
        ASSERT_TRUE(store->commit());
        EXPECT_EQ(*append(*store), 3U) << "and never committed";
        EXPECT_EQ(numbers(), (Numbered{1, 2})) << "while it is written to";
    }
    const auto store = open();
    ASSERT_TRUE(store);
    EXPECT_EQ(store->next(), 3U);
    write(*store, 1);
    EXPECT_EQ(numbers(), (Numbered{1, 2, 3}));
    struct stat status{};
    ASSERT_EQ(::stat(options.folder.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(StoreTest, BeginsTheNextFileWhereOneIsFull) {
    {
        const auto store = open();
        ASSERT_TRUE(store);
        tidy(*store);
        EXPECT_EQ(store->segments(), 1U) << "an empty one is not full";
        write(*store, 2);
        tidy(*store);
        write(*store, 1);
        EXPECT_EQ(store->segments(), 2U);
    }
    EXPECT_TRUE(std::filesystem::exists(path(1)));
    EXPECT_TRUE(std::filesystem::exists(path(3)));
    const auto store = open();
    ASSERT_TRUE(store);
    EXPECT_EQ(store->next(), 4U);
    EXPECT_EQ(numbers(), (Numbered{1, 2, 3}));
    EXPECT_EQ(store->bytes(),
              std::filesystem::file_size(path(1)) + std::filesystem::file_size(path(3)));
}

TEST_F(StoreTest, GivesNoNumberTwiceWhenAllEventsAreTooOld) {
    {
        const auto store = open();
        ASSERT_TRUE(store);
        write(*store, 2);
        const Dropped dropped = tidy(*store, at_ms(1'000 + 1'000'001));
        EXPECT_EQ(dropped.ids, Numbered{1});
        EXPECT_EQ(store->segments(), 1U);
    }
    EXPECT_TRUE(numbers().empty());
    EXPECT_FALSE(std::filesystem::exists(path(1)));
    EXPECT_EQ(open()->next(), 3U);
}

TEST_F(StoreTest, DropsTheOldestFilesUntilTheRestFits) {
    {
        const auto store = open();
        ASSERT_TRUE(store);
        for (int i = 0; i < 3; ++i) {
            write(*store, 1);
            tidy(*store);
        }
        EXPECT_EQ(store->segments(), 4U);
    }
    const std::uint64_t one = std::filesystem::file_size(path(1));
    options.keep.bytes = 3 * one;
    const auto store = open();
    ASSERT_TRUE(store);
    EXPECT_EQ(tidy(*store).ids, Numbered{1});
    EXPECT_LE(store->bytes(), 3 * one);
    EXPECT_EQ(numbers(), (Numbered{2, 3}));
}

TEST_F(StoreTest, IsOneProcessesAtATime) {
    const auto store = open();
    ASSERT_TRUE(store);
    const auto second = Store::open(options, seal::system_random());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
}

TEST_F(StoreTest, LeavesADamagedFileAndGoesOnWithNumbersThatItCannotHave) {
    {
        const auto store = open();
        ASSERT_TRUE(store);
        write(*store, 1);
        tidy(*store);
        write(*store, 2);
        write(*store, 1);  // with the mark that the two before are synced
    }
    const std::uint64_t bytes = std::filesystem::file_size(path(2));
    std::filesystem::resize_file(path(2), bytes / 2 + 4'096);
    const std::uint64_t left = std::filesystem::file_size(path(2));
    ASSERT_LT(left, bytes);
    const auto store = open();
    ASSERT_TRUE(store);
    ASSERT_TRUE(store->damage());
    EXPECT_NE(store->damage()->message.find(path(2)), std::string::npos);
    EXPECT_EQ(store->next(), 2 + left);
    EXPECT_EQ(std::filesystem::file_size(path(2)), left) << "as it was";
    write(*store, 1);
    const Numbered found = numbers(1);
    EXPECT_EQ(found.front(), 1U);
    EXPECT_EQ(found.back(), 2 + left);
}

TEST_F(StoreTest, ReadsTheRecordsAroundADamagedOne) {
    {
        const auto store = open();
        ASSERT_TRUE(store);
        for (int i = 0; i < 4; ++i) write(*store, 1);
    }
    const auto size = static_cast<int>(std::filesystem::file_size(path(1)));
    damage(1, (size - 12'288) / 2);
    std::vector<Event> found;
    const auto unread = read_folder(options.folder, options.origin, {},
                                    [&](const Event& event) { found.push_back(event); });
    ASSERT_EQ(unread.size(), 1U);
    EXPECT_EQ(unread.front().path, path(1));
    EXPECT_EQ(found.size(), 3U);
    EXPECT_EQ(unread.front().bytes, static_cast<std::uint64_t>(size - 12'288) / 4);
    const std::string told = std::to_string(unread.front().bytes) + " bytes of it are passed over";
    EXPECT_NE(unread.front().why.message.find(told), std::string::npos);
}

TEST_F(StoreTest, GoesOnBehindAFileThatIsClosedForGood) {
    {
        const auto store = open();
        ASSERT_TRUE(store);
        write(*store, 3);
    }
    std::filesystem::rename(path(1), segment_path(options.folder, 1, 3));
    options.keep.bytes = 1;
    const auto store = open();
    ASSERT_TRUE(store);
    EXPECT_EQ(store->next(), 4U);
    write(*store, 1);
    EXPECT_EQ(numbers(), (Numbered{1, 2, 3, 4}));
    EXPECT_EQ(folder.read(0, 9, 4).size(), 1U);
    EXPECT_EQ(tidy(*store).ids, (Numbered{1, 4}));
    EXPECT_TRUE(numbers().empty());
}

TEST_F(StoreTest, ReadsTheFilesAroundADamagedOne) {
    {
        const auto store = open();
        ASSERT_TRUE(store);
        for (int i = 0; i < 3; ++i) {
            write(*store, 1);
            tidy(*store);
        }
    }
    damage(2, 1);
    EXPECT_EQ(numbers(1), (Numbered{1, 3})) << "2 was marked as synced, so it is no torn tail";
}

TEST_F(StoreTest, LeavesAFileThatCannotBeWrittenForTheNextOne) {
    const auto store = open();
    ASSERT_TRUE(store);
    write(*store, 1);
    {
        const FullDisk full(16);
        ASSERT_TRUE(append(*store));
        ASSERT_FALSE(store->commit());
        ASSERT_FALSE(store->renew()) << "it is still full";
    }
    EXPECT_FALSE(store->commit()) << "what the file holds is not known";
    ASSERT_TRUE(store->renew());
    write(*store, 1);
    EXPECT_EQ(numbers(), (Numbered{1, 3})) << "2 was given, and is nobody else's";
}

TEST_F(StoreTest, TakesNoMoreThanItsBoundBetweenCommits) {
    const auto store = open();
    ASSERT_TRUE(store);
    Event large = some_event(0);
    large.request.assign(256, 'r');
    std::uint64_t taken = 0;
    Result<std::uint64_t> number = store->append(large);
    for (; number && taken < 100'000; number = store->append(large)) taken = *number;
    ASSERT_FALSE(number);
    EXPECT_EQ(number.error().code, ErrorCode::kResourceExhausted);
    ASSERT_TRUE(store->commit());
    EXPECT_EQ(*store->append(large), taken + 1) << "the one that was refused took no number";
    EXPECT_EQ(numbers().size(), taken);
}

TEST_F(StoreTest, ReadsNoFileOfWhichNothingIsAskedFor) {
    {
        const auto store = open();
        ASSERT_TRUE(store);
        for (int i = 0; i < 3; ++i) {
            write(*store, 2);
            tidy(*store);
        }
    }
    damage(1, 1);
    const auto found = folder.read(0, 5, 4);
    ASSERT_EQ(found.size(), 2U) << "and the damaged one was left alone";
    EXPECT_EQ(found.front().number, 4U);
    EXPECT_EQ(found.back().number, 5U);
}

TEST_F(StoreTest, DoesNotReadWhatIsLargerThanASegmentCanBe) {
    {
        const auto store = open();
        ASSERT_TRUE(store);
        write(*store, 1);
    }
    std::filesystem::resize_file(path(1), kSegmentFileMax + 1);
    EXPECT_TRUE(numbers(1).empty());
}

TEST_F(StoreTest, HasNothingWhereNoFolderIsAndPassesOtherNamesOver) {
    EXPECT_TRUE(numbers().empty());
    std::filesystem::create_directory(options.folder);
    for (const char* name : {"1.usage", "0000000000000000000x.usage", "00000000000000000000.usage",
                             "99999999999999999999.usage", "00000000000000000007.usage.new"}) {
        std::ofstream(options.folder + "/" + name) << "no segment";
    }
    EXPECT_TRUE(numbers().empty());
    EXPECT_EQ(open()->next(), 1U);
}

}  // namespace
}  // namespace vidai::mesh::usage
