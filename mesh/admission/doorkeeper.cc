// SPDX-License-Identifier: Apache-2.0
#include "mesh/admission/doorkeeper.h"

#include <algorithm>

#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::admission {

namespace {

// Whom there is no room to remember.
const std::string kOthers;

}  // namespace

const char* door_reason(Door door) {
    switch (door) {
        case Door::kAddressSlots:
            return "address_slots";
        case Door::kAddressRate:
            return "address_rate";
        default:
            return "slots";
    }
}

std::map<std::string, Doorkeeper::Caller>::iterator Doorkeeper::caller(MonoTime now,
                                                                       const std::string& address) {
    const auto found = callers_.find(address);
    if (found != callers_.end()) return found;
    if (callers_.size() >= options_.addresses_max) {
        std::erase_if(callers_, [&](const auto& entry) {
            return entry.second.open == 0 && entry.second.arrival <= now;
        });
    }
    const bool room = callers_.size() < options_.addresses_max;
    return callers_.try_emplace(room ? address : kOthers).first;
}

Door Doorkeeper::admit(MonoTime now, const std::string& address) {
    const auto entry = caller(now, address);
    Caller& from = entry->second;
    const bool full = from.open >= options_.per_address_max;
    if (full && !VIDAI_MUTANT("door-unbounded")) return Door::kAddressSlots;
    const MonoTime arrival = std::max(from.arrival, now);
    if (arrival - now > options_.interval * (options_.burst - 1)) return Door::kAddressRate;
    Door door = Door::kSlots;
    if (members_ < options_.members_max && known_.contains(address)) {
        door = Door::kMember;
        ++members_;
    } else if (strangers_ < options_.strangers_max) {
        door = Door::kStranger;
        ++strangers_;
    } else {
        return door;
    }
    from.arrival = arrival + options_.interval;
    ++from.open;
    return door;
}

void Doorkeeper::leave(Door door, const std::string& address) {
    CHECK(is_open(door));
    --(door == Door::kMember ? members_ : strangers_);
    auto found = callers_.find(address);
    // Counted under the others where there was no room; one who got room since has none open.
    if (found == callers_.end() || found->second.open == 0) found = callers_.find(kOthers);
    CHECK(found != callers_.end() && found->second.open > 0);
    --found->second.open;
}

void Doorkeeper::know(const std::string& address) {
    if (!known_.insert(address).second) return;
    known_order_.push_back(address);
    if (known_order_.size() <= options_.members_known_max) return;
    known_.erase(known_order_.front());
    known_order_.pop_front();
}

}  // namespace vidai::mesh::admission
