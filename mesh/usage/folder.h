// SPDX-License-Identifier: Apache-2.0
// The files of a folder of segments: their names, and one of them as it is at this moment, while
// another thread may be writing to it. Blocking; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mesh/journal/volume.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::usage {

struct File {
    std::uint64_t first = 0;  // its events have these numbers, and none of the next file's
    std::uint64_t last = 0;   // zero: its name does not say, as of one that is written to
    std::uint64_t bytes = 0;
    WallTime written{};  // last
};

// Of the segment that begins with event `first`: names sort as numbers do. Where `last` is given it
// holds each number between the two, and is never written to again.
std::string segment_path(const std::string& folder, std::uint64_t first, std::uint64_t last = 0);
inline std::string segment_path(const std::string& folder, const File& file) {
    return segment_path(folder, file.first, file.last);
}

// By rising number; other names are passed over. A folder that is not there is empty. kIo.
Result<std::vector<File>> list_segments(const std::string& folder);

// One of them as it is now: journal::copy_file().
inline constexpr std::size_t kSegmentFileMax = 64U << 20;
Result<std::unique_ptr<journal::Volume>> copy_segment(const std::string& path);

// With mode 0700, and its name on the disk, where it is not there yet. kIo.
Result<void> make_folder(const std::string& folder);

}  // namespace vidai::mesh::usage
