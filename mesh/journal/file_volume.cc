// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mesh/journal/volume.h"
#include "mesh/seal/disk.h"

namespace vidai::mesh::journal {

namespace {

class FileVolume final : public Volume {
  public:
    FileVolume(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
    ~FileVolume() override { ::close(fd_); }
    FileVolume(const FileVolume&) = delete;
    FileVolume& operator=(const FileVolume&) = delete;

    Result<std::uint64_t> size() override {
        struct stat status{};
        if (::fstat(fd_, &status) != 0) return failed("inspect");
        return static_cast<std::uint64_t>(status.st_size);
    }

    Result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> out) override {
        std::size_t done = 0;
        while (done < out.size()) {
            const ssize_t got = ::pread(fd_, out.data() + done, out.size() - done,
                                        static_cast<off_t>(offset + done));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return failed("read");
            if (got == 0) break;
            done += static_cast<std::size_t>(got);
        }
        return done;
    }

    Result<void> write(std::uint64_t offset, seal::ByteView bytes) override {
        while (!bytes.empty()) {
            const ssize_t put =
                ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) return failed("write");
            bytes = bytes.subspan(static_cast<std::size_t>(put));
            offset += static_cast<std::uint64_t>(put);
        }
        return {};
    }

    Result<void> truncate(std::uint64_t size) override {
        if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return failed("cut");
        return {};
    }

    // Never again after it has failed: the kernel may have dropped what it could not write.
    Result<void> sync() override {
        if (::fdatasync(fd_) != 0) return failed("sync");
        return {};
    }

    const std::string& name() const override { return path_; }

  private:
    std::unexpected<Error> failed(const char* doing) const {
        return seal::io_error(errno, doing, path_);
    }

    const int fd_;
    const std::string path_;
};

}  // namespace

namespace {

// `name` is what it will be called.
Result<std::unique_ptr<Volume>> open_as(const std::string& path, int flags,
                                        const std::string& name) {
    const int fd = ::open(path.c_str(), flags | O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return seal::io_error(errno, "open", path);
    auto volume = std::make_unique<FileVolume>(fd, name);
    struct stat status{};
    if (::fstat(fd, &status) != 0) return seal::io_error(errno, "inspect", path);
    if (!S_ISREG(status.st_mode)) {
        return fail(ErrorCode::kConfigInvalid, path + " is not a regular file", path);
    }
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return fail(ErrorCode::kConflict,
                    path +
                        " is in use by another process: two nodes must not share a data "
                        "directory",
                    path);
    }
    if (auto synced = seal::system_disk().sync_directory(seal::folder_of(path)); !synced) {
        return std::unexpected(synced.error());
    }
    return volume;
}

std::string beside(const std::string& path) {
    return path + ".new";
}

}  // namespace

Result<std::unique_ptr<Volume>> open_file(const std::string& path) {
    return open_as(path, 0, path);
}

Result<std::unique_ptr<Volume>> create_beside(const std::string& path) {
    remove_beside(path);
    return open_as(beside(path), O_EXCL, path);
}

Result<void> take_place(const Volume& of) {
    const seal::Disk& disk = seal::system_disk();
    if (auto moved = disk.rename(beside(of.name()), of.name()); !moved) return moved;
    return disk.sync_directory(seal::folder_of(of.name()));
}

void remove_beside(const std::string& path) {
    ::unlink(beside(path).c_str());
}

}  // namespace vidai::mesh::journal
