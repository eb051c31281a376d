// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/usage.h"

#include <functional>
#include <string>
#include <utility>

#include "mesh/seal/keys.h"
#include "mesh/usage/archive.h"
#include "mesh/usage/reading.h"
#include "mesh/usage/report.h"
#include "mesh/usage/store.h"

namespace vidai::mesh::rpc {

namespace {

constexpr const char* kArchive = "usage";
constexpr std::size_t kWaitingMax = 32'768;  // drafts, of half a kilobyte each

constexpr auto kCounter = MetricKind::kCounter;
constexpr auto kGauge = MetricKind::kGauge;

using Tell = std::function<void(const Error&)>;

Result<std::unique_ptr<usage::Store>> open_store(const Startup& startup, const std::string& archive,
                                                 const Tell& tell) {
    if (!startup.ledger) return std::unexpected(startup.ledger.error());
    const MeshOptions& options = startup.options;
    const journal::Owner origin{startup.trust.mesh, startup.ledger->key->public_key()};
    const auto flat = usage::open_archive(archive, origin);
    if (!flat) return std::unexpected(flat.error());
    for (const usage::Unread& one : *flat) tell(one.why);
    return usage::Store::open(
        {.folder = usage::origin_folder(archive, origin.ledger),
         .origin = origin,
         .keep = {.bytes = options.usage_bytes_max, .age = options.usage_keep}},
        seal::system_random());
}

MetricSample plain(std::uint64_t value) {
    return {{}, static_cast<double>(value)};
}
MetricSample result(const char* which, std::uint64_t value) {
    return {{{"result", which}}, static_cast<double>(value)};
}

}  // namespace

std::unique_ptr<usage::Recorder> open_usage(const Startup& startup, const NoticeSink& sink) {
    const std::string folder = startup.data_dir.file(kArchive);
    const Tell tell = [sink, folder](const Error& why) {
        sink({Notice::Kind::kUsageFailed, folder, {}, why.message});
    };
    std::unique_ptr<usage::Store> store;
    if (auto opened = open_store(startup, folder, tell)) {
        store = std::move(*opened);
        if (const auto& damage = store->damage()) tell(*damage);
    } else {
        tell(opened.error());
    }
    return std::make_unique<usage::Recorder>(
        std::make_unique<usage::Writer>(std::move(store), tell),
        [clock = startup.options.clock]() { return clock->wall_now(); }, kWaitingMax);
}

Result<UsageSheet> sum_usage(const Startup& startup, usage::Recorder& recorder, usage::Query query,
                             const std::stop_token& stop) {
    if (!startup.ledger) return std::unexpected(startup.ledger.error());
    const journal::Owner origin{startup.trust.mesh, startup.ledger->key->public_key()};
    recorder.flush();
    UsageSheet out;
    out.node = startup.node;
    out.origin = seal::to_hex(origin.ledger.bytes);
    out.through = recorder.counts().synced;
    out.lost = recorder.counts().lost + recorder.counts().refused;
    usage::Report report(std::move(query));
    const auto failed = usage::read_folder(
        usage::origin_folder(startup.data_dir.file(kArchive), origin.ledger), origin,
        {.through = out.through},
        [&](const usage::Event& event) { report.add(origin.ledger, event); }, stop);
    for (const usage::Unread& one : failed) out.unreadable.push_back(one.why.message);
    out.sheet = report.sheet();
    return out;
}

Result<UsagePage> find_usage(const Startup& startup, usage::Recorder& recorder,
                             const usage::Search& search, const std::stop_token& stop) {
    if (!startup.ledger) return std::unexpected(startup.ledger.error());
    const journal::Owner origin{startup.trust.mesh, startup.ledger->key->public_key()};
    recorder.flush();
    UsagePage page;
    page.node = startup.node;
    page.origin = seal::to_hex(origin.ledger.bytes);
    std::stop_source enough;
    const std::stop_callback stopped(stop, [&]() { enough.request_stop(); });
    const auto take = [&](const usage::Event& event) {
        if (event.time < search.since || event.time >= search.until || page.next != 0) return;
        if (!search.request.empty() && event.request != search.request) return;
        if (page.events.size() < UsagePage::kEventsMax) {
            page.events.push_back(event);
        } else {
            page.next = event.number;
            enough.request_stop();
        }
    };
    const auto failed = usage::read_folder(
        usage::origin_folder(startup.data_dir.file(kArchive), origin.ledger), origin,
        {.from = search.from, .through = recorder.counts().synced}, take, enough.get_token());
    for (const usage::Unread& one : failed) page.unreadable.push_back(one.why.message);
    return page;
}

std::vector<MetricFamily> usage_metrics(const usage::Counts& counts) {
    return {
        {"vidai_usage_events_total",
         "Calls of providers to be recorded: written, which are synced; lost, which the disk did "
         "not take; refused, for which the queue had no room.",
         kCounter,
         {result("written", counts.written), result("lost", counts.lost),
          result("refused", counts.refused)}},
        {"vidai_usage_events_clamped_total",
         "Calls with something beyond the bounds of a record, which holds the nearest value "
         "instead.",
         kCounter,
         {plain(counts.clamped)}},
        {"vidai_usage_bytes",
         "Bytes of this node's files of usage.",
         kGauge,
         {plain(counts.bytes)}},
    };
}

std::vector<MetricFamily> usage_metric_catalogue() {
    std::vector<MetricFamily> families = usage_metrics(usage::Counts{});
    for (MetricFamily& family : families) {
        for (const auto& [label, value] : family.samples.front().labels) {
            family.labels += (family.labels.empty() ? "" : ", ") + label;
        }
        family.samples.clear();
    }
    return families;
}

}  // namespace vidai::mesh::rpc
