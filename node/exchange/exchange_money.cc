// SPDX-License-Identifier: Apache-2.0
// The money of a request: what it may cost is reserved in each hard budget of its key before a
// provider is called, again for an attempt after one that was lost, and as little as may be while
// an answer comes.
#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "node/dialect/openai_chat/cost.h"
#include "node/dialect/openai_chat/cut.h"
#include "node/exchange/exchange.h"
#include "node/http/chunked.h"
#include "node/meter/meter.h"
#include "node/request/estimate.h"

namespace vidai::node::exchange {

static_assert(meter::Exposure::kTargetsMax == route::kPlanMax);

// What it may cost at most, at each target that it may go to. Without a bound there is nothing to
// reserve: then it is refused, unless its budgets only watch.
Result<void> Exchange::expose(const mesh::state::KeyRecord& key) {
    std::array<const mesh::pricing::Price*, route::kPlanMax> prices{};
    const auto choices = plan_->choices();
    for (std::size_t i = 0; i < choices.size(); ++i) {
        prices[i] = &choices[i].target->prices.at(wall_);
    }
    Result<meter::Exposure> exposure = meter::Exposure::of(
        dialect::openai_chat::read_cost_facts(body_), std::span(prices).first(choices.size()));
    if (exposure) {
        exposure_ = std::make_unique<meter::Exposure>(*exposure);
    } else if (admit::binds(key, *rooms_.budgets)) {
        return fail(exposure.error());
    }
    return {};
}

// Of an attempt at the target chosen. Without a budget it is an estimate, for the key's spend.
MicroUsd Exchange::worst_case() const {
    if (exposure_ != nullptr) [[unlikely]]
        return exposure_->at(choice_);
    if (permit_->under_budgets()) return {};  // which only watch, and nobody knows
    return meter::cost(plan_choice().target->prices.at(wall_),
                       meter::reserved_usage(facts_.input_estimate, reserved_));
}

// Of an answer by the target chosen. Where nobody counted, hard budgets are charged all of it.
meter::Charge Exchange::charge(const request::Usage& usage) const {
    meter::Charge charge = meter::charge(*plan_choice().target, usage, wall_);
    if (exposure_ != nullptr) [[unlikely]] {
        charge.cost = exposure_->cost(choice_, usage);
        charge.tier = exposure_->tier(choice_, usage);
        charge.at_most = usage.estimated ? exposure_->at(choice_) : charge.cost;
    }
    return charge;
}

// Of a stream as far as it came; `whole`: to its end.
meter::Charge Exchange::stream_charge(bool whole) const {
    meter::Charge of_it = charge(stream_usage());
    if (exposure_ != nullptr) [[unlikely]] {
        of_it.at_most =
            exposure_->left_off(choice_, {.usage = stream_->usage(),
                                          .usage_final = whole || stream_->usage_final(),
                                          .content_bytes = stream_->content_bytes()});
    }
    return of_it;
}

// Of what is to be funded: first an attempt at any of the targets, then another at the next one.
MicroUsd Exchange::bound() const {
    if (exposure_ == nullptr) return {};
    return another_ ? exposure_->at(another_->choice) : exposure_->dearest();
}

// Where the whole bound cannot be had, the client has not bounded the output itself, and less of it
// is affordable and useful: that.
admit::Funding Exchange::reserve(const mesh::state::KeyRecord& key, admit::Patience patience) {
    constexpr int kTries = 3;  // others may take meanwhile what was there
    for (int i = 1;; ++i) {
        const MicroUsd worst = bound();
        admit::Funding funding =
            admit::fund(*permit_, key, worst, *rooms_.budgets, rooms_.cashier, patience);
        const bool may_clamp =
            exposure_ != nullptr && funding.reach && *funding.reach < worst && i < kTries;
        if (!may_clamp || !exposure_->clamp(*funding.reach)) return funding;
    }
}

Next Exchange::fund(const mesh::state::KeyRecord& key, admit::Patience patience) {
    const MicroUsd paid = permit_->reserved();  // for attempts that were lost
    admit::Funding funding = reserve(key, patience);
    observe::BudgetMetrics& metrics = rooms_.metrics.budgets;
    if (funding.step == admit::Funding::Step::kWait) {
        if (parked_ == MonoTime{}) {
            parked_ = std::max(now_, rooms_.mono_now());
            metrics.parked.add();
            metrics.waiting.add();
        }
        phase_ = Phase::kPark;
        return Next::kPark;
    }
    end_wait();
    if (funding.step == admit::Funding::Step::kRefused) {
        budget_ = std::move(funding.refusal);
        if (another_) {
            funding.error->message =
                "a provider failed and may charge for it all the same; for another attempt: " +
                funding.error->message;
        }
        return fail_with(*funding.error);
    }
    reserved_money_ = std::max(reserved_money_, permit_->reserved());
    if (funding.would_refuse) count_observed(*funding.would_refuse);
    if (!key.budgets.empty()) {
        if (waited_ == Duration::zero() && !another_) metrics.hot.add();
        metrics.reserved_micro_usd.add(
            static_cast<std::uint64_t>((permit_->reserved() - paid).value));
        const bool bounded = exposure_ != nullptr && exposure_->output_limit();
        if (bounded && !std::exchange(clamped_, true)) metrics.clamps.add();
    }
    if (!another_) return begin_call();
    const Another next = *std::exchange(another_, std::nullopt);
    return begin_attempt(next.choice, next.fresh);
}

void Exchange::count_observed(ErrorCode would_be) {
    observe::BudgetMetrics& metrics = rooms_.metrics.budgets;
    if (would_be == ErrorCode::kBudgetExhausted) return metrics.would_exhausted.add();
    (would_be == ErrorCode::kBudgetBusy ? metrics.would_busy : metrics.would_unavailable).add();
}

// The key may have been revoked meanwhile.
Next Exchange::resume(MonoTime now, admit::Patience patience) {
    now_ = now;
    const mesh::state::KeyEntry* const entry = rooms_.keys->find(principal_.key_id);
    if (entry == nullptr || entry->record.revoked) {
        end_wait();
        return fail_with({ErrorCode::kInvalidKey, "the API key has just been revoked", ""});
    }
    return fund(entry->record, patience);
}

// Whatever came of it. Not waiting: nothing.
void Exchange::end_wait() {
    if (parked_ == MonoTime{}) return;
    const MonoTime since = std::exchange(parked_, MonoTime{});
    const Duration wait = std::max(rooms_.mono_now() - since, Duration{1});
    waited_ += wait;
    rooms_.metrics.budgets.waiting.subtract();
    rooms_.metrics.budgets.wait.record(static_cast<std::uint64_t>(wait.count()));
}

// After one that failed. A provider may bill that too, so this one needs money of its own, and
// waits for it as the first one may have.
Next Exchange::begin_another(std::size_t choice, bool fresh) {
    another_ = Another{choice, fresh};
    if (permit_->covers(bound())) {
        another_.reset();
        return begin_attempt(choice, fresh);
    }
    permit_->conclude();
    return resume(now_, admit::Patience::kMayWait);
}

// The first usage of a stream says what went in, and that is final; what comes out may still be as
// much as the request allows.
void Exchange::shrink_reservation() {
    shrunk_ = true;
    if (exposure_ == nullptr) return;
    permit_->shrink(exposure_->at_most(choice_, *stream_->usage()));
}

// Whether more has come than what was reserved pays for. Counted low, so as to cut nobody short who
// keeps to the bound: as the provider counts where it does, else a token for each piece of content,
// or for as many bytes as the longest tokens have.
bool Exchange::passes_reserve() {
    if (stream_->usage_final()) return false;  // nothing more is generated that a cut would save
    if (stream_->content_bytes() > content_bytes_) {
        content_bytes_ = stream_->content_bytes();
        ++pieces_;
    }
    Tokens output{std::max(pieces_, content_bytes_ / request::kTokenBytesMax)};
    if (stream_->usage()) output = std::max(output, stream_->usage()->output());
    return exposure_->passed(choice_, output);
}

// The provider pays no regard to the bound of its output. The client is told what it would be told
// by one that does.
Next Exchange::cut_stream(std::string_view chunk) {
    rooms_.metrics.budgets.cuts.add();
    const route::Choice& choice = plan_choice();
    rooms_.log.write(observe::Event::kBudgetCut,
                     {{"request_id", id_.view()},
                      {"model", plan_->alias},
                      {"provider", runtime_.shared->providers[choice.target->provider].name},
                      {"target", choice.target->model},
                      {"reserved_micro_usd", permit_->reserved().value}},
                     choice.endpoint);
    attempt_ended(observe::Outcome::kOk);
    const meter::Charge charge = stream_charge(false);
    settle(charge, mesh::usage::Outcome::kCut);
    scratch_.held.clear();
    dialect::openai_chat::append_length_end(
        scratch_.held, chunk, facts_.choices,
        facts_.client_wants_usage ? std::optional(charge.usage) : std::nullopt);
    send_piece(scratch_.held);
    if (!http10_) out_ += http::kLastChunk;
    phase_ = Phase::kDone;
    return Next::kDone;
}

}  // namespace vidai::node::exchange
