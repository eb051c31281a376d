// SPDX-License-Identifier: Apache-2.0
#include "mesh/wire_version.h"

namespace vidai::mesh {

constexpr std::uint16_t kThisVersion = 1;

#ifdef VIDAI_NEXT_WIRE
extern const std::uint16_t kWireMin = kThisVersion, kWireMax = kThisVersion + 1;
#else
extern const std::uint16_t kWireMin = 1, kWireMax = kThisVersion;
#endif

}  // namespace vidai::mesh
