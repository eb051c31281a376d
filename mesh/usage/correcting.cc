// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/correcting.h"

namespace vidai::mesh::usage {

Judge by_bills(const std::vector<Bill>& bills) {
    std::map<std::uint64_t, MicroUsd> costs;
    for (const Bill& bill : bills) costs[bill.number] = bill.cost;
    return [costs = std::move(costs)](const Event& event) -> std::optional<Worth> {
        const auto found = costs.find(event.number);
        if (found == costs.end()) return std::nullopt;
        return Worth{.cost = found->second, .billed = true};
    };
}

void Correcting::look(const Event& event) {
    if (event.adjusts == 0 || !of_that_time(event)) return;
    Known& known = known_[event.adjusts];
    known.sum += event.cost;
    known.priced |= event.priced;
    known.billed |= event.billed;
}

void Correcting::correct(const Event& event) {
    if (event.adjusts != 0 || !of_that_time(event)) return;
    ++sums_.looked;
    const auto found = known_.find(event.number);
    const Known known = found == known_.end() ? Known{} : found->second;
    const MicroUsd cost = (event.priced ? event.cost : MicroUsd{}) + known.sum;
    const bool priced = event.priced || known.priced;
    sums_.before += cost;
    sums_.after += cost;
    const std::optional<Worth> worth = judge_(event);
    if (!worth) {
        if (!priced) ++sums_.unpriced;
        return;
    }
    const MicroUsd difference = worth->cost - cost;
    if (difference.value == 0 && priced) return;
    if (known.billed && !worth->billed) {
        ++sums_.billed;
        return;
    }
    if (made_.size() >= kCorrectedMax) {
        sums_.more = true;
        return;
    }
    ++sums_.corrected;
    sums_.after += difference;
    Event& one = made_.emplace_back(event);
    one.number = 0;
    one.adjusts = event.number;
    one.tokens = {};
    one.charged = {};
    one.cost = difference;
    one.priced = !priced;
    one.price_from = worth->price_from;
    one.billed = worth->billed;
    one.ceiling |= !priced && worth->ceiling;
    auto key = std::pair(event.callee.provider, event.callee.target);
    if (sums_.rows.size() >= kCorrectedRowsMax && !sums_.rows.contains(key)) key = {};
    Corrected::Row& row = sums_.rows[std::move(key)];
    ++row.corrected;
    row.before += cost;
    row.after += worth->cost;
}

}  // namespace vidai::mesh::usage
