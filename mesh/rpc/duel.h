// SPDX-License-Identifier: Apache-2.0
// Which of two connections to one peer is kept, decided on both sides alike. A dialler that has a
// connection already never completes a second handshake, so a second one that completes means:
// the other side has lost the first (a half-open connection, a restart), or both dialled at once.
// Pure.
#pragma once

#include <chrono>

#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

struct LinkFacts {
    NodeId dialler;
    Generation generation;  // of the peer
};

// Longer than a dial may take: connections further apart than this did not cross on the way.
inline constexpr Duration kDuelWindow = std::chrono::seconds(5);

inline bool replaces(const LinkFacts& held, const LinkFacts& fresh, Duration held_for) {
    if (fresh.generation != held.generation) return fresh.generation > held.generation;
    if (fresh.dialler == held.dialler || held_for > kDuelWindow) return true;
    return fresh.dialler < held.dialler;  // simultaneous: the smaller node id's stays
}

}  // namespace vidai::mesh::rpc
