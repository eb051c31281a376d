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
constexpr std::string_view kThrough = "-";
constexpr std::string_view kSuffix = ".usage";

// Zero: none, or not the digits that it should be.
std::uint64_t number_of(std::string_view digits) {
    std::uint64_t number = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stopped, error] = std::from_chars(digits.data(), end, number);
    return digits.size() == kDigits && error == std::errc() && stopped == end ? number : 0;
}

std::string digits_of(std::uint64_t number) {
    std::string digits = std::to_string(number);
    digits.insert(0, kDigits - digits.size(), '0');
    return digits;
}

// Without a first number: no segment has that name.
File file_of(std::string_view name) {
    File file;
    if (!name.ends_with(kSuffix)) return file;
    name.remove_suffix(kSuffix.size());
    file.first = number_of(name.substr(0, kDigits));
    if (name.size() == kDigits) return file;
    name.remove_prefix(std::min(name.size(), kDigits));
    if (name.starts_with(kThrough)) file.last = number_of(name.substr(kThrough.size()));
    if (file.last < file.first || file.last == 0) file.first = 0;
    return file;
}

}  // namespace

std::string segment_path(const std::string& folder, std::uint64_t first, std::uint64_t last) {
    std::string name = digits_of(first);
    if (last != 0) name += std::string(kThrough) + digits_of(last);
    return folder + "/" + name + std::string(kSuffix);
}

Result<std::vector<File>> list_segments(const std::string& folder) {
    std::error_code error;
    std::filesystem::directory_iterator each(folder, error);
    if (error == std::errc::no_such_file_or_directory) return std::vector<File>{};
    std::vector<File> files;
    for (; !error && each != std::filesystem::directory_iterator(); each.increment(error)) {
        File file = file_of(each->path().filename().string());
        if (file.first == 0) continue;
        struct stat status{};
        if (::stat(each->path().c_str(), &status) != 0) continue;  // it has gone meanwhile
        const std::int64_t ms = std::int64_t{status.st_mtim.tv_sec} * 1'000 +
                                std::int64_t{status.st_mtim.tv_nsec} / 1'000'000;
        file.bytes = static_cast<std::uint64_t>(status.st_size);
        file.written = WallTime(WallTime::duration(ms));
        files.push_back(file);
    }
    if (error) return seal::io_error(error.value(), "list", folder);
    std::ranges::sort(files, {}, &File::first);
    return files;
}

Result<std::unique_ptr<journal::Volume>> copy_segment(const std::string& path) {
    return journal::copy_file(path, kSegmentFileMax);
}

Result<void> make_folder(const std::string& folder) {
    if (::mkdir(folder.c_str(), 0700) == 0) {
        return seal::system_disk().sync_directory(seal::folder_of(folder));
    }
    if (errno != EEXIST) return seal::io_error(errno, "create", folder);
    return {};
}

}  // namespace vidai::mesh::usage
