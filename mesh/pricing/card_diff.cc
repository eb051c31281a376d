// SPDX-License-Identifier: Apache-2.0
#include "mesh/pricing/card_diff.h"

#include <map>
#include <tuple>

#include "mesh/pricing/rate_names.h"
#include "schema/vocabulary/usd.h"

namespace vidai::mesh::pricing {
namespace {

using Kind = Difference::Kind;
using Key = std::tuple<std::string, std::string, WallTime>;  // provider, model, from

std::string day(WallTime from) {
    return from == WallTime::min() ? "" : print_day(from);
}

std::string tokens_text(Tokens tokens) {
    return tokens.value == 0 ? "" : std::to_string(tokens.value);
}

std::string tiers_text(const Price& price) {
    std::string text;
    for (const Tier& tier : price.tiers()) {
        text += (text.empty() ? "" : "; ") + ("above " + std::to_string(tier.above.value));
        for (const RateName& rate : kRateNames) {
            if (rate.name.starts_with("audio_") && !price.audio) continue;
            text += " " + std::string(rate.name) + " " + print_usd({(tier.rates.*rate.rate).value});
        }
    }
    return text;
}

// All of a row by name, as written; what it lacks is empty.
std::vector<std::pair<std::string_view, std::string>> fields(const Row& row) {
    const Price& price = row.price;
    std::vector<std::pair<std::string_view, std::string>> all;
    for (const RateName& rate : kRateNames) {
        const bool said = price.audio || !rate.name.starts_with("audio_");
        all.emplace_back(rate.name,
                         said ? print_usd({(price.rates.*rate.rate).value}) : std::string());
    }
    all.emplace_back("request", print_usd(price.request));
    all.emplace_back("ceiling", price.ceiling ? "true" : "");
    for (const PercentName& one : kPercentNames) {
        all.emplace_back(one.name, std::to_string(price.*one.percent) + "%");
    }
    for (const LimitName& one : kLimitNames) {
        all.emplace_back(one.name, tokens_text(price.limits.*one.limit));
    }
    all.emplace_back("tiers", tiers_text(price));
    all.emplace_back("to", row.to == WallTime::max() ? std::string() : print_day(row.to));
    return all;
}

std::map<Key, const Row*> by_key(const RateCard& card) {
    std::map<Key, const Row*> rows;
    for (const Row& row : card.rows) {
        for (const std::string& model : row.models) rows[{row.provider, model, row.from}] = &row;
    }
    return rows;
}

}  // namespace

std::string brief(const Price& price) {
    return "input " + print_usd({price.rates.input.value}) + ", output " +
           print_usd({price.rates.output.value});
}

std::vector<Difference> differences(const RateCard& old, const RateCard& next) {
    const std::map<Key, const Row*> before = by_key(old), after = by_key(next);
    std::vector<Difference> found;
    for (const Row& row : next.rows) {
        for (const std::string& model : row.models) {
            const auto at = before.find({row.provider, model, row.from});
            if (at == before.end()) {
                found.push_back(
                    {Kind::kAdded, row.provider, model, day(row.from), "", "", brief(row.price)});
                continue;
            }
            const auto was = fields(*at->second), is = fields(row);
            for (std::size_t i = 0; i < is.size(); ++i) {
                if (was[i].second == is[i].second) continue;
                found.push_back({Kind::kChanged, row.provider, model, day(row.from),
                                 std::string(is[i].first), was[i].second, is[i].second});
            }
        }
    }
    for (const auto& [key, row] : before) {
        if (after.contains(key)) continue;
        const auto& [provider, model, from] = key;
        found.push_back({Kind::kRemoved, provider, model, day(from), "", brief(row->price), ""});
    }
    return found;
}

}  // namespace vidai::mesh::pricing
