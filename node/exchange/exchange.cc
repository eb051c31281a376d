// SPDX-License-Identifier: Apache-2.0
// The way in: from a request's bytes to the first provider call, or to an answer of our own.
#include "node/exchange/exchange.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "node/admit/admit.h"
#include "node/auth/auth.h"
#include "node/dialect/openai_chat/models.h"
#include "node/dialect/openai_chat/splice.h"
#include "node/meter/meter.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::exchange {
namespace {

using http::KnownField;

constexpr std::string_view kJson = "application/json";

ErrorCode not_ready_error(mesh::Service service) {
    if (mesh::fenced(service)) return ErrorCode::kFenced;
    const bool leaves = service == mesh::Service::kDraining || service == mesh::Service::kLeft;
    return leaves ? ErrorCode::kDraining : ErrorCode::kNotReady;
}

std::optional<observe::Refusal> refusal_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::kRequestLimit:
            return observe::Refusal::kRequestLimit;
        case ErrorCode::kTokenLimit:
            return observe::Refusal::kTokenLimit;
        case ErrorCode::kConcurrencyLimit:
            return observe::Refusal::kConcurrencyLimit;
        case ErrorCode::kOverloaded:
        case ErrorCode::kResourceExhausted:
            return observe::Refusal::kOverloaded;
        case ErrorCode::kMissingKey:
        case ErrorCode::kInvalidKey:
            return observe::Refusal::kUnauthenticated;
        case ErrorCode::kModelNotAllowed:
            return observe::Refusal::kModelNotAllowed;
        case ErrorCode::kBudgetExhausted:
            return observe::Refusal::kBudgetExhausted;
        case ErrorCode::kBudgetUnknown:
            return observe::Refusal::kBudgetUnknown;
        case ErrorCode::kBudgetDeleted:
            return observe::Refusal::kBudgetDeleted;
        case ErrorCode::kBudgetBusy:
            return observe::Refusal::kBudgetBusy;
        case ErrorCode::kBudgetUnavailable:
            return observe::Refusal::kBudgetUnavailable;
        case ErrorCode::kPriceUnknown:
            return observe::Refusal::kPriceUnknown;
        case ErrorCode::kCostUnbounded:
            return observe::Refusal::kCostUnbounded;
        default:
            return std::nullopt;
    }
}

}  // namespace

Exchange::Exchange(Rooms& rooms, LocalRuntime& runtime, Scratch& scratch, std::string& out)
    : rooms_(rooms), runtime_(runtime), scratch_(scratch), out_(out) {}

// Cut off in the midst of a call, the request is accounted for as if the client had left.
Exchange::~Exchange() {
    const bool under_way = phase_ != Phase::kStart && phase_ != Phase::kDone;
    if (under_way) give_up(now_);
    if (under_way || (started_ && !ended_)) finish(now_);
}

ReplyContext Exchange::context(MonoTime now) const {
    return {.request_id = id_.view(),
            .timing = timing_,
            .rate = rate_ ? &*rate_ : nullptr,
            .budget = budget_ ? &*budget_ : nullptr,
            .keep_alive = keep_alive_,
            .http10 = http10_,
            .head_only = head_only_,
            .now = now};
}

Next Exchange::begin(const http::RequestHead& head, std::string_view body, MonoTime received,
                     WallTime wall) {
    head_ = &head;
    body_ = body;
    now_ = received;
    wall_ = wall;
    timing_.received = received;
    keep_alive_ = head.keep_alive() && !rooms_.draining;
    http10_ = head.version_minor() == 0;
    head_only_ = head.method() == http::Method::kHead;
    id_ = respond::RequestId(head.get(KnownField::kXRequestId), rooms_.rng);

    const Result<const Route*> found = find_route(head.method(), head.path());
    if (!found) return fail_with(found.error());
    const Route& route = **found;
    endpoint_ = route.endpoint;
    if (route.access != Access::kPublic) {
        // Before the key: what this node knows of keys is of when it was put out.
        if (mesh::fenced(rooms_.service.load(std::memory_order_relaxed))) {
            return fail_with({ErrorCode::kFenced, {}, {}});
        }
        const Result<auth::Principal> who = auth::authenticate(
            *rooms_.keys, head.get(KnownField::kAuthorization), head.get(KnownField::kXApiKey));
        if (!who) return fail_with(who.error());
        principal_ = *who;
        known_principal_ = true;
        now_ = timing_.authenticated = rooms_.mono_now();
    }
    return route.access == Access::kGoverned ? begin_chat(body) : respond_local(route);
}

void Exchange::refuse(const Error& error, MonoTime received) {
    now_ = timing_.received = received;
    id_ = respond::RequestId({}, rooms_.rng);
    fail_with(error);
    keep_alive_ = false;
}

