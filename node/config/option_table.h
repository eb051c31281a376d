// SPDX-License-Identifier: Apache-2.0
// The one place where an option is added: its path in the file, its flag, whether a change needs a
// restart, its bounds, its words, and the member it fills, whose built-in value is the default and
// whose type says how it is written. Parsing, --help, VIDAI_* variables, the reload check and
// docs/reference/config.md all read these tables. Constant data; any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "node/config/config.h"
#include "node/config/value.h"

namespace vidai::node::config {

enum class Applies : bool { kOnReload, kAtStart };

template <class Owner>
struct Option {
    std::string_view path;  // "listen.address"; within one provider or target: "timeouts.idle"
    std::string_view flag;  // "--listen"; empty: none
    Applies applies;
    Bounds bounds;
    std::string_view doc;  // one or two sentences
    Slot (*slot)(Owner&);
};

// A provider and a target as written, before references are resolved.
struct ProviderDraft {
    providers::Provider provider;
    std::string api_key_env;
    std::string api_key_file;
    Secret api_key;
};
struct TargetDraft {
    std::string provider;
    route::Target target;
};

std::span<const Option<Config>> node_options();
std::span<const Option<ProviderDraft>> provider_options();  // of providers.<name>
std::span<const Option<TargetDraft>> target_options();      // of one entry of models.<name>

// "listen.address" -> "VIDAI_LISTEN_ADDRESS".
std::string variable_name(std::string_view path);

inline constexpr std::size_t kProvidersMax = 64;
inline constexpr std::size_t kAliasesMax = 1024;
inline constexpr std::size_t kTargetsMax = 16;  // steps of an alias, and targets of a split

}  // namespace vidai::node::config
