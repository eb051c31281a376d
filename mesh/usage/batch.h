// SPDX-License-Identifier: Apache-2.0
// Batch: events whose numbers follow each other, on their way to a record. Each caller and each
// callee stands in it once, so that an event takes little more than its numbers and its request's
// id. Encoding: schema/records/usage.fbs. Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mesh/seal/encoding.h"
#include "mesh/usage/event.h"
#include "schema/vocabulary/result.h"

namespace vidai::records::usage {
struct Row;
}

namespace vidai::mesh::usage {

// What an event can hold.
inline constexpr std::size_t kTextBytesMax = 256;
inline constexpr std::int64_t kTokensMax = 1'000'000'000'000;    // of one kind
inline constexpr std::int64_t kCostMax = 1'000'000'000'000'000;  // 10^9 USD
inline constexpr std::int64_t kTimeMsMax = 253'402'300'799'999;  // the year 9999

inline constexpr std::size_t kBatchEventsMax = 1'024;
inline constexpr std::size_t kBatchBytesMax = 4U << 20;

// Brings within those bounds what a client or a provider may have sent out of them: texts are cut,
// between characters where they are UTF-8; numbers and times go to the nearer bound. Whether it had
// to, which the origin counts. Leaves `number`.
bool clamp(Event& event);

class Batch {
  public:
    Batch();
    ~Batch();
    Batch(Batch&&) noexcept;
    Batch& operator=(Batch&&) noexcept;

    // CHECKs that it is not full, and that the event is within the bounds above and has the number
    // behind that of the one before.
    void add(const Event& event);

    std::size_t events() const { return events_; }
    bool full() const { return events_ == kBatchEventsMax; }
    std::size_t bytes() const { return bytes_; }  // that its record takes, about

    // Its record, of at most kBatchBytesMax bytes; the batch is empty afterwards. CHECKs that it is
    // not empty before.
    seal::Bytes take();

  private:
    // Each one once, in the order in which they came.
    template <class One>
    struct Table {
        std::map<One, std::uint16_t> places;
        std::vector<const One*> all;
        std::uint16_t last = 0;  // asked for
        // Its place; whether it had none.
        std::pair<std::uint16_t, bool> place(const One& one);
    };

    std::uint64_t first_ = 0;
    std::size_t events_ = 0;
    std::size_t bytes_ = 0;
    Table<Caller> callers_;
    Table<Callee> callees_;
    std::string requests_;
    std::vector<records::usage::Row> rows_;
    std::vector<std::uint64_t> adjusted_;
};

// Gives `read` each event of a record, by rising number; what it refuses ends the reading. The
// event is the same object each time. kCorrupt: no batch, or one with something out of the bounds
// above, of which nothing was given.
Result<void> read_batch(seal::ByteView bytes,
                        const std::function<Result<void>(const Event&)>& read);

}  // namespace vidai::mesh::usage
