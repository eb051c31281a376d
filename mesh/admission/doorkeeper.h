// SPDX-License-Identifier: Apache-2.0
// Doorkeeper: how much of this node a connection may take up before it has proved who it is.
// Bounded are the handshakes at once, altogether and per address, and how fast one address may
// begin them (GCRA). Addresses from which a member has proved itself have slots of their own, so
// that a crowd of strangers does not keep members out. Pure; mesh thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>

#include "schema/vocabulary/time.h"

namespace vidai::mesh::admission {

struct DoorOptions {
    std::size_t strangers_max = 64;    // handshakes at once
    std::size_t members_max = 32;      // more of them, from addresses of members only
    std::size_t per_address_max = 32;  // at once, of either kind
    Duration interval = std::chrono::milliseconds(31);  // between two from one address, sustained
    std::uint32_t burst = 128;                          // before that holds
    std::size_t addresses_max = 4'096;  // remembered; all others share one allowance
    std::size_t members_known_max = 1'024;
};

enum class Door : std::uint8_t { kStranger, kMember, kSlots, kAddressSlots, kAddressRate };
constexpr bool is_open(Door door) {
    return door <= Door::kMember;
}
const char* door_reason(Door door);  // "slots", "address_slots", "address_rate"

class Doorkeeper {
  public:
    explicit Doorkeeper(DoorOptions options = {}) : options_(options) {}

    Door admit(MonoTime now, const std::string& address);
    // The handshake that admit() let begin is over.
    void leave(Door door, const std::string& address);
    // A member has proved itself from there.
    void know(const std::string& address);

  private:
    struct Caller {
        std::size_t open = 0;
        MonoTime arrival;  // GCRA's theoretical arrival time
    };
    std::map<std::string, Caller>::iterator caller(MonoTime now, const std::string& address);

    const DoorOptions options_;
    std::size_t strangers_ = 0, members_ = 0;
    std::map<std::string, Caller> callers_;
    std::set<std::string> known_;
    std::deque<std::string> known_order_;  // oldest first
};

}  // namespace vidai::mesh::admission
