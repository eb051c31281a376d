// SPDX-License-Identifier: Apache-2.0
#include "mesh/membership/claim.h"

namespace vidai::mesh::membership {
namespace {

template <class Integer>
void put(std::string& out, Integer value) {
    for (std::size_t i = 0; i < sizeof(Integer); ++i) {
        out.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i)));
    }
}

void put(std::string& out, const std::string& text) {
    put(out, static_cast<std::uint32_t>(text.size()));
    out += text;
}

}  // namespace

std::string_view status_name(Status status) {
    switch (status) {
        case Status::kJoining:
            return "joining";
        case Status::kAlive:
            return "alive";
        case Status::kSuspect:
            return "suspect";
        case Status::kDead:
            return "dead";
        case Status::kLeft:
            return "left";
    }
    return "unknown";
}

std::string signed_bytes(const Claim& claim) {
    std::string out;
    out.reserve(128 + claim.credential.size());
    put(out, claim.id.str());
    out.append(claim.key.begin(), claim.key.end());
    put(out, claim.version.serial);
    put(out, claim.version.generation.value);
    put(out, claim.version.incarnation.value);
    put(out, static_cast<std::uint8_t>(claim.left));
    put(out, claim.address);
    put(out, claim.wire.oldest);
    put(out, claim.wire.newest);
    put(out, claim.credential);
    return out;
}

std::string signed_profile(const Claim& claim) {
    std::string out = signed_bytes(claim);
    put(out, claim.profile);
    return out;
}

}  // namespace vidai::mesh::membership
