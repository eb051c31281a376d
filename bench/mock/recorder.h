// SPDX-License-Identifier: Apache-2.0
// The last requests as they arrived, so that a test can compare byte for byte what a gateway sent
// upstream. A ring bounded in entries and bytes. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "bench/mock/request.h"

namespace vidai::bench::mock {

class Recorder {
  public:
    static constexpr std::size_t kBytesMax = 32 * 1024 * 1024;

    explicit Recorder(std::size_t entries_max) : entries_max_(entries_max) {}

    // Keeps a copy. A request larger than the whole ring is left out.
    void add(std::uint64_t number, std::uint64_t connection, const Request& request);
    void clear();
    // Oldest first: {"requests":[{number, connection, method, target, head_base64, body_base64}]}.
    std::string json(std::size_t last) const;

  private:
    struct Entry {
        std::uint64_t number;
        std::uint64_t connection;
        std::string method;
        std::string target;
        std::string head;
        std::string body;
        std::size_t bytes() const { return head.size() + body.size(); }
    };
    std::size_t entries_max_;
    std::size_t bytes_ = 0;
    std::deque<Entry> entries_;
};

}  // namespace vidai::bench::mock
