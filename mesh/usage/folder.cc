// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/folder.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mesh/seal/disk.h"

namespace vidai::mesh::usage {

namespace {

constexpr std::size_t kDigits = 20;       // of the greatest number
constexpr std::size_t kChunk = 1U << 20;  // of one read
constexpr std::string_view kSuffix = ".usage";

// Zero: no segment has that name.
std::uint64_t first_of(std::string_view name) {
    if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) return 0;
    std::uint64_t first = 0;
    const char* const end = name.data() + kDigits;
    const auto [stopped, error] = std::from_chars(name.data(), end, first);
    return error == std::errc() && stopped == end ? first : 0;
}

class CopyVolume final : public journal::Volume {
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

std::string segment_path(const std::string& folder, std::uint64_t first) {
    std::string digits = std::to_string(first);
    digits.insert(0, kDigits - digits.size(), '0');
    return folder + "/" + digits + std::string(kSuffix);
}

Result<std::vector<File>> list_segments(const std::string& folder) {
    std::error_code error;
    std::filesystem::directory_iterator each(folder, error);
    if (error == std::errc::no_such_file_or_directory) return std::vector<File>{};
    std::vector<File> files;
    for (; !error && each != std::filesystem::directory_iterator(); each.increment(error)) {
        const std::uint64_t first = first_of(each->path().filename().string());
        if (first == 0) continue;
        struct stat status{};
        if (::stat(each->path().c_str(), &status) != 0) continue;  // it has gone meanwhile
        const std::int64_t ms = std::int64_t{status.st_mtim.tv_sec} * 1'000 +
                                std::int64_t{status.st_mtim.tv_nsec} / 1'000'000;
        files.push_back(
            {first, static_cast<std::uint64_t>(status.st_size), WallTime(WallTime::duration(ms))});
    }
    if (error) return seal::io_error(error.value(), "list", folder);
    std::ranges::sort(files, {}, &File::first);
    return files;
}

// From its beginning to wherever it ends by then: the marks, which say what has been synced, before
// the end of the records that they speak of. By the size that the file had at first, records could
// be missing that a mark read after it knows of.
Result<std::unique_ptr<journal::Volume>> copy_segment(const std::string& path) {
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
    } while (got > 0 && size <= kSegmentFileMax);
    const int number = errno;
    ::close(fd);
    if (got < 0) return seal::io_error(number, "read", path);
    if (size > kSegmentFileMax) {
        return fail(ErrorCode::kCorrupt,
                    path + " is no file of usage events: it is larger than they can be, " +
                        std::to_string(kSegmentFileMax) + " bytes",
                    path);
    }
    bytes.resize(size);
    return std::make_unique<CopyVolume>(std::move(bytes), path);
}

}  // namespace vidai::mesh::usage
