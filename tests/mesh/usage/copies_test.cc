// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/copies.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "mesh/usage/archive.h"
#include "tests/mesh/usage/events.h"
#include "tests/mesh/usage/full_disk.h"
#include "tests/mesh/usage/temporary_store.h"

namespace vidai::mesh::usage {
namespace {

const journal::Owner kOwn{{{1}}, {{2}}};
const seal::PublicKey kOther{{3}};
const seal::PublicKey kThird{{4}};
const NodeId kNode("n1");

seal::Bytes batch(std::uint64_t from, std::uint64_t through) {
    std::vector<Event> events;
    for (std::uint64_t n = from; n <= through; ++n) events.push_back(some_event(n));
    return record_of(events);
}

struct CopiesTest : testing::Test {
    TemporaryStore temporary;
    Copies::Options options{.archive = temporary.archive() + "/usage",
                            .own = kOwn,
                            .keep = {1U << 30, WallTime::duration(1'000'000)},
                            .segment_bytes = 16U << 20};
    CopiesTest() { EXPECT_TRUE(open_archive(options.archive, kOwn)); }

    Copies loaded() const {
        Copies copies(options, seal::system_random());
        copies.load({});
        return copies;
    }
    static void add(Copies& copies, std::uint64_t from, std::uint64_t through,
                    const seal::PublicKey& origin = kOther) {
        const auto added = copies.add(origin, kNode, batch(from, through));
        EXPECT_TRUE(added) << added.error().message;
    }
    std::string folder(const seal::PublicKey& origin = kOther) const {
        return origin_folder(options.archive, origin);
    }
    // What a report would read.
    std::vector<std::uint64_t> numbers(const seal::PublicKey& origin = kOther) const {
        std::vector<std::uint64_t> found;
        const auto unread = read_folder(folder(origin), {kOwn.mesh, origin}, {},
                                        [&](const Event& event) { found.push_back(event.number); });
        EXPECT_TRUE(unread.empty());
        return found;
    }
    static std::vector<Span> held(const Copies& copies, const seal::PublicKey& origin = kOther) {
        const auto found = copies.holdings().find(origin);
        return found == copies.holdings().end() ? std::vector<Span>{} : found->second.held.spans();
    }
    std::size_t files(const seal::PublicKey& origin = kOther) const {
        return list_segments(folder(origin))->size();
    }
};

TEST_F(CopiesTest, AreThereOnceCommittedAndInTheNextLife) {
    {
        Copies copies = loaded();
        add(copies, 1, 3);
        EXPECT_TRUE(held(copies).empty()) << "not yet";
        copies.commit();
        EXPECT_EQ(held(copies), (std::vector<Span>{{1, 3}}));
        EXPECT_EQ(copies.take_changed(), std::set{kOther});
        add(copies, 4, 9);
        copies.commit();
        add(copies, 10, 11);  // and never committed
    }
    const Copies copies = loaded();
    EXPECT_EQ(held(copies), (std::vector<Span>{{1, 9}}));
    EXPECT_EQ(copies.holdings().at(kOther).node, kNode);
    EXPECT_EQ(numbers().size(), 9U);
    EXPECT_EQ(list_segments(folder())->front().last, 9U) << "it is closed for good";
    EXPECT_EQ(held(loaded()), (std::vector<Span>{{1, 9}})) << "by its name";
}

TEST_F(CopiesTest, KeepOnceWhatComesTwiceAndInAnyOrder) {
    Copies copies = loaded();
    for (int i = 0; i < 2; ++i) {
        add(copies, 10, 14);
        add(copies, 10, 14);
        add(copies, 1, 4);
        add(copies, 3, 11);
        copies.commit();
    }
    EXPECT_EQ(held(copies), (std::vector<Span>{{1, 14}}));
    const auto found = numbers();
    ASSERT_EQ(found.size(), 14U);
    EXPECT_TRUE(std::ranges::is_sorted(found));
    EXPECT_EQ(files(), 2U);
}

TEST_F(CopiesTest, FollowTwoRunsAtATimeInAFileEach) {
    Copies copies = loaded();
    for (std::uint64_t n = 1; n <= 30; ++n) {
        add(copies, n, n);
        add(copies, 1'000 + n, 1'000 + n);
        add(copies, n, n, kThird);
        copies.commit();
    }
    EXPECT_EQ(files(), 2U);
    EXPECT_EQ(files(kThird), 1U);
    EXPECT_EQ(held(copies), (std::vector<Span>{{1, 30}, {1'001, 1'030}}));
}

TEST_F(CopiesTest, CloseFilesThatAreFullOrNotWrittenToForLong) {
    options.segment_bytes = 1;
    {
        Copies copies = loaded();
        add(copies, 1, 2);
        copies.commit();
    }
    EXPECT_EQ(list_segments(folder())->front().last, 2U);
    options.segment_bytes = 16U << 20;
    Copies many = loaded();
    for (std::uint64_t n = 0; n < 2 * Copies::kOpenMax; ++n) add(many, 10 * n + 5, 10 * n + 6);
    many.commit();
    std::size_t open = 0;
    const auto all = list_segments(folder());
    for (const File& file : *all) open += file.last == 0 ? 1 : 0;
    EXPECT_EQ(open, Copies::kOpenMax);
    EXPECT_EQ(numbers().size(), 2 + 4 * Copies::kOpenMax);
}

TEST_F(CopiesTest, AreNeitherThisVolumesOwnNorNonsense) {
    Copies copies = loaded();
    const auto own = copies.add(kOwn.ledger, kNode, batch(1, 1));
    ASSERT_FALSE(own);
    EXPECT_EQ(own.error().code, ErrorCode::kInvalidRequest);
    const auto nonsense = copies.add(kOther, kNode, seal::Bytes(100, 7));
    ASSERT_FALSE(nonsense);
    EXPECT_EQ(nonsense.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(copies.failures(), 1U);
}

TEST_F(CopiesTest, DeleteTheOldestAndSayFromWhereOnTheyKeep) {
    options.segment_bytes = 1;
    {
        Copies copies = loaded();
        for (std::uint64_t n = 1; n <= 4; ++n) {
            add(copies, n, n);
            copies.commit();
        }
        options.keep.bytes = copies.bytes() / 2;
    }
    options.keep.age = WallTime::duration(1'000'000'000'000);  // they were written just now
    Copies copies = loaded();
    ASSERT_TRUE(copies.tidy(at_ms(2'000)));
    EXPECT_EQ(held(copies), (std::vector<Span>{{3, 4}}));
    EXPECT_EQ(copies.holdings().at(kOther).floor, 3U);
    EXPECT_EQ(numbers(), (std::vector<std::uint64_t>{3, 4}));
    EXPECT_EQ(loaded().holdings().at(kOther).floor, 3U) << "also in the next life";
}

TEST_F(CopiesTest, DeleteWhatIsOld) {
    options.segment_bytes = 1;
    Copies copies = loaded();
    add(copies, 1, 1);
    copies.commit();
    ASSERT_TRUE(copies.tidy(at_ms(1'000 + 1'000'000)));
    EXPECT_EQ(held(copies).size(), 1U);
    ASSERT_TRUE(copies.tidy(at_ms(1'000 + 1'000'001)));
    EXPECT_TRUE(held(copies).empty());
    EXPECT_EQ(files(), 0U);
}

TEST_F(CopiesTest, OfAnEarlierVolumeOfThisNodeAreReadAndClosed) {
    std::filesystem::create_directories(options.archive);
    {
        Store::Options before = temporary.options;
        before.folder = folder();
        before.origin = {kOwn.mesh, kOther};
        auto store = Store::open(before, seal::system_random());
        ASSERT_TRUE(store);
        for (int i = 0; i < 3; ++i) {
            Event event = some_event(0);
            ASSERT_TRUE((*store)->append(event));
        }
        ASSERT_TRUE((*store)->commit());
    }
    const Copies copies = loaded();
    EXPECT_EQ(held(copies), (std::vector<Span>{{1, 3}}));
    EXPECT_TRUE(copies.holdings().at(kOther).node.empty());
    EXPECT_EQ(numbers().size(), 3U);
}

TEST_F(CopiesTest, SayNothingOfWhatTheDiskDidNotTakeAndGoOn) {
    Copies copies = loaded();
    add(copies, 1, 2);
    copies.commit();
    {
        const FullDisk full(16);
        add(copies, 3, 4);
        copies.commit();
    }
    EXPECT_EQ(held(copies), (std::vector<Span>{{1, 2}}));
    EXPECT_EQ(copies.failures(), 1U);
    add(copies, 3, 4);
    copies.commit();
    EXPECT_EQ(held(copies), (std::vector<Span>{{1, 4}}));
    EXPECT_EQ(numbers(), (std::vector<std::uint64_t>{1, 2, 3, 4}));
}

TEST_F(CopiesTest, LeaveADamagedFileForWhoeverCanMendIt) {
    {
        Copies copies = loaded();
        for (std::uint64_t n = 1; n <= 3; ++n) {
            add(copies, n, n);
            copies.commit();
        }
    }
    const std::string path = segment_path(folder(), 1);
    {
        const auto size = std::filesystem::file_size(path);
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(12'288 + (size - 12'288) / 2));
        file.put('x');
    }
    const Copies copies = loaded();
    EXPECT_EQ(copies.unread().size(), 1U);
    EXPECT_EQ(held(copies), (std::vector<Span>{{1, 1}, {3, 3}}));
    EXPECT_TRUE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace vidai::mesh::usage
