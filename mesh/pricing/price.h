// SPDX-License-Identifier: Apache-2.0
// What a provider asks for one model: a rate for each kind of token, dearer rates for long inputs,
// a fee for each request, and the model's own limits, without which no request has a greatest
// cost. And the same over time, as a worker reads it. Values; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "schema/vocabulary/time.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh::pricing {

inline constexpr std::size_t kTiersMax = 3;

// Micro-dollars per million tokens: pico-dollars per token. No kind contains another: see
// node/request/usage.h.
struct Rates {
    MicroUsdPerMtok input;
    MicroUsdPerMtok cached_input;  // read from the provider's cache
    MicroUsdPerMtok cache_write;   // written to it; of several lifetimes the dearest
    MicroUsdPerMtok output;
    MicroUsdPerMtok reasoning;
    MicroUsdPerMtok audio_input;
    MicroUsdPerMtok audio_output;

    friend bool operator==(const Rates&, const Rates&) = default;
};

// The rates of a whole request whose input, cached or not, is longer than `above`.
struct Tier {
    Tokens above;
    Rates rates;

    friend bool operator==(const Tier&, const Tier&) = default;
};

// As the provider publishes them; zero: not known.
struct ModelLimits {
    Tokens context_window;     // input that the provider takes at most
    Tokens output_max;         // reasoning included, for one choice
    Tokens image_max;          // what one image can be billed as
    Tokens useful_output{64};  // an answer bounded to less is not worth its cost

    friend bool operator==(const ModelLimits&, const ModelLimits&) = default;
};

// How a provider was asked to serve, where that has a price of its own.
// Numbers are stored.
enum class ServiceTier : std::uint8_t { kStandard, kFlex, kPriority, kBatch };
inline constexpr std::uint8_t kServiceTiers = 4;

struct Price {
    Rates rates;
    std::array<Tier, kTiersMax> tier_table{};  // by `above`, rising
    std::uint8_t tier_count = 0;
    MicroUsd request;                    // of each request, besides its tokens
    std::uint16_t batch_percent = 100;   // of the rates, for what is sent to be done later
    std::uint16_t flex_percent = 100;    // of the rates, with a service tier of that name
    std::uint16_t priority_percent = 0;  // the same; zero: not offered, so nobody knows
    bool audio = false;                  // the audio rates are published
    bool known = false;                  // false: nobody knows what this costs
    bool ceiling = false;                // of no model: what one without a price is charged
    ModelLimits limits;

    std::span<const Tier> tiers() const { return std::span(tier_table).first(tier_count); }
    // Of a request with that many input tokens.
    const Rates& rates_for(Tokens input) const;
    // Of the rates; zero: the tier has no price.
    std::uint16_t percent(ServiceTier tier) const;
    friend bool operator==(const Price&, const Price&) = default;
};

// The prices of one model, one after the other. Immutable once made; a worker's look-up is a walk
// over what is mostly one element.
class PriceHistory {
  public:
    struct Span {
        WallTime from;  // and until the next one's
        Price price;    // not known: a gap

        friend bool operator==(const Span&, const Span&) = default;
    };

    PriceHistory() = default;                   // never known
    explicit PriceHistory(const Price& always)  // known at all times
        : spans_{{WallTime::min(), always}} {}
    explicit PriceHistory(std::vector<Span> spans) : spans_(std::move(spans)) {}  // by `from`

    const Price& at(WallTime now) const;
    WallTime since(WallTime now) const;  // when what is at(now) began; min(): it always was
    const std::vector<Span>& spans() const { return spans_; }
    bool empty() const { return spans_.empty(); }
    friend bool operator==(const PriceHistory&, const PriceHistory&) = default;

  private:
    std::vector<Span> spans_;
};

// At each time what `over` says, and `under` where it says nothing; a ceiling only where neither
// knows a price.
PriceHistory overlay(const PriceHistory& over, const PriceHistory& under);

}  // namespace vidai::mesh::pricing
