// SPDX-License-Identifier: Apache-2.0
// Events to and from their records. Encoding: schema/records/usage.fbs. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mesh/seal/encoding.h"
#include "mesh/usage/event.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::usage {

// What an event can hold.
inline constexpr std::size_t kTextBytesMax = 256;
inline constexpr std::size_t kEventBytesMax = 4'096;
inline constexpr std::int64_t kTokensMax = 1'000'000'000'000;    // of one kind
inline constexpr std::int64_t kCostMax = 1'000'000'000'000'000;  // 10^9 USD
inline constexpr std::int64_t kTimeMsMax = 253'402'300'799'999;  // the year 9999

// Brings within those bounds what a client or a provider may have sent out of them: texts are cut,
// between characters where they are UTF-8; numbers and times go to the nearer bound. Whether it had
// to, which the origin counts. Leaves `number`.
bool clamp(Event& event);

// CHECKs that the event is within those bounds and has a number.
seal::Bytes encode_event(const Event& event);
// kCorrupt: no event, or one out of those bounds.
Result<Event> decode_event(seal::ByteView bytes);

}  // namespace vidai::mesh::usage
