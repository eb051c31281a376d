// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/tail.h"

#include <algorithm>
#include <utility>

namespace vidai::mesh::usage {

void Tail::push(Record record) {
    const std::lock_guard lock(mutex_);
    bytes_ += record.bytes->size();
    records_.push_back(std::move(record));
    while (bytes_ > kBytesMax) {
        bytes_ -= records_.front().bytes->size();
        records_.pop_front();
    }
}

std::vector<Record> Tail::from(std::uint64_t number, std::size_t most) const {
    const std::lock_guard lock(mutex_);
    auto at = std::ranges::lower_bound(records_, number, {},
                                       [](const Record& one) { return one.span.through; });
    std::vector<Record> found;
    if (at == records_.end() || at->span.from > number) return found;
    for (std::size_t bytes = 0; at != records_.end(); ++at) {
        bytes += at->bytes->size();
        if (!found.empty() && bytes > most) break;
        found.push_back(*at);
    }
    return found;
}

}  // namespace vidai::mesh::usage
