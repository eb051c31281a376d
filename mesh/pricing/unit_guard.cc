// SPDX-License-Identifier: Apache-2.0
#include "mesh/pricing/unit_guard.h"

#include "mesh/pricing/rate_names.h"
#include "schema/vocabulary/usd.h"

namespace vidai::mesh::pricing {
namespace {

std::string said(MicroUsdPerMtok rate) {
    return print_usd({rate.value}) + " per million tokens";
}

// What to say of one rate; empty: it is of the right size.
std::string problem_of(std::string_view name, MicroUsdPerMtok rate, const Rates* known,
                       MicroUsdPerMtok Rates::* member) {
    if (rate.value == 0) return {};
    const std::string here = std::string(name) + " is " + said(rate);
    if (rate > kRateMax) {
        return here + ", more than 0.1usd for one token; write what a million tokens cost";
    }
    if (rate < kRateMin) {
        return here +
               ", less than any provider asks; write what a million tokens cost, not one or a "
               "thousand, or 0usd where it is free";
    }
    const std::int64_t other = known != nullptr ? (known->*member).value : 0;
    if (other == 0) return {};
    const std::int64_t above = rate.value / other, below = other / rate.value;
    if (above < kFarOff && below < kFarOff) return {};
    return here + ", " +
           (above >= kFarOff ? std::to_string(above) + " times"
                             : "a " + std::to_string(below) + "th of") +
           " the known price of " + said({other}) + "; is it per million tokens?";
}

void add_problems(std::vector<std::string>& found, std::string_view where, const Rates& rates,
                  const Rates* known, bool audio) {
    for (const RateName& rate : kRateNames) {
        const bool of_audio = rate.name.starts_with("audio_");
        if (of_audio && !audio) continue;
        const std::string name = std::string(where) + std::string(rate.name);
        std::string problem = problem_of(name, rates.*rate.rate, known, rate.rate);
        if (!problem.empty()) found.push_back(std::move(problem));
    }
}

}  // namespace

std::vector<std::string> unit_problems(const Price& price, const Price* known) {
    if (known != nullptr && !known->known) known = nullptr;
    std::vector<std::string> found;
    add_problems(found, "", price.rates, known != nullptr ? &known->rates : nullptr, price.audio);
    for (const Tier& tier : price.tiers()) {
        const Rates* const beside = known != nullptr ? &known->rates_for(tier.above) : nullptr;
        add_problems(found, "above " + std::to_string(tier.above.value) + ": ", tier.rates, beside,
                     price.audio);
    }
    if (price.request > kRequestFeeMax) {
        found.push_back("request is " + print_usd(price.request) + " for one request, more than " +
                        print_usd(kRequestFeeMax) +
                        "; it is the fee of one request, besides its tokens");
    }
    return found;
}

std::vector<RowProblem> unit_problems(const RateCard& card, const RateCard& known) {
    std::vector<RowProblem> found;
    for (std::size_t i = 0; i < card.rows.size(); ++i) {
        const Row& row = card.rows[i];
        PriceHistory history;
        for (std::string model : row.models) {
            if (model.ends_with('*')) model.pop_back();
            history = known.history(row.provider, model);
            if (!history.empty()) break;
        }
        const Price* beside = nullptr;
        for (const PriceHistory::Span& span : history.spans()) {
            if (span.price.known) beside = &span.price;
        }
        for (const std::string& problem : unit_problems(row.price, beside)) {
            found.push_back({i, problem});
        }
    }
    return found;
}

Result<RateCard> read_guarded_card(const std::string& text, const std::string& name) {
    constexpr std::size_t kShown = 20;
    Result<RateCard> card = read_card(text, name);
    if (!card) return card;
    const std::vector<RowProblem> wrong = unit_problems(*card, default_card());
    if (wrong.empty()) return card;
    std::string lines;
    for (std::size_t i = 0; i < std::min(wrong.size(), kShown); ++i) {
        const std::size_t row = wrong[i].row;
        lines += (lines.empty() ? "" : "\n") + name + ":" + std::to_string(card->rows[row].line) +
                 ": prices[" + std::to_string(row) + "]: " + wrong[i].what;
    }
    if (wrong.size() > kShown) {
        lines += "\nand " + std::to_string(wrong.size() - kShown) + " more";
    }
    return fail(ErrorCode::kConfigInvalid, std::move(lines), name);
}

}  // namespace vidai::mesh::pricing
