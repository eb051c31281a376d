// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/data_dir.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vidai::mesh::rpc {

Result<DataDir> DataDir::open(const std::string& path) {
    std::error_code error;
    const bool made = std::filesystem::create_directories(path, error);
    if (error) {
        return fail(ErrorCode::kIo,
                    "cannot make the data directory " + path + ": " + error.message() +
                        ". Name another with --data-dir",
                    "data_dir");
    }
    if (made) (void)::chmod(path.c_str(), 0700);
    const std::string name = path + "/lock";
    transport::OwnFd lock(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock) {
        return fail(ErrorCode::kIo,
                    "cannot write in the data directory: " + name + ": " + std::strerror(errno),
                    "data_dir");
    }
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        const std::string why =
            errno == EWOULDBLOCK ? "another node is running with it" : std::strerror(errno);
        return fail(ErrorCode::kIo,
                    "the data directory " + path + " is in use: " + why +
                        ". Stop that one, or give this one a directory of its own",
                    "data_dir");
    }
    return DataDir(path, std::move(lock));
}

}  // namespace vidai::mesh::rpc
