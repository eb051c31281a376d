// SPDX-License-Identifier: Apache-2.0
// Tail: the newest records that are synced, so that they can be copied to another node without
// reading their file again. Bounded by bytes: what is older is on the disk. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "mesh/seal/encoding.h"
#include "mesh/usage/numbers.h"

namespace vidai::mesh::usage {

// A batch of events as it is stored (batch.h), and their numbers.
struct Record {
    Span span;
    std::shared_ptr<const seal::Bytes> bytes;
};

class Tail {
  public:
    static constexpr std::size_t kBytesMax = 4U << 20;

    void push(Record record);
    // The records from the one with `number` on, of `most` bytes at most but for the first one.
    // Empty where that one is not here.
    std::vector<Record> from(std::uint64_t number, std::size_t most) const;

  private:
    mutable std::mutex mutex_;
    std::deque<Record> records_;  // by rising number
    std::size_t bytes_ = 0;
};

}  // namespace vidai::mesh::usage
