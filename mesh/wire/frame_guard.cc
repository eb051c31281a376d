// SPDX-License-Identifier: Apache-2.0
#include "mesh/wire/frame_guard.h"

#include <algorithm>
#include <string>

namespace vidai::mesh::wire {

Result<void> FrameGuard::refuse(const char* why) {
    phase_ = Phase::kRefused;
    return fail(ErrorCode::kProtocol, std::string("a message was refused: ") + why, "frame");
}

Result<void> FrameGuard::take_number(std::uint32_t value) {
    if (phase_ == Phase::kCount) {
        if (value >= kSegmentsMax) return refuse("too many segments");
        sizes_left_ = value + std::size_t{1};
        padded_ = sizes_left_ % 2 == 0;  // count and sizes fill whole words
        words_ = 0;
        phase_ = Phase::kSizes;
        return {};
    }
    if (phase_ == Phase::kSizes) {
        words_ += value;
        if (words_ > words_max_) return refuse("it is too large");
        if (--sizes_left_ > 0) return {};
        if (padded_) {
            phase_ = Phase::kPadding;
            return {};
        }
    }
    body_left_ = words_ * 8;
    phase_ = body_left_ == 0 ? Phase::kCount : Phase::kBody;
    return {};
}

Result<void> FrameGuard::feed(seal::ByteView bytes) {
    if (phase_ == Phase::kRefused) return refuse("the connection broke the protocol before");
    while (!bytes.empty()) {
        if (phase_ == Phase::kBody) {
            const std::size_t taken = std::min(bytes.size(), body_left_);
            bytes = bytes.subspan(taken);
            body_left_ -= taken;
            if (body_left_ == 0) phase_ = Phase::kCount;
            continue;
        }
        number_ |= std::uint32_t{bytes.front()} << (8 * held_);
        bytes = bytes.subspan(1);
        if (++held_ < 4) continue;
        const std::uint32_t value = number_;
        number_ = 0;
        held_ = 0;
        if (auto taken = take_number(value); !taken) return taken;
    }
    return {};
}

}  // namespace vidai::mesh::wire
