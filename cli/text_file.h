// SPDX-License-Identifier: Apache-2.0
// A file that a command is given, whole. Blocking; main thread.
#pragma once

#include <cstddef>
#include <string>

#include "schema/vocabulary/result.h"

namespace vidai::cli {

// kIo: it cannot be read, or is larger than that.
Result<std::string> read_text_file(const std::string& path, std::size_t bytes_max);

}  // namespace vidai::cli
