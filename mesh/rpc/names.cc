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

}  // namespace vidai::mesh
