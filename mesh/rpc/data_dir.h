// SPDX-License-Identifier: Apache-2.0
// The data directory, held by one process at a time: two nodes with one identity would each
// believe the other a ghost. Blocking; at start.
#pragma once

#include <string>

#include "mesh/transport/sockets.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::rpc {

class DataDir {
  public:
    // Makes it (0700) if absent and locks DIR/lock until this object dies. kIo, with who is to
    // blame when another process holds it.
    static Result<DataDir> open(const std::string& path);

    const std::string& path() const { return path_; }
    std::string file(const std::string& name) const { return path_ + "/" + name; }

  private:
    DataDir(std::string path, transport::OwnFd lock)
        : path_(std::move(path)), lock_(std::move(lock)) {}
    std::string path_;
    transport::OwnFd lock_;
};

}  // namespace vidai::mesh::rpc
