// SPDX-License-Identifier: Apache-2.0
// The most that a provider can charge for a request, and the longest answer that an amount of
// money pays for: what a hard budget reserves. A true bound and no estimate: one token for each
// byte of text, which no byte-level vocabulary passes, or the model's whole context window where
// that is less or bytes say nothing; each kind at the dearest rate that can apply to it.
// It stands on the card: a limit there that is lower than the provider's own makes it no bound.
// Pure; any thread.
#pragma once

#include "mesh/pricing/price.h"
#include "node/request/cost_facts.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/units.h"

namespace vidai::node::meter {

// What providers write around tools that a request brings; of Anthropic's, the longest published,
// it is about 700.
inline constexpr Tokens kToolPromptMax{1'024};

struct Bound {
    Tokens input;
    Tokens output;  // of all choices
    MicroUsd cost;
};

// A model of which all is free costs nothing, whatever is asked of it. Else kPriceUnknown without
// a price, and kCostUnbounded, with the field at fault, for what has no bound: an open-ended field,
// an image, document or output where the card has no limit, audio or a service tier where it has
// no rate.
Result<Bound> upper_bound(const request::CostFacts& facts, const mesh::pricing::Price& price);

// The longest answer, for each choice, whose bound is within `money` and the model's and the
// request's own limits. kPriceUnknown and kCostUnbounded as above; kResourceExhausted when it would
// be shorter than is useful: than the model's useful_output, or than what the request itself asks
// for if that is less.
Result<Tokens> affordable_output(const request::CostFacts& facts, const mesh::pricing::Price& price,
                                 MicroUsd money);

}  // namespace vidai::node::meter
