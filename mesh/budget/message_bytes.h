// SPDX-License-Identifier: Apache-2.0
// Messages to and from the bytes of Peer.tellMoney (schema/records/budget_message.fbs). Pure; any
// thread.
#pragma once

#include "mesh/budget/message.h"
#include "mesh/seal/encoding.h"
#include "mesh/seal/keys.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::budget {

// A Hello says besides which node's volume it is, by a signature of the volume's key.
struct Told {
    Message message;
    seal::Signature proof;  // with a Hello; else zeros
};

seal::Bytes encode_message(const Message& message, const seal::Signature& proof = {});

// kProtocol: malformed or out of bounds, or a batch that its log's key has not signed for this
// mesh. What it asks for is not looked at here.
Result<Told> decode_message(const MeshId& mesh, seal::ByteView bytes);

// That the volume of `key` lies at `node`, which has proved itself by the connection.
seal::Signature prove_volume(const seal::SecretKey& key, const MeshId& mesh, const NodeId& node);
bool is_volume_of(const LedgerKey& ledger, const MeshId& mesh, const NodeId& node,
                  const seal::Signature& proof);

}  // namespace vidai::mesh::budget
