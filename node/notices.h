// SPDX-License-Identifier: Apache-2.0
// What the mesh tells its node, as lines of the log. Any thread.
#pragma once

#include "mesh/mesh.h"
#include "node/observe/log.h"

namespace vidai::node {

void log_notice(observe::Log& log, const mesh::Notice& notice);

}  // namespace vidai::node
