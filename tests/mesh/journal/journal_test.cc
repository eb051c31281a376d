// SPDX-License-Identifier: Apache-2.0
#include "mesh/journal/journal.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/mesh/journal/memory_volume.h"

namespace vidai::mesh::journal {
namespace {

using Records = std::vector<std::pair<std::uint8_t, seal::Bytes>>;

const Owner kOwner{{{1, 2}}, {{3, 4}}};

Result<Journal> open(Volume& volume, Records& records, const Owner& owner = kOwner) {
    records.clear();
    return Journal::open(volume, owner, seal::system_random(),
                         [&](std::uint8_t kind, seal::ByteView bytes) -> Result<void> {
                             records.emplace_back(kind, seal::Bytes(bytes.begin(), bytes.end()));
                             return {};
                         });
}

seal::Bytes some(std::size_t size, std::uint8_t fill) {
    return seal::Bytes(size, fill);
}

struct JournalTest : testing::Test {
    MemoryVolume volume;
    Records records;
    Journal made() {
        auto journal = open(volume, records);
        EXPECT_TRUE(journal) << journal.error().message;
        return std::move(*journal);
    }
};

TEST_F(JournalTest, ReadsWhatWasCommittedInOrder) {
    {
        Journal journal = made();
        EXPECT_TRUE(records.empty());
        journal.append(1, some(3, 'a'));
        journal.append(2, {});
        ASSERT_TRUE(journal.commit());
        journal.append(1, some(9'000, 'b'));
        ASSERT_TRUE(journal.commit());
        journal.append(1, some(3, 'c'));  // and never committed
    }
    const Journal again = made();
    EXPECT_EQ(records, (Records{{1, some(3, 'a')}, {2, {}}, {1, some(9'000, 'b')}}));
    EXPECT_EQ(again.recovered().records, 3U);
    EXPECT_EQ(again.recovered().cut, 0U);
}

// Somebody has emptied it, or the disk has: its node was told once that it is there.
TEST_F(JournalTest, IsNotMadeAnewWhereOneWas) {
    const auto again = [&] {
        return Journal::reopen(volume, kOwner,
                               [](std::uint8_t, seal::ByteView) { return Result<void>(); });
    };
    ASSERT_TRUE(made().commit());
    ASSERT_TRUE(again());
    for (const std::uint64_t size : {0, 4'096, 12'288}) {
        ASSERT_TRUE(volume.truncate(0));
        ASSERT_TRUE(volume.truncate(size));
        const auto refused = again();
        ASSERT_FALSE(refused) << size;
        EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt);
    }
}

TEST_F(JournalTest, SyncsOnceForAllThatWasAppended) {
    Journal journal = made();
    const std::uint64_t before = volume.syncs;
    for (int i = 0; i < 100; ++i) journal.append(1, some(10, 'x'));
    ASSERT_TRUE(journal.commit());
    EXPECT_EQ(volume.syncs, before + 1);
    ASSERT_TRUE(journal.commit());
    EXPECT_EQ(volume.syncs, before + 1) << "nothing to say";
    ASSERT_TRUE(journal.mark());
    ASSERT_TRUE(journal.mark());
    EXPECT_EQ(volume.syncs, before + 2);
}

TEST_F(JournalTest, CutsATornTail) {
    {
        Journal journal = made();
        journal.append(1, some(100, 'a'));
        ASSERT_TRUE(journal.commit());
    }
    for (const char byte : std::string("torn !")) {
        volume.bytes().push_back(static_cast<std::uint8_t>(byte));
    }
    Journal journal = made();
    EXPECT_EQ(records.size(), 1U);
    EXPECT_EQ(journal.recovered().cut, 6U);
    journal.append(1, some(100, 'b'));
    ASSERT_TRUE(journal.commit());
    (void)made();
    EXPECT_EQ(records.size(), 2U);
}

TEST_F(JournalTest, IsReadByNobodyWhereSyncedBytesAreDamaged) {
    {
        Journal journal = made();
        for (const char fill : {'a', 'b', 'c'}) {
            journal.append(1, some(1'000, static_cast<std::uint8_t>(fill)));
            ASSERT_TRUE(journal.commit());
        }
        ASSERT_TRUE(journal.mark());
    }
    const std::vector<std::uint8_t> good = volume.bytes();
    Rng rng(5);
    for (int i = 0; i < 300; ++i) {
        volume.bytes() = good;
        const std::size_t at = 3 * 4'096 + rng.below(good.size() - std::size_t{3} * 4'096);
        volume.bytes()[at] ^= static_cast<std::uint8_t>(1 + rng.below(255));
        const auto journal = open(volume, records);
        ASSERT_FALSE(journal);
        EXPECT_EQ(journal.error().code, ErrorCode::kCorrupt);
        EXPECT_EQ(volume.bytes().size(), good.size()) << "nothing is cut";
    }
    volume.bytes() = good;
    volume.bytes().resize(good.size() - 1);
    EXPECT_FALSE(open(volume, records)) << "the last record had been synced";
    volume.bytes() = good;
    EXPECT_TRUE(open(volume, records));
}

// The second commit's mark says where the first one ended.
TEST_F(JournalTest, CutsWhatNoMarkSpeaksOfAndReadsTheRest) {
    {
        Journal journal = made();
        for (const char fill : {'a', 'b'}) {
            journal.append(1, some(1'000, static_cast<std::uint8_t>(fill)));
            ASSERT_TRUE(journal.commit());
        }
    }
    volume.bytes().back() ^= 1;
    const Journal journal = made();
    EXPECT_EQ(records, (Records{{1, some(1'000, 'a')}}));
    EXPECT_GT(journal.recovered().cut, 1'000U);
}

TEST_F(JournalTest, OutlivesOneTornMarkAndNotTwo) {
    {
        Journal journal = made();
        for (int i = 0; i < 3; ++i) {
            journal.append(1, some(10, 'a'));
            ASSERT_TRUE(journal.commit());
        }
    }
    const std::vector<std::uint8_t> good = volume.bytes();
    for (const std::size_t mark : {1U, 2U}) {
        volume.bytes() = good;
        volume.bytes()[mark * 4'096 + 3] ^= 1;
        EXPECT_TRUE(open(volume, records));
        EXPECT_EQ(records.size(), 3U);
    }
    volume.bytes() = good;
    for (const std::size_t mark : {1U, 2U}) volume.bytes()[mark * 4'096 + 3] ^= 1;
    EXPECT_FALSE(open(volume, records));
}

TEST_F(JournalTest, IsItsOwnersAlone) {
    {
        Journal journal = made();
    }
    EXPECT_FALSE(open(volume, records, Owner{{{9}}, kOwner.ledger}));
    EXPECT_FALSE(open(volume, records, Owner{kOwner.mesh, {{9}}}));
    volume.bytes()[20] ^= 1;
    EXPECT_FALSE(open(volume, records));
}

// Records of an older file under the same owner, where blocks of it come up again.
TEST_F(JournalTest, TakesNoRecordOfAnotherFile) {
    MemoryVolume other;
    for (MemoryVolume* each : {&volume, &other}) {
        auto journal = open(*each, records);
        ASSERT_TRUE(journal);
        journal->append(1, some(100, 'a'));
        ASSERT_TRUE(journal->commit());
    }
    std::copy(other.bytes().begin() + 3 * 4'096, other.bytes().end(),
              volume.bytes().begin() + 3 * 4'096);
    ASSERT_TRUE(open(volume, records));
    EXPECT_TRUE(records.empty());
}

// Two copies of one volume that went on by themselves, put together.
TEST_F(JournalTest, TakesNoRecordOfACopy) {
    {
        Journal journal = made();
    }
    MemoryVolume copy = volume;
    for (auto [each, fill] : {std::pair(&volume, 'a'), std::pair(&copy, 'b')}) {
        auto journal = open(*each, records);
        ASSERT_TRUE(journal);
        journal->append(1, some(100, static_cast<std::uint8_t>(fill)));
        ASSERT_TRUE(journal->commit());
        ASSERT_TRUE(journal->mark());
    }
    std::copy(copy.bytes().begin() + 3 * 4'096, copy.bytes().end(),
              volume.bytes().begin() + 3 * 4'096);
    EXPECT_FALSE(open(volume, records));
}

TEST_F(JournalTest, StopsForGoodWhenTheDiskFails) {
    for (const std::uint64_t calls : {1U, 2U, 3U}) {
        MemoryVolume failing;
        auto journal = open(failing, records);
        ASSERT_TRUE(journal);
        journal->append(1, some(10, 'a'));
        ASSERT_TRUE(journal->commit());
        failing.calls_left = calls;
        journal->append(1, some(10, 'b'));
        EXPECT_EQ(journal->commit().error().code, ErrorCode::kIo);
        failing.calls_left = MemoryVolume::kNever;
        EXPECT_FALSE(journal->commit());
        EXPECT_FALSE(journal->mark());
        EXPECT_EQ(journal->commits(), 1U);
    }
}

TEST_F(JournalTest, WhatMakesNoSenseEndsTheOpening) {
    {
        Journal journal = made();
        journal.append(7, some(1, 'a'));
        ASSERT_TRUE(journal.commit());
    }
    const auto journal = Journal::open(
        volume, kOwner, seal::system_random(), [](std::uint8_t, seal::ByteView) -> Result<void> {
            return fail(ErrorCode::kCorrupt, "a record of another kind");
        });
    ASSERT_FALSE(journal);
    EXPECT_EQ(journal.error().message, "a record of another kind");
}

// Whatever a crash leaves: all that was committed, in order, then perhaps some of what was not.
TEST(JournalCrashes, LoseNothingThatWasCommitted) {
    for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
        SCOPED_TRACE(seed);
        Rng rng(seed);
        MemoryVolume volume;
        Records written, found;
        std::size_t committed = 0;
        for (int life = 0; life < 4; ++life) {
            // It may fail, or end, while it opens, too.
            if (rng.chance(0.2)) volume.calls_left = 1 + rng.below(6);
            auto journal = open(volume, found);
            if (!journal) {
                ASSERT_EQ(journal.error().code, ErrorCode::kIo) << journal.error().message;
                volume.crash(rng);
                continue;
            }
            ASSERT_GE(found.size(), committed);
            ASSERT_LE(found.size(), written.size());
            written.resize(found.size());
            ASSERT_EQ(found, written);
            committed = written.size();
            for (std::uint64_t steps = rng.below(12); steps > 0; --steps) {
                if (rng.chance(0.6)) {
                    const std::size_t size = rng.below(rng.chance(0.2) ? 9'000 : 60);
                    const auto fill = static_cast<std::uint8_t>(rng.below(256));
                    written.emplace_back(fill, some(size, fill));
                    journal->append(fill, written.back().second);
                } else if (rng.chance(0.8)) {
                    if (rng.chance(0.1)) volume.calls_left = 1 + rng.below(3);
                    if (journal->commit()) committed = written.size();
                } else {
                    (void)journal->mark();
                }
            }
            rng.chance(0.3) ? volume.end() : volume.crash(rng);
        }
    }
}

struct Salvage : JournalTest {
    // Four records, each synced and marked but the last: where each begins, and where all end.
    std::vector<std::size_t> four() {
        Journal journal = made();
        std::vector<std::size_t> at;
        for (const char fill : {'a', 'b', 'c', 'd'}) {
            at.push_back(journal.size());
            journal.append(1, some(100, static_cast<std::uint8_t>(fill)));
            EXPECT_TRUE(journal.commit());
        }
        at.push_back(journal.size());
        return at;
    }
    // What is left, by what each record is filled with.
    std::string left(std::uint64_t passed_over) {
        std::string found;
        const auto done = Journal::salvage(volume, kOwner, 1, 1'000,
                                           [&](std::uint8_t, seal::ByteView bytes) -> Result<void> {
                                               found += static_cast<char>(bytes.back());
                                               return {};
                                           });
        EXPECT_TRUE(done) << done.error().message;
        if (!done) return {};
        EXPECT_EQ(done->passed_over, passed_over);
        EXPECT_EQ(done->records, found.size());
        return found;
    }
};

TEST_F(Salvage, OfAWholeJournalIsAllOfIt) {
    four();
    EXPECT_EQ(left(0), "abcd");
}

TEST_F(Salvage, PassesOverADamagedRecordWhateverOfItIsDamaged) {
    const auto at = four();
    const std::size_t size = at[2] - at[1];
    for (std::size_t i = 0; i < size; ++i) {
        volume.bytes()[at[1] + i] ^= 0x40U;
        EXPECT_FALSE(open(volume, records)) << i;
        // With its checksum goes the proof of the one behind it.
        const bool check = i >= size - 16;
        EXPECT_EQ(left(check ? 2 * size : size), check ? "ad" : "acd") << i;
        volume.bytes()[at[1] + i] ^= 0x40U;
    }
}

TEST_F(Salvage, FindsWhatFollowsAHoleOfAnySize) {
    const auto at = four();
    std::fill(volume.bytes().begin() + static_cast<std::ptrdiff_t>(at[0]) + 7,
              volume.bytes().begin() + static_cast<std::ptrdiff_t>(at[2]) + 50, 0);
    EXPECT_EQ(left(at[3] - at[0]), "d");
}

TEST_F(Salvage, CountsWhatIsMissingAtTheEndAsFarAsItWasSynced) {
    const auto at = four();
    volume.bytes().resize(at[3] + 1);
    EXPECT_EQ(left(0), "abc") << "the last one is a torn tail";
    volume.bytes().resize(at[2] + 1);
    EXPECT_EQ(left(at[3] - at[2]), "ab");
}

TEST_F(Salvage, DoesWithoutMarks) {
    four();
    std::fill(volume.bytes().begin() + 4'096, volume.bytes().begin() + 3 * 4'096, 0);
    EXPECT_FALSE(open(volume, records));
    EXPECT_EQ(left(0), "abcd");
}

TEST_F(Salvage, CountsWhatTheReaderRefuses) {
    const auto at = four();
    const auto done = Journal::salvage(
        volume, kOwner, 1, 1'000,
        [](std::uint8_t, seal::ByteView) -> Result<void> { return fail(ErrorCode::kCorrupt, ""); });
    ASSERT_TRUE(done);
    EXPECT_EQ(done->records, 0U);
    EXPECT_EQ(done->passed_over, at[4] - at[0]);
}

TEST_F(Salvage, IsOfTheOwnersJournalAlone) {
    four();
    const auto none = [](std::uint8_t, seal::ByteView) -> Result<void> { return {}; };
    EXPECT_FALSE(Journal::salvage(volume, {{{1, 2}}, {{9}}}, 1, 1'000, none));
    const auto owner = Journal::owner_of(volume);
    ASSERT_TRUE(owner);
    EXPECT_EQ(*owner, kOwner);
    volume.bytes()[0] ^= 1U;
    EXPECT_FALSE(Journal::salvage(volume, kOwner, 1, 1'000, none));
    EXPECT_FALSE(Journal::owner_of(volume));
    volume.bytes().clear();
    const auto nobody = Journal::owner_of(volume);
    ASSERT_TRUE(nobody);
    EXPECT_FALSE(*nobody);
}

}  // namespace
}  // namespace vidai::mesh::journal
