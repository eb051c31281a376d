// SPDX-License-Identifier: Apache-2.0
// Settling: which of a node's own events another node has on its disk too, and which are to be sent
// where. One node keeps copies for another at a time, its keeper, by rendezvous hashing (Thaler and
// Ravishankar 1998) over the peers that live; what an earlier keeper has still counts for as long
// as that one lives, and is sent again once it is gone for good. New events go before those that
// lost their keeper. Pure; one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "mesh/seal/keys.h"
#include "mesh/usage/numbers.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::usage {

class Settling {
  public:
    struct Patience {
        Duration keeper = std::chrono::seconds(2);    // away, before another keeps for it
        Duration holder = std::chrono::seconds(30);   // away, before what it has is sent again
        Duration answer = std::chrono::seconds(10);   // to what was sent or asked
        Duration question = std::chrono::seconds(2);  // before it is asked again
    };
    static constexpr std::uint64_t kUnderWayMax = 65'536;  // events that wait for an answer
    static constexpr std::size_t kRunsMax = 1'024;         // that are believed of a peer

    explicit Settling(const seal::PublicKey& origin) : Settling(origin, Patience()) {}
    Settling(const seal::PublicKey& origin, const Patience& patience)
        : origin_(origin), patience_(patience) {}

    // The peers that are connected, live and keep copies.
    void on_peers(const std::vector<NodeId>& peers, MonoTime now);
    // What `by` has on its disk. Of numbers below `floor` it says nothing, and takes none.
    void on_held(const NodeId& by, std::uint64_t floor, Numbers held, MonoTime now);
    // This node's own that are on its disk; of another life's, none is missing between the two.
    void on_own(const Span& own);
    // No event has these numbers.
    void on_absent(const Span& span);

    // Who is to be asked now how much it has.
    std::vector<NodeId> to_ask(MonoTime now);
    const std::optional<NodeId>& keeper() const { return keeper_; }
    // What is to be sent to the keeper next, in any number of parts; nothing: nothing for now.
    std::optional<Span> next(MonoTime now);
    void on_sent(const Span& part, MonoTime now);

    // All own events up to that number are settled; of those behind it this many are not.
    std::uint64_t settled() const { return settled_through_; }
    std::uint64_t unsettled() const { return unsettled_; }
    // Since when it is the same one that is not settled first; zero: all are.
    Duration waiting(MonoTime now) const;
    void count(MonoTime now);                             // brings these up to date
    std::uint64_t known() const { return own_.through; }  // the last own one that they speak of

  private:
    struct Peer {
        MonoTime met;                   // connected, last
        std::optional<MonoTime> gone;   // and since when it is not
        std::optional<MonoTime> asked;  // and has not answered
        bool told = false;
        std::uint64_t floor = 0;
        Numbers held;
    };
    struct UnderWay {
        Span span;
        MonoTime sent;
    };
    void choose(MonoTime now);
    void cover();
    bool all_told(MonoTime now) const;
    std::uint64_t score(const NodeId& peer) const;

    const seal::PublicKey origin_;
    const Patience patience_;
    std::map<NodeId, Peer> peers_;
    std::optional<NodeId> keeper_;
    std::uint64_t new_from_ = 0;          // numbers behind it came while this keeper has been it
    Span own_{1, 0};                      // none
    Numbers absent_, settled_, covered_;  // settled: by anybody; covered: or under way
    std::vector<UnderWay> under_way_;
    std::uint64_t settled_through_ = 0, unsettled_ = 0;
    std::optional<MonoTime> waiting_since_;
};

}  // namespace vidai::mesh::usage
