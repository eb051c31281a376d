// SPDX-License-Identifier: Apache-2.0
// RegisterRelay: whom a register is told next, in a mesh that is too large for a connection to
// everybody. As CounterRelay: whoever is pushed one that is news tells `fanout` of its connections,
// once; what that leaves out, digests find (register_set.h). A register bears its author's
// signature, so a relay can make up nothing; how many bytes of one author are passed on is bounded.
// Pure. Mesh thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "mesh/state/random_peers.h"
#include "schema/base/token_bucket.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::state {

struct RegisterRelayOptions {
    std::uint32_t full_mesh_max = 100;  // as membership::Options has it
    std::uint32_t fanout = 8;
    RateLimit bytes{32'768, 262'144};  // of one author, one copy of each
    std::size_t authors_max = 10'000;
};

class RegisterRelay {
  public:
    RegisterRelay(const RegisterRelayOptions& options, std::uint64_t seed)
        : options_(options), peers_(seed) {}

    void on_connected(const NodeId& peer) { peers_.add(peer); }
    void on_disconnected(const NodeId& peer) { peers_.remove(peer); }
    // `bytes` of `author` were news, told by `from`; in a mesh of `nodes`. Who hears it next.
    std::vector<NodeId> next(const NodeId& author, const NodeId& from, std::size_t bytes,
                             std::uint32_t nodes, MonoTime now);
    // The same of what was found by comparing, in a mesh of any size: its author's push has not
    // reached everybody. For a few at a time: who finds many has been away, and is alone with that.
    static constexpr std::size_t kFew = 16;
    std::vector<NodeId> next_of_found(const NodeId& author, const NodeId& from, std::size_t bytes,
                                      MonoTime now);

  private:
    bool takes(const NodeId& author, std::size_t bytes, MonoTime now);

    const RegisterRelayOptions options_;
    RandomPeers peers_;
    std::map<NodeId, TokenBucket> authors_;
};

}  // namespace vidai::mesh::state
