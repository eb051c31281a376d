// SPDX-License-Identifier: Apache-2.0
// What a MeshThread touches the world through. A process gives it the system; the simulator gives a
// network in memory, virtual time and a seed. Mesh thread.
#pragma once

#include <kj/async-io.h>
#include <kj/timer.h>

#include "mesh/seal/keys.h"

namespace vidai::mesh::rpc {

struct Surroundings {
    kj::Network& network;
    kj::Timer& timer;
    seal::RandomSource& random;
    // For threads that hand over results, and commands. nullptr: there are none: a state file is
    // written in the turn that asks, a command is a call.
    kj::LowLevelAsyncIoProvider* descriptors;
    kj::Own<kj::ConnectionReceiver> peers;      // listening; null in a mesh of one
    kj::Own<kj::ConnectionReceiver> operators;  // the local socket; may be null
};

}  // namespace vidai::mesh::rpc
