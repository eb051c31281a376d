// SPDX-License-Identifier: Apache-2.0
// What the model network carries: the values that real nodes would pack, and how many bytes that
// takes. What a service adds to the mesh (counters now, money later) adds its packets here.
// Values; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "mesh/limits/counter_relay.h"
#include "mesh/limits/counter_store.h"
#include "mesh/membership/message.h"
#include "mesh/state/register_set.h"
#include "schema/vocabulary/time.h"

namespace vidai::sim {

// A call of one process, and what its answer is an answer to. A real node's connections tell the
// calls of one life from those of the next, which counts its tokens from 1 again, so that `life`
// travels as no byte.
struct Call {
    std::uint64_t token = 0;
    std::uint32_t life = 0;
};

// A call of CounterFanout. The last two are for the checks, and travel as no byte.
struct CounterPush {
    Call call;
    std::shared_ptr<const mesh::limits::CellBatch> batch;
    MonoTime as_of;         // everything that its sender gave out by then is in this or before it
    bool catch_up = false;  // and all that it had given out before, since its connection
};
struct CounterAnswer {
    Call call;
};
// A question of CounterPuller.
struct CounterPull {
    Call call;
    std::shared_ptr<const mesh::limits::CellPull> pull;
};
struct CounterPage {
    Call call;
    std::shared_ptr<const mesh::limits::CellPage> page;
    MonoTime as_of;  // when it was made; travels as no byte
};

// A call of CounterRelay; answered as a push is.
struct CounterRelayed {
    Call call;
    std::shared_ptr<const std::vector<mesh::limits::SignedBatchRef>> batches;
};

// Registers, as the exchange of mesh/rpc sends them.
struct RegisterPush {
    std::shared_ptr<const std::vector<mesh::state::Register>> registers;
};
struct RegisterPull {
    std::uint64_t token = 0;
    std::shared_ptr<const mesh::state::RegisterDigest> digest;
    mesh::state::Cursor from;
};
struct RegisterPage {
    std::uint64_t token = 0;
    std::shared_ptr<const std::vector<mesh::state::Register>> registers;
    std::optional<mesh::state::Cursor> next;
};

using Packet = std::variant<mesh::membership::Message, CounterPush, CounterAnswer, CounterPull,
                            CounterPage, CounterRelayed, RegisterPush, RegisterPull, RegisterPage>;

// A value as mesh/wire packs it, flat, without its envelope.
std::size_t packed_bytes(const mesh::membership::Message& message);
std::size_t packed_bytes(const mesh::limits::CellBatch& batch);  // as a push
std::size_t packed_bytes(const std::vector<mesh::limits::SignedBatchRef>& relayed);
std::size_t packed_bytes(const mesh::limits::CellPull& pull);
std::size_t packed_bytes(const mesh::limits::CellPage& page);
// TCP payload of a packet: packed, in its capnp call, with the return and finish that it causes,
// each sealed as one record.
std::size_t wire_bytes(const Packet& packet);

}  // namespace vidai::sim
