// SPDX-License-Identifier: Apache-2.0
// Counter cells to and from the wire. Any thread.
#pragma once

#include <cstddef>
#include <vector>

#include "mesh/limits/counter_relay.h"
#include "mesh/limits/counter_store.h"
#include "schema/rpc/values.capnp.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::wire {

inline constexpr std::size_t kCellsPerPush = 4'096;  // at most, from an older node too
inline constexpr std::size_t kCellsPerChunk = 256;   // that this node sends: about 12 KiB
inline constexpr std::size_t kCellBytes = 48;
inline constexpr std::size_t kBatchesPerPage = 2'048;
inline constexpr std::size_t kOriginsPerPull = 4'096;
inline constexpr std::size_t kBatchesPerRelay = 256;

struct CounterPush {
    limits::CellBatch batch;  // at most kCellsPerPush cells
    WallTime sent;            // by the sender's clock
    bool complete = false;    // ends a telling of everything
};

// Of CounterRelay: at most kBatchesPerRelay batches, kCellsPerPush cells together.
using SignedBatches = std::vector<limits::SignedBatchRef>;

void write(const CounterPush& push, proto::CounterPush::Builder out);
void write(const SignedBatches& batches, proto::CounterRelay::Builder out);
void write(const limits::CellPull& pull, proto::CellPull::Builder out);
void write(const limits::CellPage& page, proto::CellPage::Builder out);
// kProtocol. Whether a cell makes sense is for CounterStore::merge(); here: kinds, ids, counts.
Result<CounterPush> read(proto::CounterPush::Reader in);
Result<SignedBatches> read(proto::CounterRelay::Reader in);
Result<limits::CellPull> read(proto::CellPull::Reader in);
Result<limits::CellPage> read(proto::CellPage::Reader in);

}  // namespace vidai::mesh::wire
