// SPDX-License-Identifier: Apache-2.0
// Watch: what must hold at every moment of a simulated mesh, looked at after each step from
// outside: what nodes publish, and who holds which connection. I10 to I13 of the design. One
// thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mesh/mesh.h"
#include "schema/vocabulary/time.h"
#include "tests/sim/tier2/fabric.h"
#include "tests/sim/tier2/node.h"

namespace vidai::sim {

class Watch {
  public:
    // Both outlive it.
    Watch(const Fabric& fabric, std::vector<SimNode>& nodes, Accuse accuse)
        : fabric_(fabric), nodes_(nodes), accuse_(std::move(accuse)) {}

    void on_start(const SimNode& node, MonoTime now);
    void on_stop(const SimNode& node, bool wiped, MonoTime now);
    void on_notice(const SimNode& node, const mesh::Notice& notice, MonoTime now);
    void step(MonoTime now);

    bool knows_revoked(const SimNode& node, const std::string& subject) const {
        return revoked_.contains({node.id, subject});
    }
    std::uint64_t bytes_per_second_max() const { return rate_max_; }

  private:
    struct Version {
        std::uint64_t generation = 0, incarnation = 0;
        std::uint32_t resets = 0;  // to the first generation, as lost volumes bring about
    };
    struct Sent {
        std::deque<std::uint64_t> each_second;
        MonoTime next;
    };
    const SimNode* at(const Host& host) const;
    void look_at_view(const SimNode& node, MonoTime now);
    void look_at_version(const SimNode& node, const mesh::Member& member);
    void look_at_lanes(MonoTime now);
    void look_at_lane(const Lane& lane, const SimNode& receiver, MonoTime now);
    void look_at_rates(MonoTime now);

    const Fabric& fabric_;
    std::vector<SimNode>& nodes_;
    const Accuse accuse_;
    std::map<std::string, MonoTime> started_;
    std::map<std::pair<std::string, std::string>, Version> seen_;      // observer, member
    std::map<std::pair<std::string, std::string>, MonoTime> revoked_;  // who knows of whom, since
    std::map<Host, Sent> sent_;
    std::uint64_t rate_max_ = 0;
};

}  // namespace vidai::sim
