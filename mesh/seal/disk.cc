// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/disk.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sodium/utils.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vidai::mesh::seal {
namespace {

constexpr ::mode_t kSecretMode = 0600;

class File {
  public:
    File(const std::string& path, int flags, ::mode_t mode = 0)
        : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int fd() const { return fd_; }
    bool is_open() const { return fd_ >= 0; }
    // close() may report what write() did not.
    bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

  private:
    int fd_;
};

// Others must not read a secret. A file of ours must not be readable by its group either; one of
// somebody else's (a mounted Kubernetes secret: root's, our group) we could not read otherwise.
Result<void> check_private(const struct stat& status, const std::string& path) {
    const ::mode_t forbidden = status.st_uid == ::geteuid() ? 077 : 027;
    if ((status.st_mode & forbidden) == 0) return {};
    std::array<char, 8> mode{};
    for (int i = 0; i < 4; ++i) {
        mode[static_cast<std::size_t>(i)] =
            static_cast<char>('0' + (status.st_mode >> (9 - 3 * i) & 7));
    }
    return fail(ErrorCode::kPermissionDenied,
                path + " holds a secret and others can read or change it (mode " + mode.data() +
                    "): run `chmod 600 " + path + "`",
                path);
}

}  // namespace

std::unexpected<Error> io_error(int number, std::string_view doing, const std::string& path) {
    ErrorCode code = ErrorCode::kIo;
    if (number == ENOENT) code = ErrorCode::kNotFound;
    if (number == EACCES || number == EPERM) code = ErrorCode::kPermissionDenied;
    if (number == EEXIST) code = ErrorCode::kAlreadyExists;
    return fail(code,
                "cannot " + std::string(doing) + " " + path + ": " +
                    std::generic_category().message(number),
                path);
}

std::string folder_of(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

const Disk& system_disk() {
    static const Disk disk;
    return disk;
}

ssize_t Disk::do_write(int fd, const void* bytes, std::size_t size) const {
    return ::write(fd, bytes, size);
}
int Disk::do_sync(int fd) const {
    return ::fsync(fd);
}
int Disk::do_rename(const char* from, const char* to) const {
    return std::rename(from, to);
}

Result<Bytes> Disk::read(const std::string& path, Privacy privacy, std::size_t most) const {
    const File file(path, O_RDONLY | O_NONBLOCK);  // a FIFO must not stop the start
    if (!file.is_open()) return io_error(errno, "read", path);
    struct stat status{};
    if (::fstat(file.fd(), &status) != 0) return io_error(errno, "inspect", path);
    if (!S_ISREG(status.st_mode) || static_cast<std::size_t>(status.st_size) > most) {
        return fail(ErrorCode::kConfigInvalid,
                    path + " is not what it should be: expected a regular file of at most " +
                        std::to_string(most) + " bytes",
                    path);
    }
    if (privacy == Privacy::kSecret) {
        if (auto good = check_private(status, path); !good) return fail(std::move(good).error());
    }
    Bytes bytes(static_cast<std::size_t>(status.st_size));
    std::size_t size = 0;
    while (size < bytes.size()) {
        const ssize_t got = ::read(file.fd(), bytes.data() + size, bytes.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            const int number = errno;
            sodium_memzero(bytes.data(), bytes.size());
            return io_error(number, "read", path);
        }
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    bytes.resize(size);
    return bytes;
}

Result<void> Disk::create(const std::string& path, ByteView bytes, ::mode_t mode) const {
    File file(path, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (!file.is_open()) return io_error(errno, "create", path);
    int number = 0;
    while (!bytes.empty() && number == 0) {
        const ssize_t put = do_write(file.fd(), bytes.data(), bytes.size());
        if (put >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(put));
        } else if (errno != EINTR) {
            number = errno;
        }
    }
    if (number == 0 && do_sync(file.fd()) != 0) number = errno;
    if (number == 0 && !file.close()) number = errno;
    if (number == 0) return {};
    ::unlink(path.c_str());
    return io_error(number, "write", path);
}

Result<void> Disk::rename(const std::string& from, const std::string& to) const {
    if (do_rename(from.c_str(), to.c_str()) == 0) return {};
    return io_error(errno, "replace", to);
}

Result<void> Disk::replace(const std::string& path, ByteView bytes) const {
    const std::string fresh = path + ".new";
    ::unlink(fresh.c_str());  // what a crash left
    if (auto put = create(fresh, bytes, kSecretMode); !put) return put;
    if (auto moved = rename(fresh, path); !moved) {
        ::unlink(fresh.c_str());
        return moved;
    }
    return sync_directory(folder_of(path));
}

Result<void> Disk::sync_directory(const std::string& path) const {
    const File directory(path, O_RDONLY | O_DIRECTORY);
    if (!directory.is_open()) return io_error(errno, "open", path);
    if (do_sync(directory.fd()) != 0) return io_error(errno, "sync", path);
    return {};
}

}  // namespace vidai::mesh::seal
