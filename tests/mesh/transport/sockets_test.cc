// SPDX-License-Identifier: Apache-2.0
#include "mesh/transport/sockets.h"

#include <gtest/gtest.h>

namespace vidai::mesh::transport {
namespace {

TEST(HostPort, IsReadStrictly) {
    EXPECT_EQ(parse_host_port("a.b:1")->host, "a.b");
    EXPECT_EQ(parse_host_port("[::1]:7420")->host, "::1");
    EXPECT_EQ(to_string(*parse_host_port("[::1]:7420")), "[::1]:7420");
    for (const char* bad : {"", "a", "a:", ":1", "a:0", "a:65536", "a:1x", "::1:7", "[]:7", "[a:7",
                            "unix:/tmp/x", "a: 1", "a:+1"}) {
        EXPECT_FALSE(parse_host_port(bad).has_value()) << bad;
    }
}

}  // namespace
}  // namespace vidai::mesh::transport
