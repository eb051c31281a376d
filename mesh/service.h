// SPDX-License-Identifier: Apache-2.0
// Service: whether a node takes requests, by its place in the mesh. The mesh thread writes it the
// moment that it learns of a change, workers read it with each request. Values; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vidai::mesh {

// The order is that of the wire (schema/rpc/report.capnp): new ones at the end.
enum class Service : std::uint8_t {
    kStarting,    // not joined yet, or not told all keys and counts
    kServing,     // the only one in which a node is ready
    kDraining,    // told to leave
    kTurnedAway,  // a member says that the mesh has no place for it, and none says otherwise
    kForgotten,   // removed by an operator until it is started again
    kRevoked,     // its key, or its issuer's, was voided by an operator
    kSuperseded,  // another process has its identity; this one ends
    kLeft,        // has told the others that it leaves
};
inline constexpr std::array<std::string_view, 8> kServiceNames = {
    "starting", "serving", "draining", "turned_away", "forgotten", "revoked", "superseded", "left"};

constexpr std::string_view service_name(Service service) {
    return kServiceNames[static_cast<std::size_t>(service)];
}

// Put out of the mesh for certain: by a statement that an operator has signed, or by its own newer
// process. Keys, limits and what is revoked later do not reach such a node, so it takes no request.
// A peer's mere word (kTurnedAway) is no proof, and only takes the node out of readiness.
constexpr bool fenced(Service service) {
    return service == Service::kForgotten || service == Service::kRevoked ||
           service == Service::kSuperseded;
}

}  // namespace vidai::mesh
