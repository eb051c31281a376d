// SPDX-License-Identifier: Apache-2.0
// From what was written to a Config: flags, then VIDAI_* variables (VIDAI_X_FILE names a file that
// holds the value of VIDAI_X), then the YAML file, then defaults. Strict: an unknown or repeated
// key, a wrong type, a value out of range is an error that names where it was written, the option,
// and what was expected; up to 20 of them are reported at once, one a line. Pure: files are read
// through the function given. Main thread.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "node/config/config.h"
#include "node/config/flags.h"
#include "schema/vocabulary/result.h"

namespace vidai::node::config {

inline constexpr std::size_t kConfigBytesMax = 1024 * 1024;
inline constexpr std::size_t kSecretBytesMax = 64 * 1024;

// The whole file, or kIo with a message that names it; a longer one than `bytes_max` is an error.
using ReadFile = std::function<Result<std::string>(const std::string& path, std::size_t bytes_max)>;

struct Sources {
    Flags flags;
    std::map<std::string, std::string> environment;
    ReadFile read_file;
};

// kConfigInvalid, or kIo when a file cannot be read. Without a file (--config or VIDAI_CONFIG) the
// result is a node with defaults and no providers.
Result<Config> load(const Sources& sources);

// What a reload (SIGHUP) changes, as option paths; "providers" and "models" stand for all of
// theirs.
struct ReloadDiff {
    std::vector<std::string> changed;
};

// kConfigInvalid, naming them, when a setting changed that is read only at start: the running
// configuration then stays as it is.
Result<ReloadDiff> diff(const Config& running, const Config& next);

}  // namespace vidai::node::config
