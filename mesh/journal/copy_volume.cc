// SPDX-License-Identifier: Apache-2.0
// A file as it is at this moment, in memory.
#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "mesh/journal/volume.h"
#include "mesh/seal/disk.h"

namespace vidai::mesh::journal {

namespace {

constexpr std::size_t kChunk = 1U << 20;  // of one read

class CopyVolume final : public Volume {
  public:
    CopyVolume(seal::Bytes bytes, std::string path)
        : bytes_(std::move(bytes)), path_(std::move(path)) {}

    Result<std::uint64_t> size() override { return bytes_.size(); }
    Result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> out) override {
        if (offset >= bytes_.size()) return 0;
        const std::size_t count = std::min<std::size_t>(out.size(), bytes_.size() - offset);
        std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
        return count;
    }
    Result<void> write(std::uint64_t offset, seal::ByteView bytes) override {
        if (bytes_.size() < offset + bytes.size()) bytes_.resize(offset + bytes.size());
        std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
        return {};
    }
    Result<void> truncate(std::uint64_t size) override {
        bytes_.resize(size);
        return {};
    }
    Result<void> sync() override { return {}; }
    const std::string& name() const override { return path_; }

  private:
    seal::Bytes bytes_;
    const std::string path_;
};

}  // namespace

// From its beginning to wherever it ends by then: the marks, which say what has been synced, before
// the end of the records that they speak of. By the size that the file had at first, records could
// be missing that a mark read after it knows of.
Result<std::unique_ptr<Volume>> copy_file(const std::string& path, std::size_t bytes_max) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return seal::io_error(errno, "open", path);
    seal::Bytes bytes;
    std::size_t size = 0;
    ssize_t got = 0;
    do {
        size += static_cast<std::size_t>(got);
        if (bytes.size() < size + kChunk) bytes.resize(size + kChunk);
        do {
            got = ::read(fd, bytes.data() + size, kChunk);
        } while (got < 0 && errno == EINTR);
    } while (got > 0 && size <= bytes_max);
    const int number = errno;
    ::close(fd);
    if (got < 0) return seal::io_error(number, "read", path);
    if (size > bytes_max) {
        return fail(ErrorCode::kCorrupt,
                    path + " is not what it should be: it is larger than " +
                        std::to_string(bytes_max) + " bytes",
                    path);
    }
    bytes.resize(size);
    return std::make_unique<CopyVolume>(std::move(bytes), path);
}

}  // namespace vidai::mesh::journal
