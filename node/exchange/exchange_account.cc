// SPDX-License-Identifier: Apache-2.0
// What became of a request: who is charged what for it, and what the log says. The rule by which
// a call is charged is a table in docs/life-of-a-request.md.
#include <chrono>
#include <utility>

#include "mesh/usage/recorder.h"
#include "node/exchange/exchange.h"
#include "node/meter/meter.h"

namespace vidai::node::exchange {
namespace {

std::int64_t micros(Duration duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

request::Usage Exchange::stream_usage() const {
    if (stream_->usage()) return *stream_->usage();
    return meter::estimated_usage(facts_.input_estimate, stream_->content_bytes());
}

// This attempt ends with nothing to account by. The provider may have done the work all the same;
// of a stream that had not begun it is paid what went in.
void Exchange::lose_attempt() {
    if (!std::exchange(sent_, false)) return;
    const MicroUsd charged = permit_->lost();
    const bool no_answer_yet = facts_.stream && phase_ == Phase::kCall;
    const request::Usage usage = no_answer_yet
                                     ? meter::estimated_usage(facts_.input_estimate, 0)
                                     : meter::reserved_usage(facts_.input_estimate, reserved_);
    const meter::Charge lost = charge(usage);
    record(lost, charged, mesh::usage::Outcome::kUnknown);
    if (!owed_ || lost.dearer_than(*owed_)) owed_ = lost;
}

// Of the call under way, the last of this request.
void Exchange::settle(const meter::Charge& charge, mesh::usage::Outcome how) {
    record(charge, permit_->under_budgets() ? charge.at_most : MicroUsd{}, how);
    account(charge);
}

// One call of a provider leaves one event, whatever came of it and of the request.
void Exchange::record(const meter::Charge& charge, MicroUsd charged, mesh::usage::Outcome how) {
    const request::Usage& used = charge.usage;
    if (used.total().value == 0 && charge.cost.value == 0 && charged.value == 0) return;
    const mesh::state::KeyEntry* const entry = rooms_.keys->find(principal_.key_id);
    const route::Target& target = *plan_choice().target;
    mesh::usage::Draft draft;
    draft.holds = {rooms_.keys.share(), runtime_.shared};
    draft.time = wall_;
    draft.request_bytes =
        static_cast<std::uint8_t>(id_.view().copy(draft.request.data(), draft.request.size()));
    if (entry != nullptr) {
        draft.key = entry->record.id.str();
        draft.user = entry->record.owner.user;
        draft.team = entry->record.owner.team;
        draft.project = entry->record.owner.project;
    }
    draft.model = plan_->alias;
    draft.provider = runtime_.shared->providers[target.provider].name;
    draft.target = target.model;
    draft.endpoint = request::endpoint_name(endpoint_);
    draft.tokens = {.input = used.input_uncached,
                    .cached_input = used.cache_read,
                    .cache_write = used.cache_write,
                    .output = used.output_visible,
                    .reasoning = used.reasoning,
                    .audio_input = used.audio_input,
                    .audio_output = used.audio_output};
    draft.priced = charge.priced;
    draft.price_from = target.prices.since(wall_);
    draft.cost = charge.cost;
    draft.estimated = used.estimated;
    draft.charged = charged;
    draft.outcome = how;
    draft.tier = charge.tier;
    draft.ceiling = charge.ceiling;
    (void)rooms_.usage.record(std::move(draft));  // the recorder counts what it refuses
}

// The only place where a key is charged and where metrics and log learn of it.
void Exchange::account(const meter::Charge& charge) {
    const MicroUsd reserved = permit_->reserved();
    const MicroUsd spent =
        permit_->settle(charge.usage.total(), charge.cost, charge.at_most, wall_);
    permit_.reset();
    charged_money_ = spent;
    charged_ = charge;
    rooms_.metrics.budgets.spent_micro_usd.add(static_cast<std::uint64_t>(spent.value));
    if (spent > reserved) [[unlikely]]
        log_overrun(reserved, spent);
    sent_ = false;
    if (charge.usage.total().value == 0) return;
    rooms_.metrics.used(charge.series, charge.usage, charge.priced, charge.cost);
}

// No attempt answered. One that was sent and lost is paid; refusals cost nothing; and a permit of
// which nothing was ever sent gives all back.
void Exchange::settle_unanswered() {
    if (!permit_) return;
    if (owed_) return account(*owed_);
    if (permit_->may_be_billed()) return account({});
    permit_.reset();
}

// Whether a budget is charged as much when the call is dropped now as when it goes on to its worst
// end: then its usage, for which it goes on, can only be less.
bool Exchange::is_paid_in_full() const {
    if (exposure_ == nullptr || exposure_->at(choice_).value == 0) return false;
    if (phase_ != Phase::kStream) return sent_ || phase_ == Phase::kHold;
    if (stream_->usage_final()) return false;
    const MicroUsd worst =
        stream_->usage() ? exposure_->at_most(choice_, *stream_->usage()) : exposure_->at(choice_);
    return stream_charge(false).at_most >= worst;
}

// What was reserved was no bound of what the provider charged. The money is paid all the same.
void Exchange::log_overrun(MicroUsd reserved, MicroUsd spent) {
    rooms_.metrics.budgets.overruns.add();
    const route::Choice& choice = plan_choice();
    rooms_.log.write(observe::Event::kBudgetOverrun,
                     {{"request_id", id_.view()},
                      {"model", plan_->alias},
                      {"provider", runtime_.shared->providers[choice.target->provider].name},
                      {"target", choice.target->model},
                      {"reserved_micro_usd", reserved.value},
                      {"cost_micro_usd", spent.value}},
                     choice.endpoint);
}

void Exchange::attempt_ended(observe::Outcome outcome) {
    if (!std::exchange(attempt_open_, false)) return;
    if (phase_ == Phase::kStream) rooms_.metrics.streams.subtract();
    const Duration first = timing_.upstream_first > timing_.upstream_sent
                               ? timing_.upstream_first - timing_.upstream_sent
                               : Duration{};
    rooms_.metrics.attempt_done(plan_choice().target->series, outcome, now_ - attempt_started_,
                                first);
}

// Before the next attempt begins. Only when one has failed: the hot path logs nothing.
void Exchange::log_attempt(observe::Event event, std::string_view what, bool retried,
                           std::string_view detail) {
    const route::Choice& choice = plan_choice();
    const std::optional<int> status =
        upstream_status_ != 0 ? std::optional(upstream_status_) : std::nullopt;
    rooms_.log.write(event,
                     {{"request_id", id_.view()},
                      {"model", plan_->alias},
                      {"provider", runtime_.shared->providers[choice.target->provider].name},
                      {"target", choice.target->model},
                      {"attempt", attempts_->made() - (retried ? 1U : 0U)},
                      {"what", what},
                      {"error", detail},
                      {"status", status},
                      {"retried", retried}},
                     choice.endpoint);
}

std::string_view Exchange::outcome() const {
    if (!error_) return "ok";
    if (*error_ == ErrorCode::kCancelled) return "cancelled";
    return started_ ? "broken" : "error";
}

void Exchange::log_done(MonoTime now, Duration upstream) {
    const auto when = [](bool applies, auto value) {
        return applies ? std::optional(value) : std::nullopt;
    };
    const route::Target* const target = attempts_ ? plan_choice().target : nullptr;
    const bool charged = charged_.has_value();
    const meter::Charge charge = charged_.value_or(meter::Charge{});
    const bool priced = charged && charge.priced;
    rooms_.log.write(
        observe::Event::kRequestDone,
        {{"request_id", id_.view()},
         {"endpoint", request::endpoint_name(endpoint_)},
         {"status", status_},
         {"outcome", outcome()},
         {"error", error_ ? error_code_name(*error_) : std::string_view()},
         {"key", known_principal_ ? principal_.id() : std::string_view()},
         {"model", plan_ ? plan_->alias : std::string_view()},
         {"provider", target != nullptr
                          ? std::string_view(runtime_.shared->providers[target->provider].name)
                          : std::string_view()},
         {"target", target != nullptr ? std::string_view(target->model) : std::string_view()},
         {"attempts", when(attempts_.has_value(), attempts_ ? attempts_->made() : 0U)},
         {"total_us", when(answered_ != MonoTime{}, micros(answered_ - timing_.received))},
         {"upstream_us", when(upstream > Duration::zero(), micros(upstream))},
         {"duration_us", micros(now - timing_.received)},
         {"budget", budget_ ? std::string_view(budget_->budget) : std::string_view()},
         {"budget_wait_us", when(waited_ > Duration::zero(), micros(waited_))},
         {"reserved_micro_usd", when(reserved_money_.value > 0, reserved_money_.value)},
         {"charged_micro_usd", when(reserved_money_.value > 0, charged_money_.value)},
         {"input_tokens", when(charged, charge.usage.input().value)},
         {"output_tokens", when(charged, charge.usage.output().value)},
         {"estimated", when(charged && charge.usage.estimated, true)},
         {"cost_micro_usd", when(priced, charge.cost.value)}});
}

}  // namespace vidai::node::exchange
