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

// Of the segment that begins with event `first`: names sort as numbers do.
std::string segment_path(const std::string& folder, std::uint64_t first);

struct File {
    std::uint64_t first = 0;
    std::uint64_t bytes = 0;
    WallTime written;  // last
};
// By rising number; other names are passed over. A folder that is not there is empty. kIo.
Result<std::vector<File>> list_segments(const std::string& folder);

// One of them as it is now: journal::copy_file().
inline constexpr std::size_t kSegmentFileMax = 64U << 20;
Result<std::unique_ptr<journal::Volume>> copy_segment(const std::string& path);

}  // namespace vidai::mesh::usage
