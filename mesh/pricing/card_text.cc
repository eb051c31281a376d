// SPDX-License-Identifier: Apache-2.0
// A card to its canonical text.
#include <string>

#include "mesh/pricing/rate_card.h"
#include "mesh/pricing/rate_names.h"
#include "schema/vocabulary/usd.h"

namespace vidai::mesh::pricing {
namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string rates_text(const Rates& rates, bool audio) {
    std::string text;
    for (const RateName& rate : kRateNames) {
        if (rate.name.starts_with("audio_") && !audio) continue;
        text += ", " + std::string(rate.name) + ": " + print_usd({(rates.*rate.rate).value});
    }
    return text;
}

std::string price_text(const Price& price) {
    std::string text = rates_text(price.rates, price.audio);
    if (price.ceiling) text += ", ceiling: true";
    if (price.request.value != 0) text += ", request: " + print_usd(price.request);
    for (const PercentName& one : kPercentNames) {
        if (price.*one.percent == Price{}.*one.percent) continue;
        text += ", " + std::string(one.name) + ": " + std::to_string(price.*one.percent) + "%";
    }
    for (const LimitName& one : kLimitNames) {
        const Tokens limit = price.limits.*one.limit;
        if (limit == ModelLimits{}.*one.limit) continue;
        text += ", " + std::string(one.name) + ": " + std::to_string(limit.value);
    }
    std::string tiers;
    for (const Tier& tier : price.tiers()) {
        tiers += (tiers.empty() ? "" : ", ") + ("{above: " + std::to_string(tier.above.value)) +
                 rates_text(tier.rates, price.audio) + "}";
    }
    return tiers.empty() ? text : text + ", tiers: [" + tiers + "]";
}

}  // namespace

std::string card_text(const RateCard& card) {
    std::string text;
    if (!card.name.empty()) text += "card: " + quoted(card.name) + "\n";
    if (!card.dated.empty()) text += "dated: " + card.dated + "\n";
    text += "prices:\n";
    for (const Row& row : card.rows) {
        text += "  - {provider: " + quoted(row.provider) + ", model: [";
        for (std::size_t i = 0; i < row.models.size(); ++i) {
            text += (i == 0 ? "" : ", ") + quoted(row.models[i]);
        }
        text += "]";
        if (row.from != WallTime::min()) text += ", from: \"" + print_day(row.from) + "\"";
        if (row.to != WallTime::max()) text += ", to: \"" + print_day(row.to) + "\"";
        text += price_text(row.price);
        if (!row.note.empty()) text += ", note: " + quoted(row.note);
        text += "}\n";
    }
    return text;
}

}  // namespace vidai::mesh::pricing
