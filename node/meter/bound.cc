// SPDX-License-Identifier: Apache-2.0
#include "node/meter/bound.h"

#include <algorithm>
#include <limits>
#include <string>

namespace vidai::node::meter {
namespace {

using mesh::pricing::Price;
using mesh::pricing::Rates;
using request::CostFacts;
using Pico = __int128;  // 1e-12 dollars: rates of 1e11 times tokens of 1e12 do not pass it

constexpr Pico kPicoPerMicro = 1'000'000;

std::unexpected<Error> unbounded(std::string_view field, const std::string& why) {
    return fail(
        ErrorCode::kCostUnbounded,
        "This key stands under a budget, and what this request can cost has no bound: " + why + ".",
        std::string(field));
}

bool is_free(const Rates& rates) {
    return rates == Rates{};
}
bool is_free(const Price& price) {
    return price.known && price.request.value == 0 && is_free(price.rates) &&
           std::ranges::all_of(price.tiers(), [](const auto& t) { return is_free(t.rates); });
}

// The dearest of all tiers that an input of up to that many tokens may come to stand in.
MicroUsdPerMtok dearest(const Price& price, Tokens input, MicroUsdPerMtok Rates::* kind) {
    MicroUsdPerMtok most = price.rates.*kind;
    for (const mesh::pricing::Tier& tier : price.tiers()) {
        if (input > tier.above) most = std::max(most, tier.rates.*kind);
    }
    return most;
}

Result<Tokens> input_bound(const CostFacts& facts, const Price& price) {
    const mesh::pricing::ModelLimits& limits = price.limits;
    const Tokens window = limits.context_window;
    Tokens sum{facts.text_bytes};
    if (facts.tools) sum += kToolPromptMax;
    if (facts.documents || facts.audio_input) {
        if (window.value != 0) return window;
        return unbounded("messages",
                         "it has an attachment, and the rate card lacks the context_window of "
                         "this model");
    }
    if (facts.images > 0) {
        if (limits.image_max.value == 0 && window.value != 0) return window;
        if (limits.image_max.value == 0) {
            return unbounded("messages",
                             "it has an image, and the rate card lacks both image_max and "
                             "context_window of this model");
        }
        sum += Tokens{limits.image_max.value * facts.images};
    }
    return window.value != 0 ? std::min(sum, window) : sum;
}

// For one choice, by the request and by the model; nothing where neither says.
std::optional<Tokens> output_bound(const CostFacts& facts, const Price& price) {
    const Tokens most = price.limits.output_max;
    if (most.value == 0) return facts.output_asked;
    return facts.output_asked ? std::min(*facts.output_asked, most) : most;
}

// What is the same for every length of the answer, and what each of its tokens costs.
struct Parts {
    Tokens input;
    Pico fixed = 0;
    Pico token = 0;  // of each choice's; in hundredths, as `percent` makes them
    MicroUsd request;
};

Result<Parts> parts_of(const CostFacts& facts, const Price& price) {
    if (!price.known) {
        return fail(ErrorCode::kPriceUnknown,
                    "This key stands under a budget, and the rate card of this gateway has no "
                    "price of this model, or of one that it falls back to. Who runs the gateway "
                    "can add it.",
                    "model");
    }
    if (!facts.open_ended.empty()) {
        return unbounded(facts.open_ended, "`" + std::string(facts.open_ended) +
                                               "` lets the provider add costs of its own");
    }
    if ((facts.audio_input || facts.audio_output) && !price.audio) {
        return unbounded("modalities", "it is about audio, for which the rate card has no rate");
    }
    const std::uint16_t percent = price.percent(facts.service);
    if (percent == 0) {
        return unbounded("service_tier", "the rate card has no price of this service tier");
    }
    const Result<Tokens> input = input_bound(facts, price);
    if (!input) return fail(input.error());
    MicroUsdPerMtok in = dearest(price, *input, &Rates::input);
    in = std::max(in, dearest(price, *input, &Rates::cached_input));
    in = std::max(in, dearest(price, *input, &Rates::cache_write));
    if (facts.audio_input) in = std::max(in, dearest(price, *input, &Rates::audio_input));
    MicroUsdPerMtok out = dearest(price, *input, &Rates::output);
    out = std::max(out, dearest(price, *input, &Rates::reasoning));
    if (facts.audio_output) out = std::max(out, dearest(price, *input, &Rates::audio_output));

    // A cheaper tier may be busy, and the request be served, and billed, as usual.
    const Pico share = std::max<std::uint16_t>(percent, 100);
    Parts parts;
    parts.input = *input;
    parts.fixed =
        (Pico{in.value} * input->value + Pico{out.value} * facts.prediction_bytes) * share;
    parts.token = Pico{out.value} * facts.choices * share;
    parts.request = price.request;
    return parts;
}

MicroUsd cost_of(const Parts& parts, Tokens output) {
    const Pico hundredths = parts.fixed + parts.token * output.value;
    const Pico unit = kPicoPerMicro * 100;
    const Pico micro = (hundredths + unit - 1) / unit + parts.request.value;
    constexpr Pico kMax = std::numeric_limits<std::int64_t>::max();
    return {static_cast<std::int64_t>(std::min(micro, kMax))};
}

}  // namespace

Result<Bound> upper_bound(const CostFacts& facts, const Price& price) {
    if (is_free(price)) {
        return Bound{input_bound(facts, price).value_or(Tokens{}),
                     {output_bound(facts, price).value_or(Tokens{}).value * facts.choices},
                     {}};
    }
    const Result<Parts> parts = parts_of(facts, price);
    if (!parts) return fail(parts.error());
    const std::optional<Tokens> output = output_bound(facts, price);
    if (!output) {
        return unbounded("max_completion_tokens",
                         "it does not limit its output, and the rate card lacks the output_max of "
                         "this model; send max_completion_tokens");
    }
    return Bound{parts->input, {output->value * facts.choices}, cost_of(*parts, *output)};
}

Result<Tokens> affordable_output(const CostFacts& facts, const Price& price, MicroUsd money) {
    constexpr Tokens kUnlimited{std::numeric_limits<std::int32_t>::max()};
    const Tokens most = output_bound(facts, price).value_or(kUnlimited);
    if (is_free(price)) return most;
    const Result<Parts> parts = parts_of(facts, price);
    if (!parts) return fail(parts.error());
    const Tokens useful = std::min(price.limits.useful_output, most);
    if (cost_of(*parts, useful) > money) {
        return fail(ErrorCode::kResourceExhausted,
                    "The money left pays for no useful answer: " + std::to_string(useful.value) +
                        " tokens of output would cost up to " +
                        std::to_string(cost_of(*parts, useful).value) + " micro-dollars, and " +
                        std::to_string(money.value) + " are left.");
    }
    if (parts->token == 0) return most;
    const Pico left = Pico{money.value - parts->request.value} * kPicoPerMicro * 100 - parts->fixed;
    const Pico pays = left / parts->token;
    return Tokens{static_cast<std::int64_t>(std::min(pays, Pico{most.value}))};
}

}  // namespace vidai::node::meter
