// SPDX-License-Identifier: Apache-2.0
// Any bytes as a configuration file: refused with a message, or a configuration that can be
// compared with itself. Never a crash, and nothing half-accepted: what loads names only providers
// that exist.
#include <cstdint>
#include <string>

#include "node/config/load.h"
#include "schema/vocabulary/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vidai;
    using namespace vidai::node::config;
    const std::string text(data, data + size);
    Flags flags;
    flags.config_file = "f";
    const auto read = [&](const std::string& path, std::size_t) -> Result<std::string> {
        if (path == "f") return text;
        return fail(ErrorCode::kIo, "cannot read " + path);
    };
    const Result<Config> config = load(Sources{flags, {{"KEY", "secret"}}, read});
    if (!config) {
        CHECK(!config.error().message.empty());
        return 0;
    }
    for (const auto& alias : config->route.aliases) {
        CHECK(!alias.groups.empty());
        for (const auto& group : alias.groups) {
            CHECK(!group.empty());
            for (const auto& target : group) CHECK(target.provider < config->providers.size());
        }
    }
    const Result<ReloadDiff> same = diff(*config, *config);
    CHECK(same && same->changed.empty());
    return 0;
}
