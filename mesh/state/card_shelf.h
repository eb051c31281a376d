// SPDX-License-Identifier: Apache-2.0
// CardShelf: the rate cards that were applied to a mesh, as many as are kept, and which of them is
// in force. Two that are applied at once on two sides of a split take one place, or two: in force
// is the later one by the nodes' clocks, on every node. Pure; mesh thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "mesh/state/card_record.h"

namespace vidai::mesh::state {

class CardShelf {
  public:
    void put(CardRecord card);  // where it belongs, in place of what is there

    // nullptr: none was ever applied. One without text says that none holds any more.
    const CardRecord* in_force() const;
    std::vector<const CardRecord*> all() const;  // the latest first; until put()
    std::uint32_t next_version() const;

  private:
    std::map<std::string, CardRecord> cards_;  // by place
};

}  // namespace vidai::mesh::state
