// SPDX-License-Identifier: Apache-2.0
// What a provider call used and what it cost. Pure: integers in, integers out; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "node/request/usage.h"
#include "node/route/options.h"
#include "schema/vocabulary/units.h"

namespace vidai::node::meter {

// The price of `usage`, summed exactly and rounded up once; zero when the price is not known.
// Tokens written to a provider's cache cost as input, reasoning costs as output. Saturates.
MicroUsd cost(const route::Price& price, const request::Usage& usage);

// The account of a call whose provider sent no usage: the request's own estimate, and output from
// the bytes that came back (0 when none did). Marked estimated.
request::Usage estimated_usage(Tokens input_estimate, std::int64_t content_bytes);

// One finished provider call, as observers get it. The views point into the configuration that
// the request was routed with, and live as long as the exchange.
struct MeterRecord {
    std::string_view alias;     // what the client asked for
    std::string_view provider;  // who answered
    std::string_view model;     // the provider's name of the model
    request::Usage usage;
    MicroUsd cost;
    bool priced = false;  // false: the target has no price, so `cost` says nothing
};

MeterRecord record(std::string_view alias, std::string_view provider, const route::Target& target,
                   const request::Usage& usage);

}  // namespace vidai::node::meter
