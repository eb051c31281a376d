// SPDX-License-Identifier: Apache-2.0
#include "mesh/wire/frame_guard.h"

#include <gtest/gtest.h>

#include "mesh/wire/message.h"
#include "schema/rpc/values.capnp.h"

namespace vidai::mesh::wire {
namespace {

seal::Bytes frame(std::initializer_list<std::uint32_t> numbers, std::size_t body_words) {
    seal::Bytes out;
    for (const std::uint32_t number : numbers) {
        for (int shift = 0; shift < 32; shift += 8) {
            out.push_back(static_cast<std::uint8_t>(number >> shift));
        }
    }
    out.resize(out.size() + body_words * 8);
    return out;
}

// As one piece and byte by byte: the guard must not care.
Result<void> feed_all(const seal::Bytes& bytes, std::size_t words_max, bool* boundary = nullptr) {
    FrameGuard whole(words_max), split(words_max);
    const auto first = whole.feed(bytes);
    Result<void> second{};
    for (std::size_t i = 0; i < bytes.size() && second; ++i) {
        second = split.feed(seal::ByteView(bytes).subspan(i, 1));
    }
    EXPECT_EQ(first.has_value(), second.has_value());
    EXPECT_EQ(whole.at_boundary(), split.at_boundary());
    if (boundary) *boundary = whole.at_boundary();
    return first;
}

TEST(FrameGuard, FollowsWhatCapnprotoWrites) {
    capnp::MallocMessageBuilder small(1, capnp::AllocationStrategy::FIXED_SIZE);  // many segments
    auto list = small.initRoot<proto::MemberMessage>().initSyncReply().initWanted(20);
    for (unsigned i = 0; i < list.size(); ++i) list.set(i, "a-node-with-a-long-name");
    ASSERT_GT(small.getSegmentsForOutput().size(), 2u);
    seal::Bytes bytes = flatten(small);
    const seal::Bytes once = bytes;
    bytes.insert(bytes.end(), once.begin(), once.end());
    bool boundary = false;
    EXPECT_TRUE(feed_all(bytes, 1'000, &boundary).has_value());
    EXPECT_TRUE(boundary);
}

TEST(FrameGuard, RefusesTheSegmentCountThatOverflows) {
    EXPECT_EQ(feed_all(frame({0xffffffff}, 0), 1'000).error().code, ErrorCode::kProtocol);
    EXPECT_FALSE(feed_all(frame({512, 1}, 1), 1'000).has_value());
    EXPECT_TRUE(feed_all(frame({511}, 0), 1'000).has_value());
}

TEST(FrameGuard, RefusesMoreWordsThanTheRoleMaySendBeforeTheyArrive) {
    EXPECT_TRUE(feed_all(frame({0, 1'000}, 0), 1'000).has_value());
    EXPECT_FALSE(feed_all(frame({0, 1'001}, 0), 1'000).has_value());
    EXPECT_FALSE(feed_all(frame({2, 500, 500, 1}, 0), 1'000).has_value()) << "all segments count";
    EXPECT_FALSE(feed_all(frame({1, 0xffffffff, 0xffffffff}, 0), 1'000).has_value());
}

TEST(FrameGuard, StaysClosedOnceItHasRefused) {
    FrameGuard guard(10);
    ASSERT_FALSE(guard.feed(frame({0, 11}, 0)).has_value());
    EXPECT_FALSE(guard.feed(frame({0, 1}, 1)).has_value());
}

TEST(FrameGuard, PassesEmptySegments) {
    bool boundary = false;
    EXPECT_TRUE(feed_all(frame({1, 0, 0, 0}, 0), 10, &boundary).has_value());
    EXPECT_TRUE(boundary);
}

}  // namespace
}  // namespace vidai::mesh::wire
