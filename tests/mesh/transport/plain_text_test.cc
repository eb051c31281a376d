// SPDX-License-Identifier: Apache-2.0
#include "mesh/transport/plain_text.h"

#include <cerrno>

#include <gtest/gtest.h>
#include <kj/debug.h>
#include <unistd.h>

namespace vidai::mesh::transport {
namespace {

kj::Exception of(const char* description) {
    return {kj::Exception::Type::FAILED, __FILE__, __LINE__, kj::heapString(description)};
}

TEST(PlainText, OfAFailedCallIsWhatTheSystemSays) {
    int fd = -1;
    char byte = 0;
    const auto e = kj::runCatchingExceptions([&]() { KJ_SYSCALL(::read(fd, &byte, 1), fd); });
    KJ_IF_MAYBE (failed, e) {
        EXPECT_EQ(plain_text(*failed), "Bad file descriptor") << failed->getDescription().cStr();
    } else {
        FAIL() << "it did not fail";
    }
    EXPECT_EQ(plain_text(of("connect() blocked by x: No route to host")),
              "connect() blocked by x: No route to host");
    EXPECT_EQ(plain_text(of("::read(fd, buffer, maxBytes): Connection reset by peer")),
              "Connection reset by peer");
}

TEST(PlainText, OfAnythingElseStaysAsItIs) {
    for (const char* text : {"", "Peer disconnected.", "no (really): it is not a call", "): x"}) {
        EXPECT_EQ(plain_text(of(text)), text);
    }
}

}  // namespace
}  // namespace vidai::mesh::transport
