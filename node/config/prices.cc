// SPDX-License-Identifier: Apache-2.0
#include "node/config/prices.h"

#include <utility>
#include <vector>

#include "mesh/pricing/unit_guard.h"
#include "node/config/reader.h"
#include "schema/vocabulary/time.h"

namespace vidai::node::config {
namespace {

using mesh::pricing::Price;
using mesh::pricing::PriceHistory;
using mesh::pricing::RateCard;

Result<RateCard> read_file_card(Reading& reading, const std::string& file) {
    const Result<std::string> text = reading.sources.read_file(file, mesh::pricing::kCardBytesMax);
    if (!text) return fail(text.error());
    Result<RateCard> card = mesh::pricing::read_guarded_card(*text, file);
    if (card) return card;
    return fail(card.error().code,
                "no rate card; mend what follows, and try it with `vidaictl price check " + file +
                    "`:\n" + card.error().message,
                file);
}

// One price for all times, but with the limits of the model as the card has them at each.
PriceHistory own_history(const route::OwnPrice& own, const PriceHistory& card) {
    Price price;
    price.rates = {.input = own.input,
                   .cached_input = own.cached_input,
                   .cache_write = own.input,
                   .output = own.output,
                   .reasoning = own.output,
                   .audio_input = {},
                   .audio_output = {}};
    price.known = true;
    std::vector<PriceHistory::Span> spans = {{WallTime::min(), price}};
    for (const PriceHistory::Span& span : card.spans()) {
        price.limits = span.price.limits;
        if (spans.back().from == span.from) spans.pop_back();
        spans.push_back({span.from, price});
    }
    return PriceHistory(std::move(spans));
}

}  // namespace

void read_prices(Reading& reading) {
    PricingOptions& pricing = reading.config.pricing;
    RateCard card = mesh::pricing::default_card();
    if (!pricing.card_file.empty()) {
        Result<RateCard> read = read_file_card(reading, pricing.card_file);
        if (!read) {
            return reading.problems.add(reading.origins.of("pricing.card"), "pricing.card",
                                        read.error().message);
        }
        card = std::move(*read);
    }
    pricing.card = std::make_shared<const RateCard>(std::move(card));
    if (reading.config.providers.empty()) return;  // what a target names was not found
    price_targets(reading.config, RateCard{});
}

PriceHistory prices_of(const Config& config, const RateCard& applied, const std::string& provider,
                       const std::string& model) {
    return overlay(applied.history(provider, model), config.pricing.card->history(provider, model));
}

void price_targets(Config& config, const RateCard& applied) {
    for (route::Alias& alias : config.route.aliases) {
        for (auto& group : alias.groups) {
            for (route::Target& target : group) {
                target.prices = prices_of(config, applied, config.providers[target.provider].name,
                                          target.model);
                if (!target.own_price.known) continue;
                target.prices = own_history(target.own_price, target.prices);
            }
        }
    }
}

}  // namespace vidai::node::config
