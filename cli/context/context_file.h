// SPDX-License-Identifier: Apache-2.0
// The contexts of one person: which meshes there are, and as whom to speak to each. A small YAML
// file, written only by `vidaictl mesh init` and `vidaictl config use-context` (comments are not
// kept then). Reading is strict, so that a rewrite never drops what was not understood. Main
// thread, blocking.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/print/value.h"
#include "schema/vocabulary/result.h"

namespace vidai::cli::context {

struct Context {
    std::string name;
    std::string server;    // HOST:PORT, several with commas between, or unix:PATH
    std::string identity;  // relative to the context file's folder, as is `root`
    std::string root;
    friend bool operator==(const Context&, const Context&) = default;
};

struct ContextFile {
    std::string current;  // empty: none
    std::vector<Context> contexts;
    const Context* find(std::string_view name) const;
    friend bool operator==(const ContextFile&, const ContextFile&) = default;
};

inline constexpr std::size_t kContextBytesMax = 256 * 1024;

// kConfigInvalid with "PATH:LINE: what".
Result<ContextFile> parse_contexts(const std::string& text, const std::string& path);
print::Value to_value(const ContextFile& file);

// An absent file holds no contexts. kIo, kConfigInvalid.
Result<ContextFile> load_contexts(const std::string& path);

// Reads, edits and replaces the file atomically (mode 0600, its folder made 0700), one process at
// a time; through symbolic links. Nothing is written when `edit` fails, whose error is returned.
Result<void> update_contexts(const std::string& path,
                             const std::function<Result<void>(ContextFile&)>& edit);

}  // namespace vidai::cli::context
