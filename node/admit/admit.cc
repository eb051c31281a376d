// SPDX-License-Identifier: Apache-2.0
#include "node/admit/admit.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace vidai::node::admit {
namespace {

using mesh::limits::Clause;
using mesh::limits::Decision;
using mesh::limits::kClausesMax;
using mesh::limits::LimitKind;
using mesh::limits::LimitState;
using mesh::state::KeyEntry;
using mesh::state::KeyTable;
using mesh::state::LimitRecord;

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

// The limits that a request stands under, the key's own first.
struct Standing {
    std::array<Clause, kClausesMax> clauses;
    // Of each the resource that it is; null: the key's own.
    std::array<const LimitRecord*, kClausesMax> resources;
    std::size_t count = 0;
    std::span<const Clause> all() const { return std::span(clauses).first(count); }
};

Result<void> find_standing(const KeyTable& keys, const KeyEntry& entry, std::string_view model,
                           Standing& found) {
    std::span<Clause, mesh::limits::kKeyClauses> own =
        std::span(found.clauses).first<mesh::limits::kKeyClauses>();
    found.count = mesh::limits::clauses_of(*entry.slot, entry.record.limits, own);
    std::fill_n(found.resources.begin(), found.count, nullptr);
    for (const mesh::state::AppliedLimit& applied : entry.limits) {
        const LimitRecord& limit = keys.limits()[applied.limit];
        const std::string& only = limit.scope[mesh::state::ScopeField::kModel];
        if (!only.empty() && only != model) continue;
        if (found.count == kClausesMax) {
            return fail(ErrorCode::kResourceExhausted,
                        "this key stands under more limits than a request is checked against");
        }
        if (!applied.slot) {
            return fail(ErrorCode::kResourceExhausted,
                        "this node has no counter left for the limit '" + limit.name + "'");
        }
        found.resources[found.count] = &limit;
        found.clauses[found.count++] = {
            *applied.slot, static_cast<LimitKind>(limit.unit),
            limit.fixed,   limit.mode == mesh::state::LimitMode::kFairShare,
            limit.amount,  limit.burst};
    }
    return {};
}

std::string window_text(std::uint32_t span_s) {
    if (span_s == 1) return "second";
    if (span_s == 60) return "minute";
    if (span_s == 3'600) return "hour";
    if (span_s == 86'400) return "day";
    return std::to_string(span_s) + " seconds";
}

std::unexpected<Error> refusal(const Decision& decision, const Standing& standing, const Ask& ask) {
    const LimitRecord* const resource = standing.resources[decision.clause];
    const std::string amount = std::to_string(standing.clauses[decision.clause].limit);
    const std::string who = resource == nullptr ? "this key" : "the limit '" + resource->name + "'";
    const std::string may = resource == nullptr ? " may have " : " allows ";
    const std::string per = " per " + window_text(resource == nullptr ? 60 : resource->span_s);
    const std::string wait = "; wait as long as retry-after says";
    switch (decision.refused_by) {
        case LimitKind::kConcurrency:
            return fail(ErrorCode::kConcurrencyLimit,
                        who + may + amount + " requests in flight at once; wait for one to end");
        case LimitKind::kRequests:
            return fail(ErrorCode::kRequestLimit,
                        who + (resource == nullptr ? " may make " : " allows ") + amount +
                            " requests" + per + (decision.too_fast ? ", and fewer at once" : "") +
                            wait);
        case LimitKind::kTokens:
            break;
    }
    const std::string asked = std::to_string(ask.tokens.value);
    if (!decision.retry_after) {
        const std::string most =
            decision.too_fast ? std::to_string(resource->burst) + " at once" : amount + per;
        return fail(ErrorCode::kTokenLimit, "this request may use " + asked +
                                                " tokens, more than the " + most + " that " + who +
                                                (resource == nullptr ? " has" : " allows") +
                                                "; shorten it or ask for fewer output tokens");
    }
    return fail(ErrorCode::kTokenLimit, who + (resource == nullptr ? " may use " : " allows ") +
                                            amount + " tokens" + per +
                                            " and this request may use " + asked + wait);
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
    Standing standing;
    if (auto found = find_standing(keys, *entry, ask.model, standing); !found) {
        return {fail(std::move(found).error()), {}, nullptr};
    }
    const Decision decision =
        counters.admit(*entry->slot, standing.all(), {ask.requests, ask.tokens}, now);
    const request::RateState rate = rate_of(decision);
    if (!decision.admitted) return {refusal(decision, standing, ask), rate, nullptr};
    return {Permit(counters, decision.ticket), rate, &entry->record};
}

}  // namespace vidai::node::admit
