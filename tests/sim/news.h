// SPDX-License-Identifier: Apache-2.0
// How old one node's knowledge of another's counters must be taken to be, from what the transport
// did alone and never from what the counters say: that would let a bug excuse itself. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "schema/vocabulary/time.h"

namespace vidai::sim {

class News {
  public:
    explicit News(std::uint32_t nodes) : nodes_(nodes), pairs_(std::size_t{nodes} * nodes) {}

    // A process of `node` begins: it knows nothing, and nobody knows anything of it.
    void start(std::uint32_t node, MonoTime now) {
        for (std::uint32_t other = 0; other < nodes_; ++other) {
            at(other, node) = {};
            at(node, other) = {.current = now, .missed = now, .skipped = kNever};
        }
    }
    // Anything of `from` may not have reached `to`: only an answer to all that `to` lacks, begun
    // later, helps.
    void miss(std::uint32_t from, std::uint32_t to, MonoTime now) { at(from, to).missed = now; }
    // A push of `from` did not or may not reach `to`: a catch-up that begins later helps too.
    void skip(std::uint32_t from, std::uint32_t to, MonoTime now) { at(from, to).skipped = now; }
    enum class How : std::uint8_t { kPush, kCatchUp, kAnswer };
    // All that `from` had counted by `as_of` has reached `to`, if nothing before it was missed.
    void reach(std::uint32_t from, std::uint32_t to, MonoTime as_of, How how) {
        Pair& pair = at(from, to);
        if (how == How::kAnswer && (pair.missed == kNever || pair.missed <= as_of)) {
            pair.missed = kNever;
            if (pair.current == kNever) pair.current = MonoTime{};
        }
        if (how != How::kPush && pair.skipped <= as_of) pair.skipped = kNever;
        if (pair.missed != kNever || pair.skipped != kNever) return;
        pair.current = std::max(pair.current, as_of);
    }
    // Until when `to` is up to date about `from`; nothing: it has never been.
    std::optional<MonoTime> current(std::uint32_t from, std::uint32_t to) const {
        const Pair& pair = pairs_[std::size_t{from} * nodes_ + to];
        return pair.current == kNever ? std::nullopt : std::optional(pair.current);
    }

  private:
    static constexpr MonoTime kNever = MonoTime::max();
    struct Pair {  // a large world holds many
        MonoTime current = kNever;
        MonoTime missed{};
        MonoTime skipped = kNever;
    };
    Pair& at(std::uint32_t from, std::uint32_t to) {
        return pairs_[std::size_t{from} * nodes_ + to];
    }

    const std::uint32_t nodes_;
    std::vector<Pair> pairs_;
};

}  // namespace vidai::sim
