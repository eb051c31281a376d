// SPDX-License-Identifier: Apache-2.0
#include "mesh/transport/sockets.h"

#include <string>

#include <gtest/gtest.h>
#include <kj/async-io.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "mesh/transport/handshaking.h"

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

TEST(Sockets, ResendWhatIsLostWithoutDoublingTheirTimers) {
    auto io = kj::setupAsyncIo();
    auto server =
        io.provider->getNetwork().parseAddress("127.0.0.1:0").wait(io.waitScope)->listen();
    const std::string where = "127.0.0.1:" + std::to_string(server->getPort());
    auto address = io.provider->getNetwork().parseAddress(where.c_str()).wait(io.waitScope);
    auto stream = address->connect().wait(io.waitScope);
    tune(*stream);
    int thin = 0;
    kj::uint size = sizeof thin;
    stream->getsockopt(IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, &thin, &size);
    EXPECT_EQ(thin, 1);
    // Under BBR the option above has no effect.
    char congestion[16] = {};
    size = sizeof congestion;
    stream->getsockopt(IPPROTO_TCP, TCP_CONGESTION, congestion, &size);
    EXPECT_STREQ(congestion, "reno");
}

}  // namespace
}  // namespace vidai::mesh::transport
