// SPDX-License-Identifier: Apache-2.0
#include "mesh/wire_version.h"

#include "mesh/capabilities.h"

namespace vidai::mesh {

// 1: the first. 2: a member's word has its profile with it, and who does not know that drops it.
constexpr std::uint16_t kThisVersion = 2;

#ifdef VIDAI_NEXT_WIRE
extern const std::uint16_t kWireMin = kThisVersion, kWireMax = kThisVersion + 1;
extern const std::uint64_t kCapabilities = kEveryCapability | 1ULL << 40;
#else
extern const std::uint16_t kWireMin = kThisVersion - 1, kWireMax = kThisVersion;
extern const std::uint64_t kCapabilities = kEveryCapability;
#endif

}  // namespace vidai::mesh
