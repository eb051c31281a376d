// SPDX-License-Identifier: Apache-2.0
#include "mesh/membership/effects.h"

#include <iterator>

namespace vidai::mesh::membership {

std::string_view event_name(EventKind kind) {
    constexpr std::string_view kNames[] = {"joined",    "alive",   "suspect",      "dead",
                                           "left",      "updated", "self_refuted", "superseded",
                                           "self_left", "paused",  "forgotten",    "set_back"};
    static_assert(std::size(kNames) == static_cast<std::size_t>(EventKind::kSetBack) + 1);
    return kNames[static_cast<std::size_t>(kind)];
}

bool changes_claims(EventKind kind) {
    switch (kind) {
        case EventKind::kJoined:
        case EventKind::kAlive:
        case EventKind::kLeft:
        case EventKind::kUpdated:
        case EventKind::kForgotten:
        case EventKind::kSetBack:
            return true;
        default:
            return false;
    }
}

}  // namespace vidai::mesh::membership
