// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/folder.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string_view>

#include <sys/stat.h>

#include "mesh/seal/disk.h"

namespace vidai::mesh::usage {

namespace {

constexpr std::size_t kDigits = 20;  // of the greatest number
constexpr std::string_view kSuffix = ".usage";

// Zero: no segment has that name.
std::uint64_t first_of(std::string_view name) {
    if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) return 0;
    std::uint64_t first = 0;
    const char* const end = name.data() + kDigits;
    const auto [stopped, error] = std::from_chars(name.data(), end, first);
    return error == std::errc() && stopped == end ? first : 0;
}

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

Result<std::unique_ptr<journal::Volume>> copy_segment(const std::string& path) {
    return journal::copy_file(path, kSegmentFileMax);
}

}  // namespace vidai::mesh::usage
