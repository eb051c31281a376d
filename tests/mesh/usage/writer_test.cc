// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/writer.h"

#include <gtest/gtest.h>

#include "tests/mesh/usage/events.h"
#include "tests/mesh/usage/full_disk.h"
#include "tests/mesh/usage/temporary_store.h"

namespace vidai::mesh::usage {
namespace {

struct WriterTest : testing::Test {
    TemporaryStore folder;
    std::vector<std::string> heard;

    static void add(Writer& writer) {
        Event event = some_event(0);
        writer.add(event);
    }
    Writer writer() {
        return {folder.open(), [this](const Error& error) { heard.push_back(error.message); }};
    }
};

TEST_F(WriterTest, BringsEventsWithinTheirBoundsAndCountsThose) {
    Writer writer = this->writer();
    Event event = some_event(0);
    event.tokens.input = Tokens{-1};
    writer.add(event);
    add(writer);
    writer.commit(at_ms(2'000));
    EXPECT_EQ(writer.counts().clamped, 1U);
    EXPECT_EQ(writer.counts().written, 2U);
    EXPECT_EQ(folder.read().front().tokens.input, Tokens{0});
    EXPECT_GT(writer.counts().bytes, 0U);
}

TEST_F(WriterTest, WritesMoreThanTheStoreTakesAtOnce) {
    Writer writer = this->writer();
    Event large = some_event(0);
    large.request.assign(256, 'r');
    const std::uint64_t events = 2 * kUncommittedBytesMax / 256;
    for (std::uint64_t i = 0; i < events; ++i) writer.add(large);
    writer.commit(at_ms(2'000));
    EXPECT_EQ(writer.counts().written, events);
    EXPECT_EQ(folder.read().size(), events);
}

TEST_F(WriterTest, SaysUpToWhereEventsMayBeTold) {
    {
        Writer writer = this->writer();
        EXPECT_EQ(writer.counts().synced, 0U);
        add(writer);
        writer.commit(at_ms(2'000));
        add(writer);
        EXPECT_EQ(writer.counts().synced, 1U) << "the second waits for its sync";
        writer.commit(at_ms(2'000));
        EXPECT_EQ(writer.counts().synced, 2U);
        EXPECT_EQ(folder.read(0, 1).size(), 1U) << "no more than was asked for";
    }
    EXPECT_EQ(writer().counts().synced, 2U) << "opening syncs what it found";
}

TEST_F(WriterTest, TellsOnceOfAFullDiskCountsWhatIsLostAndGoesOn) {
    Writer writer = this->writer();
    {
        const FullDisk full(16);
        for (int i = 0; i < 3; ++i) {
            add(writer);
            writer.commit(at_ms(2'000));
        }
    }
    EXPECT_EQ(writer.counts().lost, 3U);
    EXPECT_EQ(heard.size(), 1U);
    add(writer);
    writer.commit(at_ms(2'000));
    EXPECT_EQ(writer.counts().written, 1U);
    EXPECT_EQ(folder.read().size(), 1U);
    {
        const FullDisk full(16);
        add(writer);
        writer.commit(at_ms(2'000));
    }
    EXPECT_EQ(heard.size(), 2U) << "it went well in between";
}

TEST_F(WriterTest, WithoutAStoreCountsAllAsLost) {
    Writer writer(nullptr, [](const Error&) { FAIL() << "whoever opens it has said so"; });
    add(writer);
    writer.commit(at_ms(2'000));
    EXPECT_EQ(writer.counts().lost, 1U);
    EXPECT_EQ(writer.counts().written, 0U);
}

TEST_F(WriterTest, CountsFilesThatNobodyElseHas) {
    folder.options.segment_bytes = 1;
    Writer writer = this->writer();
    add(writer);
    writer.commit(at_ms(2'000'000));
    EXPECT_EQ(writer.counts().unsettled, 1U);
    EXPECT_TRUE(folder.read().empty());
}

}  // namespace
}  // namespace vidai::mesh::usage
