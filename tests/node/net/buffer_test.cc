// SPDX-License-Identifier: Apache-2.0
#include "node/net/buffer.h"

#include <algorithm>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "schema/base/rng.h"

namespace vidai::node::net {
namespace {

TEST(Buffer, GivesBackWhatWasPutInWhateverThePieces) {
    BufferPool pool(4, 1);
    Rng rng(3);
    Buffer buffer(pool);
    std::string expected;
    std::string got;
    for (int i = 0; i < 3'000; ++i) {
        const std::string piece(rng.below(5'000), static_cast<char>('a' + i % 26));
        const auto room = buffer.writable(std::max<std::size_t>(1, piece.size()));
        ASSERT_GE(room.size(), piece.size());
        std::memcpy(room.data(), piece.data(), piece.size());
        buffer.commit(piece.size());
        expected += piece;
        const std::size_t take = rng.below(buffer.size() + 1);
        got += buffer.readable().substr(0, take);
        buffer.consume(take);
        if (rng.chance(0.1)) buffer.release_if_empty();
    }
    got += buffer.readable();
    EXPECT_EQ(got, expected);
}

TEST(Buffer, HoldsNoMemoryWhileEmptyAndReleased) {
    BufferPool pool(1, 0);
    Buffer one(pool);
    (void)one.writable(1);
    one.commit(1);
    one.release_if_empty();
    EXPECT_EQ(one.size(), 1u);
    one.consume(1);
    one.release_if_empty();
    EXPECT_EQ(one.readable().data(), nullptr);
}

TEST(Buffer, KeepsPaddingReadableBehindAFullBlock) {
    BufferPool pool(1, 0);
    Buffer buffer(pool);
    const auto room = buffer.writable(1);
    std::memset(room.data(), 'x', room.size());
    buffer.commit(room.size());
    // AddressSanitizer is the judge of this read.
    volatile char sink = 0;
    for (std::size_t i = 0; i < Buffer::kPadding; ++i)
        sink = buffer.readable().data()[buffer.size() + i];
    (void)sink;
    EXPECT_EQ(buffer.size() + Buffer::kPadding, BufferPool::kBlockBytes);
}

}  // namespace
}  // namespace vidai::node::net
