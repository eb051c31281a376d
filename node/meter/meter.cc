// SPDX-License-Identifier: Apache-2.0
#include "node/meter/meter.h"

#include <algorithm>
#include <limits>

#include "node/request/estimate.h"

namespace vidai::node::meter {

namespace {

// Each product is at most the maximum, none is negative: a sum that would pass it stays at it.
PicoUsd saturating_add(PicoUsd a, PicoUsd b) {
    constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
    return a.value > kMax - b.value ? PicoUsd{kMax} : a + b;
}

// Most answers have tokens of two kinds only.
void add(PicoUsd& sum, MicroUsdPerMtok rate, Tokens tokens) {
    if (tokens.value != 0) sum = saturating_add(sum, rate * tokens);
}

PicoUsd share_of(PicoUsd whole, std::uint16_t percent) {
    const __int128 share = (static_cast<__int128>(whole.value) * percent + 99) / 100;
    constexpr __int128 kMax = std::numeric_limits<std::int64_t>::max();
    return {static_cast<std::int64_t>(std::min(share, kMax))};
}

}  // namespace

MicroUsd cost(const mesh::pricing::Price& price, const request::Usage& usage,
              std::uint16_t percent) {
    if (!price.known) return {0};
    const mesh::pricing::Rates& rates = price.rates_for(usage.input());
    PicoUsd sum = rates.input * usage.input_uncached;
    add(sum, rates.cached_input, usage.cache_read);
    add(sum, rates.cache_write, usage.cache_write);
    add(sum, rates.output, usage.output_visible);
    add(sum, rates.reasoning, usage.reasoning);
    add(sum, rates.audio_input, usage.audio_input);
    add(sum, rates.audio_output, usage.audio_output);
    if (percent != 100) [[unlikely]] {
        sum = share_of(sum, percent);
    }
    return round_up(sum) + price.request;
}

mesh::pricing::ServiceTier tier_of(const mesh::pricing::Price& price, const request::Usage& usage,
                                   mesh::pricing::ServiceTier asked) {
    if (usage.served && price.percent(*usage.served) > 0) return *usage.served;
    return price.percent(asked) > 100 ? asked : mesh::pricing::ServiceTier::kStandard;
}

std::uint16_t share(const mesh::pricing::Price& price, mesh::pricing::ServiceTier tier) {
    const std::uint16_t percent = price.percent(tier);
    return percent > 0 ? percent : 100;
}

request::Usage estimated_usage(Tokens input_estimate, std::int64_t content_bytes) {
    request::Usage usage;
    usage.input_uncached = input_estimate;
    usage.output_visible = request::tokens_of_bytes(content_bytes);
    usage.estimated = true;
    return usage;
}

request::Usage reserved_usage(Tokens input_estimate, Tokens reserved) {
    request::Usage usage;
    usage.input_uncached = input_estimate;
    usage.output_visible = reserved - input_estimate;
    usage.estimated = true;
    return usage;
}

bool Charge::dearer_than(const Charge& other) const {
    return cost != other.cost ? cost > other.cost : usage.total() > other.usage.total();
}

Charge charge(const route::Target& target, const request::Usage& usage, WallTime when) {
    const mesh::pricing::Price& price = target.prices.at(when);
    const mesh::pricing::ServiceTier tier = tier_of(price, usage);
    const MicroUsd spent = cost(price, usage, share(price, tier));
    return {.usage = usage,
            .cost = spent,
            .at_most = spent,
            .priced = price.known,
            .series = target.series,
            .tier = tier,
            .ceiling = price.ceiling};
}

}  // namespace vidai::node::meter
