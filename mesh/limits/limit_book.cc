// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/limit_book.h"

#include <algorithm>
#include <utility>

namespace vidai::mesh::limits {
namespace {

using state::KeyRecord;
using state::LimitRecord;
using state::ScopeField;

LimitKind kind_of(state::LimitUnit unit) {
    return static_cast<LimitKind>(unit);
}

constexpr ScopeField kKeyFields[] = {ScopeField::kKey, ScopeField::kUser, ScopeField::kTeam,
                                     ScopeField::kProject};

}  // namespace

void LimitBook::put(const LimitRecord& limit) {
    changed_ = true;
    if (limit.deleted) {
        limits_.erase(limit.id);
    } else {
        limits_.insert_or_assign(limit.id, limit);
    }
    index();
}

void LimitBook::index() {
    for (auto& values : by_field_) values.clear();
    general_.clear();
    numbers_.clear();
    for (auto at = limits_.cbegin(); at != limits_.cend(); ++at) {
        numbers_.emplace(at->first, static_cast<std::uint32_t>(numbers_.size()));
        const auto narrowest = std::ranges::find_if(
            kKeyFields, [&](ScopeField field) { return !at->second.scope[field].empty(); });
        if (narrowest == std::end(kKeyFields)) {
            general_.push_back(at);
        } else {
            const auto field = static_cast<std::size_t>(*narrowest);
            by_field_[field][at->second.scope[*narrowest]].push_back(at);
        }
    }
}

LimitBook::Chosen LimitBook::candidates(const KeyRecord& key) const {
    Chosen found;
    const auto take = [&](const Chosen& from) {
        std::ranges::copy_if(from, std::back_inserter(found), [&](const Place& at) {
            return state::concerns(at->second.scope, key);
        });
    };
    const std::string* const values[] = {&key.id.str(), &key.owner.user, &key.owner.team,
                                         &key.owner.project};
    for (std::size_t field = 0; field < by_field_.size(); ++field) {
        const auto at = by_field_[field].find(*values[field]);
        if (at != by_field_[field].end()) take(at->second);
    }
    take(general_);
    return found;
}

std::vector<state::AppliedLimit> LimitBook::apply(const KeyRecord& key) {
    std::vector<state::AppliedLimit> applied;
    for (const Place& at : candidates(key)) {
        const LimitRecord& limit = at->second;
        const KeyId counter = state::counter_of(limit, key);
        used_.insert(counter);
        const auto slot = counters_.bind(counter, kind_of(limit.unit), limit.amount, limit.span_s);
        applied.push_back({numbers_.at(at->first), slot ? std::optional(*slot) : std::nullopt});
        if (applied.size() > kLimitsPerKey) break;  // one more than any request may stand under
    }
    return applied;
}

void LimitBook::sweep(MonoTime now) {
    for (const KeyId& counter : kept_) {
        if (!used_.contains(counter)) counters_.release(counter, now);
    }
    kept_ = std::exchange(used_, {});
}

std::vector<const LimitRecord*> LimitBook::find(const std::string& name) const {
    std::vector<const LimitRecord*> found;
    for (const auto& [id, limit] : limits_) {
        if (id == name || limit.name == name) found.push_back(&limit);
    }
    return found;
}

std::size_t LimitBook::most(const std::vector<const LimitRecord*>& limits) {
    std::map<std::string, std::size_t> by_model;
    for (const LimitRecord* limit : limits) ++by_model[limit->scope[ScopeField::kModel]];
    const std::size_t any = by_model[""];
    std::size_t most = 0;
    for (const auto& [model, count] : by_model) most = std::max(most, model.empty() ? 0 : count);
    return any + most;
}

std::size_t LimitBook::most_for(const KeyRecord& key) const {
    std::vector<const LimitRecord*> limits;
    for (const Place& at : candidates(key)) limits.push_back(&at->second);
    return most(limits);
}

std::size_t LimitBook::most_for(const KeyRecord& key, const LimitRecord& besides) const {
    std::vector<const LimitRecord*> limits;
    for (const Place& at : candidates(key)) {
        if (at->first != besides.id) limits.push_back(&at->second);
    }
    if (state::concerns(besides.scope, key)) limits.push_back(&besides);
    return most(limits);
}

}  // namespace vidai::mesh::limits
