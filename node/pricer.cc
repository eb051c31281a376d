// SPDX-License-Identifier: Apache-2.0
#include "node/pricer.h"

#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "node/meter/meter.h"

namespace vidai::node {
namespace {

using mesh::pricing::Price;
using mesh::pricing::PriceHistory;
using mesh::pricing::RateCard;
using mesh::usage::Event;
using mesh::usage::Worth;
using Name = std::tuple<std::string, std::string, std::string>;  // alias, provider, target

request::Usage usage_of(const Event& event) {
    request::Usage usage;
    usage.input_uncached = event.tokens.input;
    usage.cache_read = event.tokens.cached_input;
    usage.cache_write = event.tokens.cache_write;
    usage.output_visible = event.tokens.output;
    usage.reasoning = event.tokens.reasoning;
    usage.audio_input = event.tokens.audio_input;
    usage.audio_output = event.tokens.audio_output;
    return usage;
}

// One run's look-ups.
class Prices {
  public:
    Prices(std::shared_ptr<const exchange::Runtime> runtime, std::shared_ptr<const RateCard> own,
           std::shared_ptr<const RateCard> applied)
        : runtime_(std::move(runtime)), own_(std::move(own)), applied_(std::move(applied)) {
        for (const route::Alias& alias : runtime_->routes.aliases()) {
            for (const auto& group : alias.groups) {
                for (const route::Target& target : group) {
                    const std::string& provider = runtime_->providers[target.provider].name;
                    found_.emplace(Name{alias.name, provider, target.model}, target.prices);
                }
            }
        }
    }

    std::optional<Worth> of(const Event& event) {
        const auto& callee = event.callee;
        const Name name{callee.model, callee.provider, callee.target};
        auto at = found_.find(name);
        if (at == found_.end()) {
            at = found_
                     .emplace(name, overlay(applied_->history(callee.provider, callee.target),
                                            own_->history(callee.provider, callee.target)))
                     .first;
        }
        const Price& price = at->second.at(event.time);
        if (!price.known) return std::nullopt;
        return Worth{.cost = meter::cost(price, usage_of(event), meter::share(price, event.tier)),
                     .price_from = at->second.since(event.time),
                     .ceiling = price.ceiling};
    }

  private:
    std::shared_ptr<const exchange::Runtime> runtime_;
    std::shared_ptr<const RateCard> own_, applied_;
    std::map<Name, PriceHistory> found_;
};

}  // namespace

mesh::usage::Pricer make_pricer(std::shared_ptr<const exchange::Runtime> runtime,
                                const config::Config& config,
                                std::shared_ptr<const RateCard> applied) {
    return [runtime = std::move(runtime), own = config.pricing.card,
            applied = std::move(applied)]() -> mesh::usage::Judge {
        auto prices = std::make_shared<Prices>(runtime, own, applied);
        return [prices](const Event& event) { return prices->of(event); };
    };
}

}  // namespace vidai::node
