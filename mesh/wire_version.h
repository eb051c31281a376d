// SPDX-License-Identifier: Apache-2.0
// The versions of the mesh's RPC schema that this program speaks, always its own and the one
// before, so that a mesh can be upgraded node by node; and what else it can do, as it tells the
// mesh in its signed word (mesh/capabilities.h names the bits). Constants, defined in a file of
// their own so that tests can link a program of the next version (tests/chaos).
#pragma once

#include <cstdint>

namespace vidai::mesh {

extern const std::uint16_t kWireMin, kWireMax;
extern const std::uint64_t kCapabilities;

}  // namespace vidai::mesh
