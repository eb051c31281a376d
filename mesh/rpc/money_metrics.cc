// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/money_metrics.h"

#include <cstdint>
#include <utility>

#include "mesh/budget/names.h"

namespace vidai::mesh::rpc {

namespace {

constexpr auto kCounter = MetricKind::kCounter;
constexpr auto kGauge = MetricKind::kGauge;

MetricSample plain(std::uint64_t value) {
    return {{}, static_cast<double>(value)};
}
MetricSample labelled(const char* label, const char* which, std::uint64_t value) {
    return {{{label, which}}, static_cast<double>(value)};
}

}  // namespace

std::vector<MetricFamily> money_metrics(const MoneyReport& money, std::uint64_t alerts,
                                        const Vault* vault) {
    const std::uint64_t all = money.begun ? budget::kBuckets : 0;
    return {
        {"vidai_budget_log_frozen",
         "1 while this node neither spends nor lends of any hard budget: its journal cannot be "
         "read or written, or is not what other nodes know.",
         kGauge,
         {plain(money.frozen.empty() ? 0 : 1)}},
        {"vidai_budget_buckets",
         "The parts of all hard budgets, 1024 once the mesh has any, by who owns them: this node, "
         "nobody that it has reached for 3 s, or another.",
         kGauge,
         {labelled("owner", "self", money.owned),
          labelled("owner", "other", all - money.owned - money.unowned),
          labelled("owner", "unreachable", money.unowned)}},
        {"vidai_budget_log_custodians",
         "Nodes that are to keep copies of this node's log of hard budgets, connected or away.",
         kGauge,
         {labelled("state", "connected", money.custodians - money.away.size()),
          labelled("state", "away", money.away.size())}},
        {"vidai_budget_alerts_total",
         "Thresholds of budgets that were reached, each once in a window, at the node that owns "
         "the "
         "budget.",
         kCounter,
         {plain(alerts)}},
        {"vidai_budget_journal_commits_total",
         "Commits to this node's journal of hard budgets, each synced to the disk.",
         kCounter,
         {plain(vault == nullptr ? 0 : vault->commits())}},
        {"vidai_budget_journal_bytes_total",
         "Bytes committed to this node's journal of hard budgets.",
         kCounter,
         {plain(vault == nullptr ? 0 : vault->bytes())}},
        {"vidai_budget_journal_size_bytes",
         "The size of this node's journal of hard budgets.",
         kGauge,
         {plain(vault == nullptr ? 0 : vault->size())}},
        {"vidai_budget_journal_rewrites_total",
         "How often the journal of hard budgets was written anew, without what nobody needs any "
         "more.",
         kCounter,
         {plain(vault == nullptr ? 0 : vault->rewrites())}},
    };
}

std::vector<MetricFamily> money_metric_catalogue() {
    std::vector<MetricFamily> families = money_metrics({}, 0, nullptr);
    for (MetricFamily& family : families) {
        for (const auto& [label, value] : family.samples.front().labels) {
            family.labels += (family.labels.empty() ? "" : ", ") + label;
        }
        family.samples.clear();
    }
    return families;
}

}  // namespace vidai::mesh::rpc
