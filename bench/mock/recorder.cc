// SPDX-License-Identifier: Apache-2.0
#include "bench/mock/recorder.h"

#include <algorithm>

#include "bench/mock/text.h"

namespace vidai::bench::mock {

void Recorder::add(std::uint64_t number, std::uint64_t connection, const Request& request) {
    const std::size_t size = request.head.size() + request.body.size();
    if (entries_max_ == 0 || size > kBytesMax) return;
    while (!entries_.empty() && (entries_.size() >= entries_max_ || bytes_ + size > kBytesMax)) {
        bytes_ -= entries_.front().bytes();
        entries_.pop_front();
    }
    bytes_ += size;
    entries_.push_back({.number = number,
                        .connection = connection,
                        .method = request.method,
                        .target = request.target,
                        .head = request.head,
                        .body = request.body});
}

void Recorder::clear() {
    entries_.clear();
    bytes_ = 0;
}

std::string Recorder::json(std::size_t last) const {
    std::string out = "{\"requests\":[";
    const std::size_t first = entries_.size() - std::min(last, entries_.size());
    for (std::size_t i = first; i < entries_.size(); ++i) {
        const Entry& entry = entries_[i];
        append(out, i == first ? "" : ",", "{\"number\":", entry.number,
               ",\"connection\":", entry.connection, ",\"method\":", json_string(entry.method),
               ",\"target\":", json_string(entry.target), ",\"head_base64\":\"", base64(entry.head),
               "\",\"body_base64\":\"", base64(entry.body), "\"}");
    }
    return out += "]}\n";
}

}  // namespace vidai::bench::mock
