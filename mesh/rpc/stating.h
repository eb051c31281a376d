// SPDX-License-Identifier: Apache-2.0
// What an operator's program signs: statements about identities (mesh/state/statement.h), and the
// key that a person means by a fingerprint or a file. Blocking reads; the operator client's thread.
#pragma once

#include <cstdint>
#include <string>

#include "mesh/operator.h"
#include "mesh/seal/certificate.h"
#include "mesh/seal/roots.h"
#include "mesh/state/register.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

// A public key, and whose it is for people.
struct Subject {
    seal::PublicKey key;
    std::string name;
};

// What a member says of itself by its own signature, under a certificate of this mesh. Only such a
// one is made by prove_member().
class ProvenMember {
  public:
    const NodeId& node() const { return node_; }
    const seal::PublicKey& key() const { return key_; }
    std::uint64_t serial() const { return serial_; }
    Generation generation() const { return generation_; }

  private:
    friend Result<ProvenMember> prove_member(const seal::Roots& roots, const NodeId& node,
                                             const NodeDetail& shown);
    ProvenMember() = default;
    NodeId node_;
    seal::PublicKey key_;
    std::uint64_t serial_ = 0;
    Generation generation_;
};
// Of what a node shows about the member `node` nothing is believed but the member's own word: it
// must name that id, its chain be good when it was made, under any root that is known, and the
// signature that of the chain's key. kProtocol, with what was wrong.
Result<ProvenMember> prove_member(const seal::Roots& roots, const NodeId& node,
                                  const NodeDetail& shown);

// 64 hex digits. kInvalidRequest.
Result<seal::PublicKey> parse_public_key(const std::string& hex);
// Of an operator's or issuer's key file. kNotFound, kIo, kPermissionDenied, kInvalidRequest.
Result<Subject> subject_of_file(const std::string& path);
// Where `detail` shows a key, its own or its issuer's, with that fingerprint or those digits.
bool shows(const NodeDetail& detail, const std::string& key, Subject& found);

// What a statement of kind revocation or forget says, whoever signed it. kProtocol.
Result<OperatorStatement> read_statement(const state::Register& said);

// The operator's name. kUnauthenticated when `self` is nobody, which is so on a node's own socket;
// the same of the two below.
Result<NodeId> signer(const seal::Credentials* self);
Result<state::Register> sign_revocation(const seal::Credentials* self, const Subject& subject,
                                        const std::string& reason, WallTime now);
Result<state::Register> sign_forget(const seal::Credentials* self, const ProvenMember& member,
                                    WallTime now);

}  // namespace vidai::mesh::rpc
