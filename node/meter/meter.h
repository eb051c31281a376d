// SPDX-License-Identifier: Apache-2.0
// What a provider call used and what it cost. Pure: integers in, integers out; any thread.
#pragma once

#include <cstdint>

#include "mesh/pricing/price.h"
#include "node/request/usage.h"
#include "node/route/options.h"
#include "schema/vocabulary/time.h"
#include "schema/vocabulary/units.h"

namespace vidai::node::meter {

// The price of one answered call that used that: each kind of token at its own rate, in the tier
// that its input stands in, summed exactly and rounded up once, and the fee of the request. Zero
// when the price is not known. Saturates.
// `percent`: of the rates, as the card has it for the service tier that was asked for.
MicroUsd cost(const mesh::pricing::Price& price, const request::Usage& usage,
              std::uint16_t percent = 100);

// The tier by whose share a call is charged: that in which the answer says it was served, where the
// card has a share of it. Else the one that was asked for where that is dearer than usual, since a
// cheaper one may have been busy.
mesh::pricing::ServiceTier tier_of(
    const mesh::pricing::Price& price, const request::Usage& usage,
    mesh::pricing::ServiceTier asked = mesh::pricing::ServiceTier::kStandard);
// Of the rates, in percent; all of them where the card has no share of the tier.
std::uint16_t share(const mesh::pricing::Price& price, mesh::pricing::ServiceTier tier);

// The account of a call whose provider sent no usage: the request's own estimate, and output from
// the bytes that came back (0 when none did). Marked estimated.
request::Usage estimated_usage(Tokens input_estimate, std::int64_t content_bytes);

// The account of a call that went out and whose answer never came whole: the provider may have
// done, and billed, all that was reserved for it. Marked estimated.
request::Usage reserved_usage(Tokens input_estimate, Tokens reserved);

// What one request is charged. The one value of which the key's counters, the metrics and the log
// are told, so that they cannot disagree.
struct Charge {
    request::Usage usage;
    MicroUsd cost;
    MicroUsd at_most;          // what it can have cost: of usage that was counted, the same
    bool priced = false;       // false: the target has no price, so `cost` says nothing
    std::uint16_t series = 0;  // where the target's metrics are counted
    mesh::pricing::ServiceTier tier = mesh::pricing::ServiceTier::kStandard;
    bool ceiling = false;  // the price is a ceiling, and no model's

    // Of two that may both have been billed, the one to charge.
    bool dearer_than(const Charge& other) const;
};

// By the price that held at `when`, the time of the request.
Charge charge(const route::Target& target, const request::Usage& usage, WallTime when);

}  // namespace vidai::node::meter
