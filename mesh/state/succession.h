// SPDX-License-Identifier: Apache-2.0
// How a mesh's root rolls over: the old root names the new one and the date from which it is not
// believed any more, the new one accepts, and both signatures stand in one register that every node
// holds. Whoever knows either root can so follow to the other. docs/security.md, section 7. Pure;
// any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "mesh/seal/keys.h"
#include "mesh/seal/roots.h"
#include "mesh/state/register.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::state {

// The origin of such a register, which has no chain: the root itself speaks.
inline constexpr const char* kRootOrigin = "root";

// `old` is the key of said.from, `fresh` of said.to: CHECKed.
Register sign_succession(const seal::Succession& said, const seal::SecretKey& old,
                         const seal::SecretKey& fresh, const MeshId& mesh, WallTime now);

// kProtocol unless it has exactly the form and bounds: began at or before its own time, over after
// that by at most kStatementLifeMax. Signatures are not looked at.
Result<seal::Succession> decode_succession(const Statement& statement);
// kUnauthenticated unless both roots signed it.
Result<seal::Succession> verify_succession(const Register& held, const MeshId& mesh);

// Of two by one root the one that counts: the roll-over that began first, then the lesser new root,
// then the one that is over sooner.
bool precedes(const seal::Succession& a, const seal::Succession& b);

// Adds what is verified and connected of the roots' statements among `held`; how many that were.
std::size_t follow(seal::Roots& roots, std::vector<Register> held);
// Moves the roots' statements of a list to its front, so that each can be connected to `known` or
// to one before it.
void roots_first(const seal::Roots& known, std::vector<Register>& registers);

// What a handshake tells: several of them, one after the other.
seal::Bytes pack_succession(const Register& held);
// kProtocol. Not verified.
Result<std::vector<Register>> unpack_successions(seal::ByteView bytes);

}  // namespace vidai::mesh::state
