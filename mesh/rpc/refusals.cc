// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/refusals.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "mesh/seal/refusal.h"
#include "mesh/seeds/seed_names.h"

namespace vidai::mesh::rpc {

const std::vector<std::string_view>& Refusals::reasons() {
    static const std::vector<std::string_view> all = []() {
        std::vector<std::string_view> names;
        for (int i = 0; i < seal::kRefusalCount; ++i) {
            names.push_back(seal::refusal_name(static_cast<seal::Refusal>(i)));
        }
        for (const std::string_view own :
             {"late", "slots", "address_slots", "address_rate", "operator_slots", "same_node_id",
              "key_conflict", "frame", "unfinished", "token_expired", "token_pattern",
              "expired_session", "root_fork", "closed", "broken", "http", seeds::kSeedUnresolved,
              "other"}) {
            names.push_back(own);
        }
        return names;
    }();
    return all;
}

namespace {

std::int64_t minute_of(MonoTime now) {
    return std::chrono::floor<std::chrono::minutes>(now.time_since_epoch()).count();
}

}  // namespace

Refusals::Refusals() {
    for (const std::string_view reason : reasons()) rows_.emplace(reason, Row{});
}

std::optional<std::uint64_t> Refusals::count(std::string_view reason, std::string_view who,
                                             MonoTime now) {
    auto found = rows_.find(reason);
    if (found == rows_.end()) found = rows_.find("other");
    Row& row = found->second;
    ++row.total;
    const std::int64_t minute = minute_of(now);
    if (minute - row.minute >= static_cast<std::int64_t>(kMinutes)) row.by_minute.fill(0);
    for (; row.minute < minute && minute - row.minute < static_cast<std::int64_t>(kMinutes);) {
        row.by_minute[static_cast<std::size_t>(++row.minute) % kMinutes] = 0;
    }
    row.minute = minute;
    ++row.by_minute[static_cast<std::size_t>(minute) % kMinutes];
    row.last = who;
    if (row.told && now - *row.told < kQuiet) {
        ++row.untold;
        return std::nullopt;
    }
    row.told = now;
    return std::exchange(row.untold, 0);
}

std::vector<Refusals::Untold> Refusals::overdue(MonoTime now) {
    std::vector<Untold> due;
    for (auto& [reason, row] : rows_) {
        if (row.untold == 0 || now - *row.told < kQuiet) continue;
        row.told = now;
        due.push_back({reason, std::exchange(row.untold, 0), row.last});
    }
    return due;
}

std::vector<RefusalReport> Refusals::lately(MonoTime now) const {
    std::vector<RefusalReport> found;
    const std::int64_t oldest = minute_of(now) - static_cast<std::int64_t>(kMinutes) + 1;
    for (const auto& [reason, row] : rows_) {
        RefusalReport report{std::string(reason), 0, row.last};
        for (std::int64_t minute =
                 std::max(oldest, row.minute - static_cast<std::int64_t>(kMinutes) + 1);
             minute <= row.minute; ++minute) {
            if (minute >= 0)
                report.count += row.by_minute[static_cast<std::size_t>(minute) % kMinutes];
        }
        if (report.count > 0) found.push_back(std::move(report));
    }
    std::ranges::stable_sort(found, std::greater<>(), &RefusalReport::count);
    return found;
}

std::uint64_t Refusals::total(std::string_view reason) const {
    const auto found = rows_.find(reason);
    return found == rows_.end() ? 0 : found->second.total;
}

}  // namespace vidai::mesh::rpc
