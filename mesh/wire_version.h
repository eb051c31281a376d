// SPDX-License-Identifier: Apache-2.0
// The versions of the mesh's RPC schema that this build speaks: always its own and the one before,
// so that a mesh can be upgraded node by node. Constants.
#pragma once

#include <cstdint>

namespace vidai::mesh {

inline constexpr std::uint16_t kWireMin = 1;
inline constexpr std::uint16_t kWireMax = 1;

}  // namespace vidai::mesh
