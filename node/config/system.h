// SPDX-License-Identifier: Apache-2.0
// The thin adapter under load(): this process's environment and file system. Main thread.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "node/config/load.h"
#include "schema/vocabulary/result.h"

namespace vidai::node::config {

// The variables whose name starts with VIDAI_ and any that api_key_env may name: all of them.
std::map<std::string, std::string> environment();

// Reads a regular file, pipe or device of at most `bytes_max` bytes; kIo otherwise.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

inline Sources system_sources(Flags flags) {
    return Sources{std::move(flags), environment(), read_file};
}

}  // namespace vidai::node::config
