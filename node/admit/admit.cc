// SPDX-License-Identifier: Apache-2.0
#include "node/admit/admit.h"

#include <algorithm>
#include <string>

namespace vidai::node::admit {
namespace {

using mesh::limits::Decision;
using mesh::limits::LimitKind;
using mesh::limits::LimitState;

request::RateState rate_of(const Decision& decision) {
    request::RateState rate;
    const auto window = [](const LimitState& state) {
        return request::RateWindow{state.limit, state.remaining, state.reset};
    };
    if (decision.requests) rate.requests = window(*decision.requests);
    if (decision.tokens) rate.tokens = window(*decision.tokens);
    if (!decision.admitted) {
        rate.retry_after = decision.retry_after;
        rate.retry_useless = !decision.retry_after;
    }
    return rate;
}

std::unexpected<Error> refusal(const Decision& decision, const mesh::state::KeyLimits& limits,
                               const Ask& ask) {
    switch (decision.refused_by) {
        case LimitKind::kConcurrency:
            return fail(ErrorCode::kConcurrencyLimit,
                        "this key may have " + std::to_string(limits.concurrency.value_or(0)) +
                            " requests in flight at once; wait for one to end");
        case LimitKind::kRequests:
            return fail(ErrorCode::kRequestLimit,
                        "this key may make " +
                            std::to_string(limits.requests_per_minute.value_or(0)) +
                            " requests per minute; wait as long as retry-after says");
        case LimitKind::kTokens:
            break;
    }
    const std::string limit = std::to_string(limits.tokens_per_minute.value_or(0));
    const std::string asked = std::to_string(ask.tokens.value);
    if (!decision.retry_after) {
        return fail(ErrorCode::kTokenLimit,
                    "this request may use " + asked + " tokens, more than the " + limit +
                        " per minute that this key has; shorten it or ask for fewer output tokens");
    }
    return fail(ErrorCode::kTokenLimit, "this key may use " + limit +
                                            " tokens per minute and this request may use " + asked +
                                            "; wait as long as retry-after says");
}

}  // namespace

bool may_use(const mesh::state::KeyRecord& record, std::string_view model) {
    return record.models.empty() || std::ranges::find(record.models, model) != record.models.end();
}

Admission admit(mesh::limits::CounterTable& counters, const mesh::state::KeyTable& keys,
                const auth::Principal& who, const Ask& ask, WallTime now) {
    const mesh::state::KeyEntry* entry = keys.find(who.key_id);
    if (entry == nullptr || entry->record.revoked) {
        return {fail(ErrorCode::kInvalidKey, "the API key has just been revoked"), {}, nullptr};
    }
    if (!may_use(entry->record, ask.model)) {
        return {fail(ErrorCode::kModelNotAllowed,
                     "this key may not use this model; GET /v1/models lists those it may", "model"),
                {},
                nullptr};
    }
    if (!entry->slot) {
        return {fail(ErrorCode::kResourceExhausted,
                     "this node cannot count one more key; try another node or revoke unused keys"),
                {},
                nullptr};
    }
    const mesh::state::KeyLimits& limits = entry->record.limits;
    const Decision decision = counters.admit(*entry->slot, limits, {ask.requests, ask.tokens}, now);
    const request::RateState rate = rate_of(decision);
    if (!decision.admitted) return {refusal(decision, limits, ask), rate, nullptr};
    return {Permit(counters, decision.ticket), rate, &entry->record};
}

}  // namespace vidai::node::admit
