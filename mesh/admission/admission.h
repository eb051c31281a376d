// SPDX-License-Identifier: Apache-2.0
// How a node comes to its certificate at start: it signs one itself with a mounted issuer key,
// finds the one on its volume, or joins with a token and keeps what it gets. Blocking; at start.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mesh/admission/joining.h"
#include "mesh/options.h"
#include "mesh/seal/handshake.h"
#include "mesh/seal/identity.h"
#include "mesh/seal/roots.h"
#include "mesh/state/register.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::admission {

// One certificate's worth of identity.
struct Certified {
    std::shared_ptr<const seal::Credentials> credentials;
    std::shared_ptr<const seal::Bytes> chain;  // the same as in the credentials
    std::uint64_t serial = 0;
    seal::PeerIdentity who;
    WallTime renew_at;  // at two thirds of its validity at the latest
};

struct Admission {
    seal::Trust trust;                   // the anchor: given by file or token, or stored
    std::shared_ptr<seal::Roots> roots;  // from there on, by the statements that are stored
    std::optional<seal::Issuer> issuer;
    Certified certified;
    std::vector<std::string> seeds;  // where it joined; nothing with an issuer of its own
    bool by_token = false;           // of the options' token, just now
};

// Whether DATA_DIR holds a certificate, and so a mesh to come back to.
bool has_membership(const std::string& data_dir);

// What the files and the token that the options name are worth, without side effects.
Result<void> check_admission(const MeshOptions& options);

// `stored`: what the node remembers of its mesh, for the roots' statements among it. `known`: the
// serial of the certificate that it remembers having had under this key; 0: none.
Result<Admission> admit_self(const MeshOptions& options, const NodeId& node,
                             const seal::NodeIdentity& identity,
                             const std::vector<state::Register>& stored, seal::RandomSource& random,
                             std::uint64_t known, const JoinWatch& watch = {});
// The issuer key that the options name, by whichever root it was delegated.
Result<seal::Issuer> load_issuer(const MeshOptions& options);

// What a chain for this node's own id and key says. kUnauthenticated when it is not that or not
// valid now; under a root that is retired it is still good enough to ask peers for another one.
Result<Certified> certified_by(const seal::Roots& roots, const NodeId& node,
                               const seal::NodeIdentity& identity, seal::Bytes chain, WallTime now,
                               seal::RandomSource& random);
// A new certificate for this node, now and at each renewal.
Result<Certified> certify(const seal::Roots& roots, const seal::Issuer& issuer, const NodeId& node,
                          const seal::NodeIdentity& identity, WallTime now,
                          seal::RandomSource& random, std::uint64_t known);

}  // namespace vidai::mesh::admission
