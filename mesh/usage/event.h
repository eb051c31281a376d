// SPDX-License-Identifier: Apache-2.0
// A usage event: what one call of a provider used and what it cost. The node that made the call
// numbers its events, so that origin and number name one for ever, wherever a copy of it lies.
// Values; any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "mesh/pricing/price.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh::usage {

// No kind contains another.
struct TokensByKind {
    Tokens input;
    Tokens cached_input;  // read from the provider's cache
    Tokens cache_write;
    Tokens output;
    Tokens reasoning;
    Tokens audio_input;
    Tokens audio_output;

    friend bool operator==(const TokensByKind&, const TokensByKind&) = default;
};

// How the call ended; its number is stored.
enum class Outcome : std::uint8_t {
    kAnswered,     // whole
    kClientGone,   // the client hung up first
    kInterrupted,  // the provider's answer broke off
    kUnknown,      // the call went out and nothing came: it may have been billed
    kCut,          // ended by this gateway where more would have passed a hard budget
};
inline constexpr std::uint8_t kOutcomes = 5;

struct Caller {
    KeyId key;
    std::string user, team, project;  // the key's at that time; empty: nobody's

    friend auto operator<=>(const Caller&, const Caller&) = default;
};

struct Callee {
    std::string model;     // as the client named it
    std::string provider;  // that was called
    std::string target;    // its name for the model
    std::string endpoint;  // of this gateway, as "chat_completions"

    friend auto operator<=>(const Callee&, const Callee&) = default;
};

struct Event {
    std::uint64_t number = 0;  // of its origin: from 1, each once
    WallTime time;             // of the request, by the origin's clock
    std::string request;       // the id that the client was told
    Caller caller;
    Callee callee;
    TokensByKind tokens;
    bool priced = false;    // false: nobody knew a price, and `cost` says nothing
    WallTime price_from{};  // since when that price of that model has held
    MicroUsd cost;
    bool estimated = false;  // the provider did not say what it used
    MicroUsd charged;        // to each hard budget: the most it can have cost; zero without one
    Outcome outcome = Outcome::kAnswered;
    pricing::ServiceTier tier = pricing::ServiceTier::kStandard;  // whose share it was charged
    bool ceiling = false;  // nobody knew a price of the model, so `cost` is by a ceiling

    // Zero; or this is no call, but what is to be added to the cost of one: of the event of that
    // number of the same origin. It has that one's request, time, caller and callee, no tokens, and
    // a cost that may be negative. `priced`: by this one the call has a price that it had not.
    std::uint64_t adjusts = 0;
    bool billed = false;  // by what the provider billed, over which no price has a say any more

    friend bool operator==(const Event&, const Event&) = default;
};

}  // namespace vidai::mesh::usage
