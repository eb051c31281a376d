// SPDX-License-Identifier: Apache-2.0
// Which numbers were seen, as runs: what comes in order takes one run, however long. A value; one
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace vidai::mesh::usage {

class Numbers {
  public:
    // Whether it is new.
    bool insert(std::uint64_t number);
    bool contains(std::uint64_t number) const;
    std::size_t runs() const { return runs_.size(); }

  private:
    std::map<std::uint64_t, std::uint64_t> runs_;  // first and last; apart from each other
};

}  // namespace vidai::mesh::usage
