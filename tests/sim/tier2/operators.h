// SPDX-License-Identifier: Apache-2.0
// Operators at work on a simulated mesh, and what they were promised: what a node has acknowledged
// is on its disk at that moment, and in the end on every node's that runs, unless the only volume
// with it was lost. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <kj/timer.h>

#include "mesh/state/register.h"
#include "mesh/state/snapshot_file.h"
#include "tests/sim/tier2/caller.h"
#include "tests/sim/tier2/forger.h"
#include "tests/sim/tier2/node.h"

namespace vidai::sim {

class Operators final : private kj::TaskSet::ErrorHandler {
  public:
    using Done = std::function<void()>;

    // What is borrowed outlives it.
    Operators(Door door, kj::Timer& timer, Forger& forger, Accuse accuse)
        : door_(door), timer_(timer), forger_(forger), accuse_(std::move(accuse)), tasks_(*this) {}

    void create_key(SimNode& at);
    void revoke_key(SimNode& at);  // the first that was acknowledged and is not revoked yet
    // `done` once it is acknowledged.
    void revoke(SimNode& at, const mesh::seal::PublicKey& key, const std::string& subject,
                Done done);
    static void spend(SimNode& at, std::uint64_t amount);
    // What each key has cost so far, as that node counts it; by the keys' ids.
    static std::vector<std::pair<std::string, std::int64_t>> spent(const SimNode& node);

    // The volume of `node`, which ran or not, is about to be lost.
    void excuse(const SimNode& node, const std::vector<SimNode>& all);
    // Whether nobody else who runs holds some revocation that it holds.
    static bool only_holder(const SimNode& node, const std::vector<SimNode>& all);
    // What is promised is on every disk.
    void check_kept(const std::vector<SimNode>& all) const;
    std::size_t promises() const { return promised_.size(); }

  private:
    struct Promised {
        mesh::state::RegisterName name;
        bool revoked = false;  // of a key
        const SimNode* by = nullptr;
        bool excused = false;
    };
    void taskFailed(kj::Exception&& e) override;
    using Call = std::function<kj::Promise<void>(Caller&)>;
    void call(SimNode& at, Call call);
    void acknowledged(SimNode& by, std::uint32_t wipes, mesh::state::RegisterName name,
                      bool revoked);

    Door door_;
    kj::Timer& timer_;
    Forger& forger_;
    const Accuse accuse_;
    std::uint32_t keys_ = 0;
    std::vector<Promised> promised_;
    std::set<std::string> revoking_;
    kj::TaskSet tasks_;
};

}  // namespace vidai::sim
