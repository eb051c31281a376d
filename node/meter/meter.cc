// SPDX-License-Identifier: Apache-2.0
#include "node/meter/meter.h"

#include <limits>

#include "node/request/estimate.h"

namespace vidai::node::meter {

namespace {

// Each product is at most the maximum, none is negative: a sum that would pass it stays at it.
PicoUsd saturating_add(PicoUsd a, PicoUsd b) {
    constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
    return a.value > kMax - b.value ? PicoUsd{kMax} : a + b;
}

}  // namespace

MicroUsd cost(const route::Price& price, const request::Usage& usage) {
    if (!price.known) return {0};
    PicoUsd sum = price.input * (usage.input_uncached + usage.cache_write);
    sum = saturating_add(sum, price.cached_input * usage.cache_read);
    sum = saturating_add(sum, price.output * usage.output());
    return round_up(sum);
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

Charge charge(const route::Target& target, const request::Usage& usage) {
    return {.usage = usage,
            .cost = cost(target.price, usage),
            .priced = target.price.known,
            .series = target.series};
}

}  // namespace vidai::node::meter
