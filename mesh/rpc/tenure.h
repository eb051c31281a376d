// SPDX-License-Identifier: Apache-2.0
// Tenure: how long one connection may serve. It ends when a certificate that it rests on has
// expired or when it is older than the time to authenticate again; well before that the side with
// the smaller node id dials anew, later the other side too, and the new connection takes the old
// one's place without a gap. Pure; mesh thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "mesh/seal/certificate.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

struct Tenure {
    MonoTime redial_at;    // on this side
    MonoTime close_at;     // whatever the certificates say
    WallTime valid_until;  // of the peer's chain; the clock tolerance comes on top
    Duration pause{};      // between two attempts to dial anew

    bool redial_due(MonoTime now) const { return now >= redial_at; }
    bool over(MonoTime now, WallTime wall) const {
        return now >= close_at || wall > valid_until + seal::kClockTolerance;
    }
};

struct TenureTerms {
    Duration reauthenticate{};
    WallTime peer_until, own_until;  // when the two chains of this handshake expire
    bool first = false;              // this side's node id is the smaller
    std::uint32_t jitter = 0;        // random, all bits
};

inline Tenure tenure_of(MonoTime now, WallTime wall, const TenureTerms& terms) {
    // A certificate is renewed at two thirds of its life: half of what is left leads behind that.
    const WallTime until = std::min(terms.peer_until, terms.own_until);
    const Duration left = std::max<Duration>(until - wall, std::chrono::seconds(1));
    const Duration life = std::min(terms.reauthenticate, left / 2);
    // In 1024ths: the smaller id within 768..895, the other within 896..959.
    const std::uint32_t share = terms.first ? 768 + terms.jitter % 128 : 896 + terms.jitter % 64;
    return {now + life / 1'024 * share, now + terms.reauthenticate, terms.peer_until, life / 32};
}

}  // namespace vidai::mesh::rpc
