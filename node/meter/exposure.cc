// SPDX-License-Identifier: Apache-2.0
#include "node/meter/exposure.h"

#include <algorithm>

#include "node/meter/meter.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::meter {

using mesh::pricing::Price;
using mesh::pricing::Rates;
using request::Usage;

Result<Exposure> Exposure::of(const request::CostFacts& facts,
                              std::span<const Price* const> prices) {
    CHECK(prices.size() <= kTargetsMax, "more targets than a plan has");
    Exposure made;
    made.facts_ = facts;
    made.count_ = prices.size();
    for (std::size_t i = 0; i < prices.size(); ++i) {
        const Result<Bound> bound = upper_bound(facts, *prices[i]);
        if (!bound) return fail(bound.error());
        made.prices_[i] = prices[i];
        made.bounds_[i] = *bound;
    }
    return made;
}

MicroUsd Exposure::dearest() const {
    MicroUsd most;
    for (std::size_t i = 0; i < count_; ++i) most = std::max(most, bounds_[i].cost);
    return most;
}

Result<void> Exposure::clamp(MicroUsd money) {
    if (facts_.output_asked && !output_limit_) {
        return fail(ErrorCode::kResourceExhausted, "the client itself has bounded the output");
    }
    request::CostFacts bounded = facts_;
    for (std::size_t i = 0; i < count_; ++i) {
        if (bounds_[i].cost.value == 0) continue;
        const Result<Tokens> pays = affordable_output(facts_, *prices_[i], money);
        if (!pays) return fail(pays.error());
        bounded.output_asked = std::min(bounded.output_asked.value_or(*pays), *pays);
    }
    if (!bounded.output_asked || bounded.output_asked->value < 1) {
        return fail(ErrorCode::kResourceExhausted, "no output is affordable");
    }
    // One bound holds at all targets, so the least of them must do for each.
    for (std::size_t i = 0; i < count_; ++i) {
        const Tokens useful = prices_[i]->limits.useful_output;
        if (bounds_[i].cost.value > 0 && *bounded.output_asked < useful) {
            return fail(ErrorCode::kResourceExhausted, "the affordable output is of no use");
        }
    }
    std::array<Bound, kTargetsMax> bounds{};
    for (std::size_t i = 0; i < count_; ++i) {
        const Result<Bound> bound = upper_bound(bounded, *prices_[i]);
        if (!bound) return fail(bound.error());
        bounds[i] = *bound;
    }
    facts_ = bounded;
    bounds_ = bounds;
    output_limit_ = bounded.output_asked;
    return {};
}

mesh::pricing::ServiceTier Exposure::tier(std::size_t target, const Usage& usage) const {
    return tier_of(*prices_[target], usage, facts_.service);
}

MicroUsd Exposure::cost(std::size_t target, const Usage& usage) const {
    return meter::cost(*prices_[target], usage, share(*prices_[target], tier(target, usage)));
}

// With so much more output, of the dearest kind that it may be.
MicroUsd Exposure::with_output(std::size_t target, const Usage& usage, Tokens more) const {
    const Rates& rates = prices_[target]->rates_for(usage.input());
    Usage most = usage;
    if (facts_.audio_output && rates.audio_output > std::max(rates.output, rates.reasoning)) {
        most.audio_output += more;
    } else {
        (rates.reasoning > rates.output ? most.reasoning : most.output_visible) += more;
    }
    return cost(target, most);
}

MicroUsd Exposure::at_most(std::size_t target, const Usage& usage) const {
    const Tokens left = bounds_[target].output - usage.output();
    return with_output(target, usage, std::max(left, Tokens{}));
}

MicroUsd Exposure::left_off(std::size_t target, const StreamSeen& seen) const {
    const Bound& bound = bounds_[target];
    const Tokens unseen{kUnseenMax.value * facts_.choices};
    if (seen.usage) {
        if (seen.usage_final) return cost(target, *seen.usage);
        const Tokens left = std::max(bound.output - seen.usage->output(), Tokens{});
        return with_output(target, *seen.usage, std::min(left, unseen));
    }
    const Tokens output = std::min(bound.output, Tokens{seen.content_bytes} + unseen);
    request::CostFacts came = facts_;
    came.output_asked = Tokens{(output.value + facts_.choices - 1) / facts_.choices};
    const Result<Bound> most = upper_bound(came, *prices_[target]);
    return most ? std::min(most->cost, bound.cost) : bound.cost;
}

bool Exposure::passed(std::size_t target, Tokens output) const {
    return bounds_[target].cost.value > 0 && output > bounds_[target].output;
}

}  // namespace vidai::node::meter
