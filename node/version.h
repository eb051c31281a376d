// SPDX-License-Identifier: Apache-2.0
// What this build is: shown by --version, /version and the metric vidai_build_info. Constants.
#pragma once

#include <string_view>

namespace vidai::node {

inline constexpr std::string_view kVersion = VIDAI_VERSION;
inline constexpr std::string_view kRevision = VIDAI_REVISION;
inline constexpr std::string_view kBuildType = VIDAI_BUILD_TYPE;

}  // namespace vidai::node
