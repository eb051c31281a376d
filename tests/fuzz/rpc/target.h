// SPDX-License-Identifier: Apache-2.0
// What is behind a sealed connection, for the targets of this folder: the real mesh thread of a
// node with its cores, registrar and disk, and a connection to it that has been authenticated
// already. A target's input is the byte stream of that connection: whatever a hostile peer,
// operator or joiner sends. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include "mesh/rpc/mesh_thread.h"
#include "mesh/seal/certificate.h"
#include "mesh/seal/identity.h"

namespace vidai::fuzz {

class Target {
  public:
    Target();
    ~Target() noexcept(false);
    Target(const Target&) = delete;
    Target& operator=(const Target&) = delete;

    // Whoever has these roles sends `stream`, as far as a sealed connection would let it through;
    // how many bytes it is answered with.
    std::size_t feed(mesh::seal::Roles roles, mesh::seal::ByteView stream);

    // For making seeds: what a client writes that calls `talk`.
    mesh::seal::Bytes record(
        mesh::seal::Roles roles,
        const std::function<kj::Promise<void>(capnp::Capability::Client)>& talk);

    // An operator of this mesh, whose key is the same in every run.
    const mesh::seal::Credentials& boss() const { return operator_; }

  private:
    mesh::seal::PeerIdentity who(mesh::seal::Roles roles) const;
    void settle();

    std::string folder_;
    kj::AsyncIoContext io_;
    mesh::seal::Credentials operator_;
    std::unique_ptr<mesh::rpc::Startup> startup_;
    std::unique_ptr<mesh::rpc::Shared> shared_;
    mesh::NoticeSink sink_;
    std::unique_ptr<mesh::usage::Recorder> usage_;
    std::unique_ptr<mesh::rpc::MeshThread> thread_;
};

// The target of this process, made anew once in a while: what inputs leave behind is bounded.
Target& target();

}  // namespace vidai::fuzz
