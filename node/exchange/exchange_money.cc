// SPDX-License-Identifier: Apache-2.0
// The money of a request: what it may cost is reserved in each hard budget of its key before a
// provider is called, again for an attempt after one that was lost, and as little as may be while
// an answer comes.
#include <algorithm>
#include <utility>

#include "node/exchange/exchange.h"
#include "node/meter/meter.h"

namespace vidai::node::exchange {

MicroUsd Exchange::worst_case(const route::Target& target) const {
    return meter::cost(target.prices.at(wall_),
                       meter::reserved_usage(facts_.input_estimate, reserved_));
}

Next Exchange::fund(const mesh::state::KeyRecord& key, admit::Patience patience) {
    admit::Funding funding =
        admit::fund(*permit_, key, dearest_, *rooms_.budgets, rooms_.cashier, patience);
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
        return fail_with(*funding.error);
    }
    reserved_money_ = permit_->reserved();
    if (!key.budgets.empty()) {
        if (parked_ == MonoTime{}) metrics.hot.add();
        metrics.reserved_micro_usd.add(static_cast<std::uint64_t>(reserved_money_.value));
    }
    return begin_call();
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
    if (parked_ == MonoTime{} || waited_ > Duration::zero()) return;
    waited_ = std::max(rooms_.mono_now() - parked_, Duration{1});
    rooms_.metrics.budgets.waiting.subtract();
    rooms_.metrics.budgets.wait.record(static_cast<std::uint64_t>(waited_.count()));
}

// After one that failed. A provider may bill that too, so this one needs money of its own.
Next Exchange::begin_another(std::size_t choice, bool fresh) {
    const MicroUsd before = permit_->reserved();
    if (!permit_->cover_another()) {
        return fail_with({ErrorCode::kBudgetBusy,
                          "a provider failed and may charge for it, and a budget of this key lacks "
                          "the money for another attempt; try again as retry-after says",
                          ""});
    }
    const MicroUsd more = permit_->reserved() - before;
    rooms_.metrics.budgets.reserved_micro_usd.add(static_cast<std::uint64_t>(more.value));
    reserved_money_ = std::max(reserved_money_, permit_->reserved());
    return begin_attempt(choice, fresh);
}

// The first usage of a stream says what went in, and that is final; what comes out may still be as
// much as the request allows.
void Exchange::shrink_reservation() {
    shrunk_ = true;
    request::Usage usage = *stream_->usage();
    const Tokens allowed = reserved_ - facts_.input_estimate;
    usage.output_visible += std::max(Tokens{}, allowed - usage.output());
    permit_->shrink(meter::cost(plan_choice().target->prices.at(wall_), usage));
}

}  // namespace vidai::node::exchange