Next Exchange::respond_local(const Route& route) {
    if (route.handler == Handler::kModels) return respond_models();
    now_ = rooms_.mono_now();
    mesh::Service service = rooms_.service.load(std::memory_order_relaxed);
    if (rooms_.draining && !mesh::fenced(service)) service = mesh::Service::kDraining;
    const bool good = route.handler == Handler::kHealthz || service == mesh::Service::kServing;
    status_ = good ? 200 : 503;
    if (!good) error_ = not_ready_error(service);
    const std::string body =
        R"({"status":")" + std::string(good ? "ok" : mesh::service_name(service)) + R"("})";
    append_reply(out_, status_, kJson, {}, body, context(now_));
    phase_ = Phase::kDone;
    return Next::kDone;
}

Next Exchange::respond_models() {
    const mesh::state::KeyEntry* const entry = rooms_.keys->find(principal_.key_id);
    std::vector<dialect::openai_chat::ModelEntry> models;
    for (const route::Alias& alias : runtime_.shared->routes.aliases()) {
        if (entry == nullptr || !admit::may_use(entry->record, alias.name)) continue;
        const std::uint16_t first = alias.groups.front().front().provider;
        models.push_back(
            {alias.name, runtime_.shared->created, runtime_.shared->providers[first].name});
    }
    std::string body;
    dialect::openai_chat::append_models(body, models);
    now_ = rooms_.mono_now();
    status_ = 200;
    append_reply(out_, 200, kJson, {}, body, context(now_));
    phase_ = Phase::kDone;
    return Next::kDone;
}

Next Exchange::begin_chat(std::string_view body) {
    Result<request::ChatFacts> facts = rooms_.reader.read(body);
    if (!facts) return fail_with(facts.error());
    facts_ = *facts;

    const Tokens per_choice{facts_.max_output_tokens.value_or(kOutputReserve.value)};
    reserved_ = facts_.input_estimate + Tokens{per_choice.value * facts_.choices};
    admit::Admission admission = admit::admit(rooms_.counters, *rooms_.keys, principal_,
                                              {.model = facts_.model, .tokens = reserved_}, wall_);
    rate_ = admission.rate;
    if (!admission.permit) return fail_with(admission.permit.error());
    permit_.emplace(std::move(*admission.permit));

    Result<route::Plan> plan = runtime_.shared->routes.plan(facts_.model, rooms_.rng);
    if (!plan) return fail_with(plan.error());
    plan_ = *plan;
    if (!admission.key->budgets.empty()) [[unlikely]] {
        const Result<void> exposed = expose(*admission.key);
        if (!exposed) return fail_with(exposed.error());
    }
    return fund(*admission.key, admit::Patience::kMayWait);
}

// All that a call needs is there.
Next Exchange::begin_call() {
    now_ = timing_.admitted = rooms_.mono_now();
    std::array<std::uint16_t, route::kPlanMax> endpoints{};
    const auto choices = plan_->choices();
    for (std::size_t i = 0; i < choices.size(); ++i) endpoints[i] = choices[i].endpoint;
    attempts_.emplace(std::span(endpoints).first(choices.size()), plan_->attempts_max,
                      *runtime_.health);
    const Next next = begin_attempt(attempts_->first(now_), false);
    now_ = timing_.routed = rooms_.mono_now();
    return next;
}

Next Exchange::begin_attempt(std::size_t choice, bool fresh) {
    choice_ = choice;
    fresh_connection_ = fresh;
    attempt_started_ = now_;
    attempt_open_ = true;
    sent_ = false;
    upstream_status_ = 0;
    timing_.upstream_sent = timing_.upstream_first = MonoTime{};
    build_upstream_request(*plan_->choices()[choice].target);
    phase_ = Phase::kCall;
    return Next::kCall;
}

Next Exchange::fail_with(const Error& error) {
    now_ = std::max(now_, rooms_.mono_now());
    if (const auto reason = refusal_of(error.code)) rooms_.metrics.refused(*reason);
    settle_unanswered();
    if (append_error_reply(out_, error, context(now_))) keep_alive_ = false;
    error_ = error.code;
    status_ = error_status(error.code);
    phase_ = Phase::kDone;
    return Next::kDone;
}

void Exchange::finish(MonoTime now) {
    if (ended_) return;
    ended_ = true;
    const Duration upstream = timing_.upstream_first > timing_.upstream_sent
                                  ? timing_.upstream_first - timing_.upstream_sent
                                  : Duration{};
    if (!started_) {
        const bool answered = error_ != ErrorCode::kCancelled;
        if (answered) answered_ = now_;
        rooms_.metrics.response_started(endpoint_, answered ? static_cast<unsigned>(status_) : 0,
                                        now_ - timing_.received, upstream);
    }
    rooms_.metrics.response_finished(endpoint_, now - timing_.received);
    if (rooms_.log.requests_enabled()) log_done(now, upstream);
}

}  // namespace vidai::node::exchange
