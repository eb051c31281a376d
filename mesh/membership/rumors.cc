// SPDX-License-Identifier: Apache-2.0
#include "mesh/membership/rumors.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace vidai::mesh::membership {
namespace {

const NodeId& subject_of(const Rumor& rumor) {
    if (const auto* claim = std::get_if<ClaimRef>(&rumor)) return (*claim)->id;
    return std::get<Accusation>(rumor).subject;
}

bool makes_pointless(const Rumor& newer, const Rumor& queued) {
    if (subject_of(newer) != subject_of(queued)) return false;
    if (std::holds_alternative<ClaimRef>(newer)) return true;
    const auto* old = std::get_if<Accusation>(&queued);
    if (old == nullptr) return false;
    const auto& accusation = std::get<Accusation>(newer);
    return accusation.verdict == Status::kDead || accusation.accuser == old->accuser;
}

}  // namespace

void Rumors::forget(Level::iterator queued) {
    const auto found = about_.find(subject_of(queued->rumor));
    std::erase(found->second, queued);
    if (found->second.empty()) about_.erase(found);
    told_[queued->told].erase(queued);
    --size_;
}

void Rumors::add(Rumor rumor) {
    if (const auto known = about_.find(subject_of(rumor)); known != about_.end()) {
        for (const Level::iterator old : std::vector(known->second)) {
            if (makes_pointless(rumor, old->rumor)) forget(old);
        }
    }
    if (told_.empty()) told_.emplace_back();
    const NodeId subject = subject_of(rumor);
    told_[0].push_back({std::move(rumor), 0});
    about_[subject].push_back(std::prev(told_[0].end()));
    ++size_;
}

void Rumors::clear() {
    about_.clear();
    told_.clear();
    size_ = 0;
}

std::vector<Rumor> Rumors::take(std::size_t most, std::uint32_t transmissions) {
    std::vector<Rumor> out;
    std::vector<std::size_t> taken;  // of each level
    for (const Level& level : told_) {
        const std::size_t count = std::min(most - out.size(), level.size());
        auto end = std::next(level.begin(), static_cast<std::ptrdiff_t>(count));
        for (auto it = level.begin(); it != end; ++it) out.push_back(it->rumor);
        taken.push_back(count);
    }
    if (told_.size() < transmissions) told_.emplace_back();
    // The most told first, so that none goes up twice; and before those who are there, as they were
    // before them.
    for (std::size_t level = taken.size(); level-- > 0;) {
        auto end = std::next(told_[level].begin(), static_cast<std::ptrdiff_t>(taken[level]));
        for (auto it = told_[level].begin(); it != end;) {
            const auto queued = it++;
            if (level + 1 >= transmissions) {
                forget(queued);
            } else {
                ++queued->told;
            }
        }
        if (level + 1 >= transmissions) continue;
        told_[level + 1].splice(told_[level + 1].begin(), told_[level], told_[level].begin(), end);
    }
    // Told so often when more tellings were wanted.
    for (std::size_t level = transmissions; level < told_.size(); ++level) {
        while (!told_[level].empty()) forget(told_[level].begin());
    }
    while (!told_.empty() && told_.back().empty()) told_.pop_back();
    return out;
}

std::vector<Rumor> Rumors::take_once(std::size_t most, const May& may) {
    std::set<NodeId> held;
    for (const Level& level : told_) {
        for (const Queued& queued : level) {
            if (!std::holds_alternative<ClaimRef>(queued.rumor)) continue;
            if (!may(subject_of(queued.rumor))) held.insert(subject_of(queued.rumor));
        }
    }
    std::vector<Rumor> out;
    for (Level& level : told_) {
        for (auto it = level.begin(); it != level.end() && out.size() < most;) {
            const auto queued = it++;
            if (held.contains(subject_of(queued->rumor))) continue;
            out.push_back(queued->rumor);
            forget(queued);
        }
    }
    while (!told_.empty() && told_.back().empty()) told_.pop_back();
    return out;
}

}  // namespace vidai::mesh::membership
