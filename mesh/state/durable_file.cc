// SPDX-License-Identifier: Apache-2.0
// The part of the snapshot file that touches the disk.
#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mesh/state/snapshot_file.h"

namespace vidai::mesh::state {

namespace {

std::unexpected<Error> io_error(const std::string& path, const char* what, int error) {
    return fail(ErrorCode::kIo, path + ": cannot " + what + ": " + std::strerror(error), path);
}

class File {
  public:
    File(const std::string& path, int flags, mode_t mode = 0)
        : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int fd() const { return fd_; }
    // close() may report what write() did not.
    bool close() {
        const int fd = fd_;
        fd_ = -1;
        return ::close(fd) == 0;
    }

  private:
    int fd_;
};

bool write_all(int fd, seal::ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return true;
}

std::string folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<StoredState> load_state(const std::string& path) {
    const File file(path, O_RDONLY);
    if (file.fd() < 0 && errno == ENOENT) {
        return fail(ErrorCode::kNotFound, path + " does not exist", path);
    }
    if (file.fd() < 0) return io_error(path, "open it", errno);
    struct stat info{};
    if (::fstat(file.fd(), &info) != 0) return io_error(path, "read its size", errno);
    if (static_cast<std::uint64_t>(info.st_size) > kSnapshotBytesMax) {
        return fail(ErrorCode::kCorrupt, path + " is larger than any state file can be", path);
    }
    seal::Bytes bytes(static_cast<std::size_t>(info.st_size));
    std::size_t got = 0;
    while (got < bytes.size()) {
        const ssize_t n = ::read(file.fd(), bytes.data() + got, bytes.size() - got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return io_error(path, "read it", errno);
        if (n == 0) break;
        got += static_cast<std::size_t>(n);
    }
    bytes.resize(got);
    return decode_state(bytes, path);
}

Result<void> store_bytes(const std::string& path, seal::ByteView bytes) {
    const std::string temporary = path + ".tmp";
    File file(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file.fd() < 0) return io_error(temporary, "create it", errno);
    if (!write_all(file.fd(), bytes)) return io_error(temporary, "write it", errno);
    if (::fsync(file.fd()) != 0) return io_error(temporary, "sync it", errno);
    if (!file.close()) return io_error(temporary, "close it", errno);
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        return io_error(path, "replace it", errno);
    }
    const std::string folder = folder_of(path);
    const File directory(folder, O_RDONLY | O_DIRECTORY);
    if (directory.fd() < 0) return io_error(folder, "open it", errno);
    if (::fsync(directory.fd()) != 0) return io_error(folder, "sync it", errno);
    return {};
}

}  // namespace vidai::mesh::state
