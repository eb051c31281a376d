// SPDX-License-Identifier: Apache-2.0
#include "mesh/pricing/price.h"

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

}  // namespace vidai::mesh::pricing
