// SPDX-License-Identifier: Apache-2.0
// Sets of events' numbers, as runs: what comes in order takes one run, however long. Values; one
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace vidai::mesh::usage {

// Which events, by number; both included.
struct Span {
    std::uint64_t from = 1;
    std::uint64_t through = UINT64_MAX;
    friend bool operator==(const Span&, const Span&) = default;
};

class Numbers {
  public:
    // Whether it is new.
    bool insert(std::uint64_t number);
    void insert(const Span& span);  // CHECKs that it is none that ends before it begins
    void insert(const Numbers& more);
    void erase(const Span& span);
    bool contains(std::uint64_t number) const;
    bool contains(const Span& span) const;  // all of it
    std::size_t runs() const { return runs_.size(); }
    bool empty() const { return runs_.empty(); }
    std::uint64_t count() const;
    std::vector<Span> spans() const;  // the runs, by rising number
    // What of the span is not in the set, by rising number: the first `most` runs.
    std::vector<Span> lacking(const Span& span, std::size_t most = SIZE_MAX) const;
    friend bool operator==(const Numbers&, const Numbers&) = default;

  private:
    std::map<std::uint64_t, std::uint64_t> runs_;  // first and last; apart from each other
};

}  // namespace vidai::mesh::usage
