// SPDX-License-Identifier: Apache-2.0
// The name by which client, log and provider speak of one request. A value; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "schema/base/rng.h"

namespace vidai::node::respond {

class RequestId {
  public:
    static constexpr std::size_t kBytesMax = 128;

    RequestId() = default;
    // The client's own x-request-id when it is 1 to 128 of A-Z a-z 0-9 . _ -, else a new one:
    // "req_" and 24 lower-case hex digits (96 bits: not a secret, only unlikely to repeat).
    RequestId(std::string_view from_client, Rng& rng);

    std::string_view view() const { return {bytes_.data(), size_}; }

  private:
    std::array<char, kBytesMax> bytes_;
    std::uint8_t size_ = 0;
};

}  // namespace vidai::node::respond
