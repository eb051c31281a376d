// SPDX-License-Identifier: Apache-2.0
// While it lives, no file of this process grows beyond so many bytes: writing fails as on a disk
// that is full.
#pragma once

#include <csignal>

#include <sys/resource.h>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::usage {

class FullDisk {
  public:
    explicit FullDisk(rlim_t bytes) {
        std::signal(SIGXFSZ, SIG_IGN);  // so that the call fails instead
        CHECK(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
        const rlimit now{bytes, before_.rlim_max};
        CHECK(::setrlimit(RLIMIT_FSIZE, &now) == 0);
    }
    ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;

  private:
    rlimit before_{};
};

}  // namespace vidai::mesh::usage
