// SPDX-License-Identifier: Apache-2.0
#include "mesh/pricing/price.h"

#include <algorithm>

namespace vidai::mesh::pricing {

const Rates& Price::rates_for(Tokens input) const {
    const Rates* applies = &rates;
    for (const Tier& tier : tiers()) {
        if (input > tier.above) applies = &tier.rates;
    }
    return *applies;
}

std::uint16_t Price::percent(ServiceTier tier) const {
    switch (tier) {
        case ServiceTier::kFlex:
            return flex_percent;
        case ServiceTier::kPriority:
            return priority_percent;
        case ServiceTier::kBatch:
            return batch_percent;
        default:
            return 100;
    }
}

const Price& PriceHistory::at(WallTime now) const {
    static constexpr Price kUnknown{};
    for (std::size_t i = spans_.size(); i > 0; --i) {
        if (spans_[i - 1].from <= now) return spans_[i - 1].price;
    }
    return kUnknown;
}

WallTime PriceHistory::since(WallTime now) const {
    for (std::size_t i = spans_.size(); i > 0; --i) {
        if (spans_[i - 1].from <= now) return spans_[i - 1].from;
    }
    return WallTime::min();
}

PriceHistory overlay(const PriceHistory& over, const PriceHistory& under) {
    std::vector<WallTime> turns;
    for (const PriceHistory* one : {&over, &under}) {
        for (const PriceHistory::Span& span : one->spans()) turns.push_back(span.from);
    }
    std::sort(turns.begin(), turns.end());
    turns.erase(std::unique(turns.begin(), turns.end()), turns.end());
    const auto sure = [](const Price& price) { return price.known && !price.ceiling; };
    std::vector<PriceHistory::Span> spans;
    for (const WallTime turn : turns) {
        const Price &first = over.at(turn), &second = under.at(turn);
        const bool takes_first = sure(first) || (first.known && !sure(second));
        const Price& price = takes_first ? first : second;
        if (spans.empty() || spans.back().price != price) spans.push_back({turn, price});
    }
    return PriceHistory(std::move(spans));
}

}  // namespace vidai::mesh::pricing
