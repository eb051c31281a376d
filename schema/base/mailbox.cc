// SPDX-License-Identifier: Apache-2.0
#include "schema/base/mailbox.h"

#include <cerrno>
#include <cstdint>

#include <sys/eventfd.h>
#include <unistd.h>

#include "schema/vocabulary/check.h"

namespace vidai {

WakeFd::WakeFd() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    CHECK(fd_ >= 0, "eventfd: out of file descriptors");
}

WakeFd::~WakeFd() {
    ::close(fd_);
}

void WakeFd::signal() {
    const std::uint64_t one = 1;
    // EAGAIN means the counter is at its maximum: the receiver is signalled already.
    while (::write(fd_, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

void WakeFd::clear() {
    std::uint64_t count = 0;
    while (::read(fd_, &count, sizeof count) < 0 && errno == EINTR) {
    }
}

}  // namespace vidai
