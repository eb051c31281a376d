// SPDX-License-Identifier: Apache-2.0
// One node of a simulated mesh: what outlives its processes, and the process that runs now. One
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mesh/rpc/mesh_thread.h"
#include "tests/sim/tier2/fabric.h"
#include "tests/sim/tier2/virtual_time.h"

namespace vidai::sim {

struct SimNode {
    std::string id, path;
    Host host;
    std::shared_ptr<const VirtualClock> clock;
    mesh::NoticeSink sink;
    std::string key;                    // fingerprint of the one on this volume, as notices name it
    std::uint64_t last_generation = 0;  // of its newest start on this volume
    std::uint32_t wipes = 0;            // how often it lost its volume
    std::uint32_t disturbed = 0;        // how often a fault of it has begun or ended
    bool revoked = false;               // an operator has put it out

    // While it runs.
    std::optional<mesh::rpc::Startup> startup;
    std::unique_ptr<mesh::rpc::Shared> shared;
    kj::Own<kj::Network> network;
    std::unique_ptr<mesh::rpc::MeshThread> thread;

    bool runs() const { return thread != nullptr; }
    // A sample of its metrics, which are a second old at most; `label`: the value of the first.
    double metric(std::string_view family, std::string_view label) const {
        if (!runs()) return 0;
        const auto families = shared->metrics.load();
        for (const MetricFamily& one : *families) {
            if (one.name != family) continue;
            for (const MetricSample& sample : one.samples) {
                if (label.empty() || sample.labels.front().second == label) return sample.value;
            }
        }
        return 0;
    }
    double refusals(std::string_view reason) const {
        return metric("vidai_mesh_refusals_total", reason);
    }
};

// Put out by a key that it has had since it lost its volume. Who never heard of that key knows it
// by an earlier one, which nobody has revoked, and keeps it, not alive, until an operator forgets
// it (docs/security.md, section 7).
inline bool is_shadow(const SimNode& of, const mesh::Member& member) {
    return of.revoked && of.wipes > 0 && member.status != mesh::MemberStatus::kAlive &&
           !member.connected;
}

// What a rule is told of that it forbids.
using Accuse = std::function<void(const char* rule, std::string detail, bool liveness)>;

}  // namespace vidai::sim
