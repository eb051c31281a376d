// SPDX-License-Identifier: Apache-2.0
// The mesh's identity files as text, and who may issue what from them. A file is one or more
// armoured blocks (docs/security.md, section 3): a person recognises what it is and whether it is
// secret, a checksum finds damage before anything is believed. Pure; identity_store.h does the
// reading and writing. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/seal/certificate.h"
#include "mesh/seal/keys.h"
#include "schema/base/secret.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::seal {

using Days = std::chrono::days;
inline constexpr Days kNodeValidity{7};

// root.key: makes issuers, operators and the next root. Stays offline.
struct Root {
    Trust trust;
    std::shared_ptr<const SecretKey> key;
};

// issuer.key: certifies nodes within its certificate's constraints.
struct Issuer {
    Trust trust;
    std::shared_ptr<const SecretKey> key;
    Bytes certificate;  // encoded, signed by the root
};

// What a node is between its certificates: made on its first start, kept on its own volume.
struct NodeIdentity {
    std::shared_ptr<const SecretKey> key;
    Generation generation;  // of this start
};

// Text of each file, and back. `where` is the file's name in messages. A decoder checks the
// blocks' checksums, that the secret key belongs to its public key, and that certificates chain
// to the trust block (but no dates). kCorrupt where the bytes are damaged, kConfigInvalid where
// the file is whole but is another kind of file.
std::string encode_trust(const Trust& trust);  // mesh.pub
Secret encode_root(const Root& root);
Secret encode_issuer(const Issuer& issuer);
Secret encode_operator(const Credentials& credentials);
Secret encode_node_key(const SecretKey& key);
Secret encode_ledger_key(const SecretKey& key);
std::string encode_generation(Generation generation, const PublicKey& node);
Result<Trust> decode_trust(std::string_view text, std::string_view where);
Result<Root> decode_root(std::string_view text, std::string_view where);
Result<Issuer> decode_issuer(std::string_view text, std::string_view where);
Result<Credentials> decode_operator(std::string_view text, std::string_view where);
Result<std::shared_ptr<const SecretKey>> decode_node_key(std::string_view text,
                                                         std::string_view where);
Result<std::shared_ptr<const SecretKey>> decode_ledger_key(std::string_view text,
                                                           std::string_view where);
// kCorrupt too when the generation was counted for another node's key.
Result<Generation> decode_generation(std::string_view text, const PublicKey& node,
                                     std::string_view where);

// What `vidaictl mesh init` makes.
struct MeshPlan {
    std::string operator_name = "operator";  // the form of a node id
    std::string node_pattern = "*";          // which node ids the issuer may certify
    std::chrono::seconds node_validity_max = kNodeValidity;
    std::chrono::seconds issuer_validity = Days{365};
    std::chrono::seconds operator_validity = Days{365};
};
struct NewFile {
    std::string name;
    Secret text;
    bool secret = true;  // 0600, else 0644
};
struct NewMesh {
    Trust trust;
    std::shared_ptr<const SecretKey> root;
    std::vector<NewFile> files;  // root.key, issuer.key, operator.key, mesh.pub
};
// kInvalidRequest, with the field in param, when the plan breaks a bound.
Result<NewMesh> make_mesh(const MeshPlan& plan, WallTime now, RandomSource& random);
// The same files under another root for the same mesh.
Result<NewMesh> make_next_root(const MeshId& mesh, const MeshPlan& plan, WallTime now,
                               RandomSource& random);
// Another issuer under the same root.
Result<Issuer> make_next_issuer(const Root& root, const MeshPlan& plan, WallTime now,
                                RandomSource& random);

// succession: what the two roots of a roll-over signed (mesh/state/succession.h), opaque here. Not
// secret.
std::string encode_succession(ByteView signed_by_both);
Result<Bytes> decode_succession(std::string_view text, std::string_view where);

// What a node keeps that was certified by another one: whom it believes, its chain, and where it
// found the mesh. At most 16 seeds of HOST:PORT.
struct StoredMembership {
    Trust trust;
    Bytes chain;
    std::vector<std::string> seeds;
    friend bool operator==(const StoredMembership&, const StoredMembership&) = default;
};
std::string encode_membership(const StoredMembership& held);
// As the decoders above; dates are not looked at.
Result<StoredMembership> decode_membership(std::string_view text, std::string_view where);

// u8 count, then var8 each.
bool are_seeds(const std::vector<std::string>& seeds);
void write_seeds(Writer& out, const std::vector<std::string>& seeds);
bool read_seeds(Reader& in, std::vector<std::string>& seeds);

// A chain of role join for the key of a token: kInvalidRequest, kPermissionDenied,
// kUnauthenticated as below.
Result<Bytes> issue_join_certificate(const Issuer& issuer, const std::string& pattern,
                                     const PublicKey& key, WallTime now,
                                     std::chrono::seconds validity, RandomSource& random);

// A certificate chain for a node, role peer, valid from `now` for at most `validity` and at most
// what the issuer may give. kPermissionDenied when the issuer may not certify that node;
// kUnauthenticated when the issuer's own certificate is not valid now. `known`: the greatest serial
// that the node is known to have had under this key; the new one is greater, whatever clocks say.
Result<Bytes> issue_node_certificate(const Issuer& issuer, const NodeId& node, const PublicKey& key,
                                     WallTime now, std::chrono::seconds validity,
                                     RandomSource& random, std::uint64_t known = 0);

}  // namespace vidai::mesh::seal
