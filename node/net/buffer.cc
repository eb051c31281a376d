// SPDX-License-Identifier: Apache-2.0
#include "node/net/buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "schema/vocabulary/check.h"

namespace vidai::node::net {
namespace {

constexpr std::size_t kUsable = BufferPool::kBlockBytes - Buffer::kPadding;

}  // namespace

BufferPool::BufferPool(std::size_t blocks_max, std::size_t warm) : blocks_max_(blocks_max) {
    for (std::size_t i = 0; i < std::min(warm, blocks_max); ++i) {
        auto block = std::make_unique<char[]>(kBlockBytes);  // zeroed, so every page is touched
        free_.push_back(std::move(block));
    }
}

std::unique_ptr<char[]> BufferPool::take() {
    if (free_.empty()) return std::make_unique<char[]>(kBlockBytes);
    std::unique_ptr<char[]> block = std::move(free_.back());
    free_.pop_back();
    return block;
}

void BufferPool::give(std::unique_ptr<char[]> block) {
    if (free_.size() < blocks_max_) free_.push_back(std::move(block));
}

void Buffer::consume(std::size_t bytes) {
    CHECK(bytes <= size());
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
}

std::span<char> Buffer::writable(std::size_t least) {
    if (data_ == nullptr) {
        if (least <= kUsable) {
            data_ = pool_->take();
            capacity_ = kUsable;
        } else {
            data_ = std::make_unique_for_overwrite<char[]>(least + kPadding);
            capacity_ = least;
        }
    } else if (capacity_ - end_ < least) {
        const std::size_t unread = size();
        if (capacity_ - unread >= least) {
            std::memmove(data_.get(), data_.get() + begin_, unread);
        } else {
            const std::size_t grown = std::max(capacity_ * 2, unread + least);
            auto bigger = std::make_unique_for_overwrite<char[]>(grown + kPadding);
            std::memcpy(bigger.get(), data_.get() + begin_, unread);
            if (capacity_ == kUsable) pool_->give(std::move(data_));
            data_ = std::move(bigger);
            capacity_ = grown;
        }
        begin_ = 0;
        end_ = unread;
    }
    return {data_.get() + end_, capacity_ - end_};
}

void Buffer::release() {
    if (data_ != nullptr && capacity_ == kUsable) pool_->give(std::move(data_));
    data_.reset();
    capacity_ = begin_ = end_ = 0;
}

}  // namespace vidai::node::net
