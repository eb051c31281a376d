// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/key_watch.h"

#include <gtest/gtest.h>

namespace vidai::mesh::rpc {
namespace {

seal::PublicKey key(std::uint8_t fill) {
    seal::PublicKey key;
    key.bytes.fill(fill);
    return key;
}

TEST(KeyWatch, TellsOfANameThatAnotherKeyHasTakenOnce) {
    KeyWatch watch;
    const NodeId a("a"), b("b");
    EXPECT_FALSE(watch.heard(a, key(1))) << "the first";
    EXPECT_FALSE(watch.heard(a, key(1)));
    EXPECT_FALSE(watch.heard(b, key(2)));
    const auto change = watch.heard(a, key(3));
    ASSERT_TRUE(change);
    EXPECT_EQ(change->before, key(1));
    EXPECT_EQ(change->now, key(3));
    EXPECT_FALSE(change->announced);
    EXPECT_FALSE(watch.heard(a, key(3)));
    watch.forget(a);
    EXPECT_FALSE(watch.heard(a, key(4))) << "an operator wanted it";
}

TEST(KeyWatch, KnowsTheKeyThatAMemberHasNamedItself) {
    KeyWatch watch;
    const NodeId a("a");
    watch.expect(a, key(2));
    EXPECT_FALSE(watch.heard(a, key(1)));
    watch.expect(a, key(2));
    EXPECT_TRUE(watch.heard(a, key(2))->announced);
    watch.expect(a, key(3));
    EXPECT_FALSE(watch.heard(a, key(4))->announced) << "another one than it named";
    EXPECT_FALSE(watch.heard(a, key(3))->announced) << "for once";
}

}  // namespace
}  // namespace vidai::mesh::rpc
