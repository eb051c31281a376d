// SPDX-License-Identifier: Apache-2.0
// What an operator's program signs: statements about identities (mesh/state/statement.h), and the
// key that a person means by a fingerprint or a file. Blocking reads; the operator client's thread.
#pragma once

#include <string>

#include "mesh/operator.h"
#include "mesh/seal/certificate.h"
#include "mesh/state/register.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

// A public key, and whose it is for people.
struct Subject {
    seal::PublicKey key;
    std::string name;
    bool issuer = false;  // certainly one
};

// 64 hex digits. kInvalidRequest.
Result<seal::PublicKey> parse_public_key(const std::string& hex);
// Of an operator's or issuer's key file. kNotFound, kIo, kPermissionDenied, kInvalidRequest.
Result<Subject> subject_of_file(const std::string& path);
// Where `detail` shows a key, its own or its issuer's, with that fingerprint or those digits.
bool shows(const NodeDetail& detail, const std::string& key, Subject& found);

// kUnauthenticated when `self` is nobody, which is so on a node's own socket.
Result<state::Register> sign_revocation(const seal::Credentials* self, const Subject& subject,
                                        const std::string& reason, WallTime now);
Result<state::Register> sign_forget(const seal::Credentials* self, const NodeDetail& member,
                                    WallTime now);

}  // namespace vidai::mesh::rpc
