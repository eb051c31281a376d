// SPDX-License-Identifier: Apache-2.0
// A connection's input: one contiguous, growing region taken from a per-worker pool of touched
// blocks (a fresh page costs microseconds, a pooled one nothing). An idle connection holds none.
// The bytes after the end are readable for simdjson's sake (kPadding). One worker's thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace vidai::node::net {

class BufferPool {
  public:
    static constexpr std::size_t kBlockBytes = 16 * 1024;
    // Keeps at most `blocks_max` free blocks; `warm` of them are made and touched now.
    explicit BufferPool(std::size_t blocks_max, std::size_t warm);

    std::unique_ptr<char[]> take();
    void give(std::unique_ptr<char[]> block);

  private:
    const std::size_t blocks_max_;
    std::vector<std::unique_ptr<char[]>> free_;
};

class Buffer {
  public:
    static constexpr std::size_t kPadding = 64;

    explicit Buffer(BufferPool& pool) : pool_(&pool) {}
    ~Buffer() { release(); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    // The unread bytes, valid until the next writable() or release().
    std::string_view readable() const { return {data_.get() + begin_, end_ - begin_}; }
    char* mutable_data() { return data_.get() + begin_; }
    std::size_t size() const { return end_ - begin_; }
    void consume(std::size_t bytes);

    // Room for at least `least` more bytes behind the unread ones; may move them.
    std::span<char> writable(std::size_t least);
    void commit(std::size_t bytes) { end_ += bytes; }

    // Gives the memory back; unread bytes are dropped.
    void release();
    void release_if_empty() {
        if (begin_ == end_) release();
    }

  private:
    BufferPool* pool_;
    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0;  // without the padding
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace vidai::node::net
