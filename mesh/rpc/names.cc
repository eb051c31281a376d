// SPDX-License-Identifier: Apache-2.0
// The stable names that mesh/view.h and mesh/operator.h promise.
#include "mesh/operator.h"
#include "mesh/view.h"

namespace vidai::mesh {

std::string_view member_status_name(MemberStatus status) {
    switch (status) {
        case MemberStatus::kJoining:
            return "joining";
        case MemberStatus::kAlive:
            return "alive";
        case MemberStatus::kSuspect:
            return "suspect";
        case MemberStatus::kDead:
            return "dead";
        case MemberStatus::kLeft:
            break;
    }
    return "left";
}

std::string_view limit_kind_name(LimitKind kind) {
    switch (kind) {
        case LimitKind::kRequests:
            return "requests_per_minute";
        case LimitKind::kTokens:
            return "tokens_per_minute";
        case LimitKind::kConcurrency:
            break;
    }
    return "concurrency";
}

}  // namespace vidai::mesh
