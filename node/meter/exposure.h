// SPDX-License-Identifier: Apache-2.0
// Exposure: the money that a request puts at stake at each target that it may go to. Before the
// call it is what hard budgets reserve, while an answer comes it says what is left of that, and
// after it what is to be charged where nobody counted. Without budgets a request has none of it.
// Pure; lives as long as one exchange, on its worker. Borrows the prices.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "mesh/pricing/price.h"
#include "node/meter/bound.h"
#include "node/request/cost_facts.h"
#include "node/request/usage.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/units.h"

namespace vidai::node::meter {

// What a provider may write of one choice and bill, beyond what has arrived, before it notices that
// nobody reads any more.
inline constexpr Tokens kUnseenMax{4'096};

// A stream as far as it came.
struct StreamSeen {
    std::optional<request::Usage> usage;  // the last that the provider sent
    bool usage_final = false;             // and no more comes after it
    std::int64_t content_bytes = 0;
};

class Exposure {
  public:
    static constexpr std::size_t kTargetsMax = 16;

    // At each of up to kTargetsMax `prices`, those of the targets in their order. As upper_bound()
    // for the first of them that has none: a request may fall back to each.
    static Result<Exposure> of(const request::CostFacts& facts,
                               std::span<const mesh::pricing::Price* const> prices);

    MicroUsd dearest() const;  // of all targets: what is reserved for an attempt
    MicroUsd at(std::size_t target) const { return bounds_[target].cost; }

    // Bounds the answer so that no target costs more than `money`. kResourceExhausted, and nothing
    // has changed, where the answer would be shorter than is useful or the client has bounded it
    // already.
    Result<void> clamp(MicroUsd money);
    // By clamp(): what must be sent along as the greatest output of each choice.
    std::optional<Tokens> output_limit() const { return output_limit_; }

    const request::CostFacts& facts() const { return facts_; }

    // By whose share usage is charged: tier_of() with the one that was asked for.
    mesh::pricing::ServiceTier tier(std::size_t target, const request::Usage& usage) const;
    // Of usage that the provider has counted.
    MicroUsd cost(std::size_t target, const request::Usage& usage) const;
    // What an answer may still come to of which so much has been used.
    MicroUsd at_most(std::size_t target, const request::Usage& usage) const;
    // Of a stream that is read no further: its usage, and without a final one what came, a token
    // for each byte, and what may have been on its way. Never more than at().
    MicroUsd left_off(std::size_t target, const StreamSeen& seen) const;
    // Whether more has come of an answer than it may have: the provider pays no regard to the
    // bound. Counted by the provider, or leaning low: never true of one that keeps to it.
    bool passed(std::size_t target, Tokens output) const;

  private:
    Exposure() = default;
    MicroUsd with_output(std::size_t target, const request::Usage& usage, Tokens more) const;

    request::CostFacts facts_;
    std::array<const mesh::pricing::Price*, kTargetsMax> prices_{};
    std::array<Bound, kTargetsMax> bounds_{};
    std::size_t count_ = 0;
    std::optional<Tokens> output_limit_;
};

}  // namespace vidai::node::meter
