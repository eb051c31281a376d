// SPDX-License-Identifier: Apache-2.0
// Everything that can go wrong before the mesh thread runs: the data directory, who this node is
// and whom it believes, what it remembers, its sockets. Blocking; the thread that calls
// Mesh::start().
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mesh/admission/admission.h"
#include "mesh/mesh.h"
#include "mesh/options.h"
#include "mesh/rpc/data_dir.h"
#include "mesh/seal/handshake.h"
#include "mesh/seal/identity.h"
#include "mesh/seal/ledger_key.h"
#include "mesh/state/snapshot_file.h"
#include "mesh/transport/sockets.h"
#include "mesh/wire_version.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

inline const seal::WireRange kWire{kWireMin, kWireMax};
inline constexpr const char* kStateFile = "registers";
inline constexpr const char* kOperatorSocket = "operator.sock";

struct Startup {
    MeshOptions options;
    DataDir data_dir;
    NodeId node;
    seal::NodeIdentity identity;
    seal::Trust trust;                   // what this node was given
    std::shared_ptr<seal::Roots> roots;  // what came of it
    std::optional<seal::Issuer> issuer;
    admission::Certified certified;
    std::vector<std::string> joined_at;  // seeds to be kept with the certificate
    bool by_token = false;               // joined just now
    state::StoredState stored;
    Result<seal::LedgerVolume> ledger;  // without it there is no money here, and the rest goes on
    std::string address;                // HOST:PORT that peers dial
    transport::Listening peers;         // no descriptor in a mesh of one
    transport::OwnFd operators;         // none when the path is too long
    std::string operator_socket;
};

// What prepare() would say of the options and of the files that they name, without side effects.
Result<void> check(const MeshOptions& options);
// prepare() but for the sockets, and so without an address.
Result<Startup> recall(const MeshOptions& options, const NoticeSink& sink,
                       seal::RandomSource& random);
Result<Startup> prepare(const MeshOptions& options, const NoticeSink& sink);

}  // namespace vidai::mesh::rpc
