// SPDX-License-Identifier: Apache-2.0
// What the model network carries: the values that real nodes would pack, and how many bytes that
// takes. What a service adds to the mesh (counters now, money later) adds its packets here.
// Values; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <variant>

#include "mesh/limits/counter_store.h"
#include "mesh/membership/message.h"
#include "schema/vocabulary/time.h"

namespace vidai::sim {

// A call of CounterFanout. The last three are for the checks, and travel as no byte.
struct CounterPush {
    std::uint64_t token = 0;
    std::shared_ptr<const mesh::limits::CellBatch> batch;
    MonoTime as_of;     // everything its sender knew of by then is in this one or before it
    bool full = false;  // of a full sync
    bool last = false;  // its last part
};
struct CounterAnswer {
    std::uint64_t token = 0;
};

using Packet = std::variant<mesh::membership::Message, CounterPush, CounterAnswer>;

// A value as mesh/wire packs it, flat, without its envelope.
std::size_t packed_bytes(const mesh::membership::Message& message);
std::size_t packed_bytes(const mesh::limits::CellBatch& batch);
// TCP payload of a packet: packed, in its capnp call, with the return and finish that it causes,
// each sealed as one record.
std::size_t wire_bytes(const Packet& packet);

}  // namespace vidai::sim
