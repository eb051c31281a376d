// SPDX-License-Identifier: Apache-2.0
// RegisterRound: one comparison of registers with one peer, page by page, and what its answers may
// bring, so that a peer is heard for what was asked and no longer than a set can be. Pure value;
// mesh thread.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "mesh/state/register_set.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::state {

class RegisterRound {
  public:
    // Where the next question begins.
    const Cursor& from() const { return from_; }
    // The answer to it, before anything of it is believed: whether there is another question.
    // kProtocol where it weighs more than `bytes_max` though it is not of a single register, goes
    // on where it has been, or makes the round longer than one of all registers that there may be.
    Result<bool> take(const std::vector<Register>& told, std::optional<Cursor> next,
                      std::size_t bytes_max);

  private:
    Cursor from_;
    std::size_t registers_ = 0, bytes_ = 0;  // told so far
};

}  // namespace vidai::mesh::state
