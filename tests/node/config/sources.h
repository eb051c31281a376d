// SPDX-License-Identifier: Apache-2.0
// Sources made of literals: a configuration file and the files it names, without a disk.
#pragma once

#include <map>
#include <string>

#include "node/config/load.h"

namespace vidai::node::config {

struct TestSources {
    std::map<std::string, std::string> files;
    std::map<std::string, std::string> environment;
    Flags flags;

    Result<Config> load_all() const {
        return load(Sources{flags, environment,
                            [this](const std::string& path, std::size_t) -> Result<std::string> {
                                const auto at = files.find(path);
                                if (at != files.end()) return at->second;
                                return fail(ErrorCode::kIo, "cannot read " + path, path);
                            }});
    }
};

inline TestSources with_file(std::string text) {
    TestSources sources;
    sources.files["vidai.yaml"] = std::move(text);
    sources.flags.config_file = "vidai.yaml";
    return sources;
}

inline Result<Config> load_text(std::string text) {
    return with_file(std::move(text)).load_all();
}

// The message of the error, or "accepted".
inline std::string refusal(std::string text) {
    const Result<Config> config = load_text(std::move(text));
    return config ? "accepted" : config.error().message;
}

}  // namespace vidai::node::config
