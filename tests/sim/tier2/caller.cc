// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/tier2/caller.h"

#include <utility>

#include <capnp/message.h>

#include "mesh/rpc/startup.h"
#include "mesh/wire/message.h"

namespace vidai::sim {

namespace {

using Side = ::capnp::rpc::twoparty::Side;

::capnp::Capability::Client bootstrap(::capnp::RpcSystem<::capnp::rpc::twoparty::VatId>& system) {
    ::capnp::MallocMessageBuilder message(4);
    auto vat = message.initRoot<::capnp::rpc::twoparty::VatId>();
    vat.setSide(Side::SERVER);
    return system.bootstrap(vat);
}

}  // namespace

Caller::Caller(mesh::transport::Handshaken done, const mesh::Clock& clock)
    : stream_(kj::heap<mesh::transport::SealedStream>(std::move(done), mesh::wire::kPeerWordsMax,
                                                      clock)),
      network_(*stream_, Side::CLIENT, mesh::wire::reader_options(mesh::wire::kPeerWordsMax)),
      system_(::capnp::makeRpcClient(network_)),
      offered_(bootstrap(system_)) {}

kj::Promise<Result<mesh::transport::Handshaken>> shake_hands(
    Door door, const Host& from, const Host& to,
    std::shared_ptr<const mesh::seal::Credentials> self) {
    return door.fabric.connect(from, to).then(
        [door, self = std::move(self)](kj::Own<kj::AsyncIoStream>&& stream) mutable {
            mesh::seal::HandshakeOptions options{std::move(self),
                                                 {Generation{1}, mesh::rpc::kWire, {}},
                                                 mesh::seal::Role::kPeer,
                                                 {},
                                                 door.clock.wall_now()};
            auto machine = std::make_unique<mesh::seal::Initiator>(std::move(options), door.random);
            return mesh::transport::run_handshake(kj::mv(stream), std::move(machine));
        });
}

}  // namespace vidai::sim
