// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/segment.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::usage {

namespace {

constexpr std::uint8_t kBatchRecord = 1;

}  // namespace

void Segment::Tally::add(const Event& event) {
    ++events;
    last = event.number;
    newest = std::max(newest, event.time);
}

journal::Journal::Read Segment::reader(Tally& tally, const Read& read) {
    return [&tally, &read](std::uint8_t kind, seal::ByteView bytes) -> Result<void> {
        if (kind != kBatchRecord) {
            return fail(ErrorCode::kCorrupt,
                        "a record of kind " + std::to_string(kind) + " in a file of usage events");
        }
        return read_batch(bytes, [&](const Event& event) -> Result<void> {
            if (event.number <= tally.last) {
                return fail(ErrorCode::kCorrupt, "usage event " + std::to_string(event.number) +
                                                     " behind " + std::to_string(tally.last));
            }
            tally.add(event);
            read(event);
            return {};
        });
    };
}

Result<Segment> Segment::open(journal::Volume& volume, const journal::Owner& origin,
                              seal::RandomSource& random, const Read& read) {
    Tally tally;
    auto journal = journal::Journal::open(volume, origin, random, reader(tally, read));
    if (!journal) return fail(std::move(journal).error());
    return Segment(std::move(*journal), tally);
}

Result<std::uint64_t> Segment::salvage(journal::Volume& volume, const journal::Owner& origin,
                                       const Read& read) {
    Tally tally;
    const auto left = journal::Journal::salvage(volume, origin, kBatchRecord, kBatchBytesMax,
                                                reader(tally, read));
    if (!left) return fail(left.error());
    return left->passed_over;
}

void Segment::append(const Event& event) {
    CHECK(tally_.last == 0 || event.number == tally_.last + 1);
    batch_.add(event);
    tally_.add(event);
    if (batch_.full()) close_batch();
}

void Segment::close_batch() {
    if (batch_.events() == 0) return;
    const Span span{tally_.last - batch_.events() + 1, tally_.last};
    auto bytes = std::make_shared<const seal::Bytes>(batch_.take());
    journal_.append(kBatchRecord, *bytes);
    records_.push_back({span, std::move(bytes)});
}

Result<void> Segment::commit(std::vector<Record>* written) {
    close_batch();
    std::vector<Record> records = std::exchange(records_, {});
    if (auto done = journal_.commit(); !done) return done;
    if (written != nullptr) std::ranges::move(records, std::back_inserter(*written));
    return {};
}

Dropped to_drop(std::span<const Held> held, const Keep& keep, WallTime now) {
    std::uint64_t bytes = 0;
    for (const Held& one : held) bytes += one.bytes;
    Dropped dropped;
    if (held.empty()) return dropped;
    for (const Held& one : held.first(held.size() - 1)) {
        const bool old = one.newest < now - keep.age;
        if (!old && bytes <= keep.bytes) break;
        dropped.ids.push_back(one.id);
        if (!one.settled) ++dropped.unsettled;
        bytes -= one.bytes;
    }
    return dropped;
}

}  // namespace vidai::mesh::usage
