// SPDX-License-Identifier: Apache-2.0
// Who is no node of the mesh and calls one: an operator, or somebody who has a certificate of
// another role. As vidaictl does it, on the simulated network. One thread.
#pragma once

#include <memory>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include "mesh/clock.h"
#include "mesh/seal/handshake.h"
#include "mesh/transport/sealed_stream.h"
#include "schema/vocabulary/result.h"
#include "tests/sim/tier2/fabric.h"

namespace vidai::sim {

class Caller {
  public:
    Caller(mesh::transport::Handshaken done, const mesh::Clock& clock);

    // What the node offers, whatever that is.
    template <class Interface>
    typename Interface::Client as() {
        return offered_.castAs<Interface>();
    }

  private:
    kj::Own<kj::AsyncIoStream> stream_;
    ::capnp::TwoPartyVatNetwork network_;
    ::capnp::RpcSystem<::capnp::rpc::twoparty::VatId> system_;
    ::capnp::Capability::Client offered_;
};

// What a handshake needs of the world.
struct Door {
    Fabric& fabric;
    const mesh::Clock& clock;
    mesh::seal::RandomSource& random;
};
// Dials and shakes hands as whoever those are.
kj::Promise<Result<mesh::transport::Handshaken>> shake_hands(
    Door door, const Host& from, const Host& to,
    std::shared_ptr<const mesh::seal::Credentials> self);

}  // namespace vidai::sim
