// SPDX-License-Identifier: Apache-2.0
// FrameGuard: follows the framing of a Cap'n Proto stream (capnproto.org/encoding.html,
// "Serialization over a stream") and refuses a message before the library reads its header:
// a segment count of FFFFFFFF, which old releases add one to without looking, too many segments,
// or more words than the connection's role may send. Pure; one thread per object.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mesh/seal/encoding.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::wire {

inline constexpr std::size_t kSegmentsMax = 512;  // as capnproto's own reader

class FrameGuard {
  public:
    explicit FrameGuard(std::size_t words_max) : words_max_(words_max) {}

    // The next bytes of the stream, in any split. Every refusal (kProtocol) is final.
    Result<void> feed(seal::ByteView bytes);
    bool at_boundary() const { return phase_ == Phase::kCount && held_ == 0; }

  private:
    enum class Phase : std::uint8_t { kCount, kSizes, kPadding, kBody, kRefused };
    Result<void> refuse(const char* why);
    Result<void> take_number(std::uint32_t value);

    const std::size_t words_max_;
    Phase phase_ = Phase::kCount;
    std::uint32_t number_ = 0;  // being assembled, little-endian
    unsigned held_ = 0;         // how many of its bytes are here
    bool padded_ = false;
    std::size_t sizes_left_ = 0;
    std::size_t words_ = 0;
    std::size_t body_left_ = 0;  // bytes
};

}  // namespace vidai::mesh::wire
