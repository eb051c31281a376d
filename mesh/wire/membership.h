// SPDX-License-Identifier: Apache-2.0
// Membership messages to and from the wire. Reading checks every bound that
// mesh/membership/message.h states, so what it gives may go to the core as it is. Any thread.
#pragma once

#include "mesh/membership/claim.h"
#include "mesh/membership/message.h"
#include "mesh/seal/encoding.h"
#include "schema/rpc/values.capnp.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::wire {

void write(const membership::Message& message, proto::MemberMessage::Builder out);
// kProtocol.
Result<membership::Message> read(proto::MemberMessage::Reader in);

// A claim as bytes for the roster on disk.
seal::Bytes pack_claim(const membership::Claim& claim);
Result<membership::Claim> unpack_claim(seal::ByteView bytes);

}  // namespace vidai::mesh::wire
