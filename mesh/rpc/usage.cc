// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/usage.h"

#include <algorithm>
#include <functional>
#include <iterator>
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
    const std::string folder = usage_archive(startup);
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

std::string usage_archive(const Startup& startup) {
    return startup.data_dir.file(kArchive);
}

Result<UsageHoldings> own_usage(const Startup& startup, usage::Recorder& recorder) {
    if (!startup.ledger) return std::unexpected(startup.ledger.error());
    recorder.flush();
    const usage::Counts& counts = recorder.counts();
    UsageHoldings out;
    out.node = startup.node;
    out.origin = seal::to_hex(startup.ledger->key->public_key().bytes);
    const usage::Span own{counts.first, counts.synced};
    UsageHoldings::Holding& holding = out.holdings.emplace_back(out.origin, out.node);
    if (own.from <= own.through) holding.held.insert(own);
    out.settled = std::min<std::uint64_t>(counts.settled, own.through);
    // What has been synced since that was counted is in doubt, too.
    out.in_doubt =
        counts.in_doubt + (own.through - std::min(own.through, counts.settled_of.load()));
    out.lost = counts.lost + counts.refused;
    return out;
}

namespace {

// What is known to be there: of this node's own no number that may be given again.
usage::Span known(const seal::PublicKey& own, const seal::PublicKey& origin, usage::Span span,
                  const usage::Counts& counts) {
    if (origin == own) span.through = std::min<std::uint64_t>(span.through, counts.synced);
    return span;
}

std::unexpected<Error> no_origin(const std::string& origin) {
    return fail(ErrorCode::kInvalidRequest, "\"" + origin + "\" is not the key of a volume",
                "origin");
}

void count_unread(const std::vector<usage::Unread>& unread, usage::Counts& counts,
                  std::vector<std::string>& told) {
    std::uint64_t bytes = 0;
    for (const usage::Unread& one : unread) {
        bytes += one.bytes;
        told.push_back(one.why.message);
    }
    counts.damaged_files = unread.size();
    counts.passed_over = bytes;
}

}  // namespace

Result<UsageSheet> sum_usage(const Startup& startup, usage::Recorder& recorder, usage::Query query,
                             const std::stop_token& stop) {
    if (!startup.ledger) return std::unexpected(startup.ledger.error());
    const seal::PublicKey own = startup.ledger->key->public_key();
    recorder.flush();
    UsageSheet out;
    out.node = startup.node;
    out.origin = seal::to_hex(own.bytes);
    out.through = recorder.counts().synced;
    out.lost = recorder.counts().lost + recorder.counts().refused;
    if (query.parts.empty()) query.parts.push_back({out.origin, {}});
    const std::vector<usage::Part> parts = query.parts;
    usage::Report report(std::move(query));
    std::vector<usage::Unread> unread;
    for (const usage::Part& part : parts) {
        const auto origin = usage::parse_origin(part.origin);
        if (!origin) return no_origin(part.origin);
        auto failed = usage::read_folder(
            usage::origin_folder(usage_archive(startup), *origin), {startup.trust.mesh, *origin},
            known(own, *origin, part.span, recorder.counts()),
            [&](const usage::Event& event) { report.add(*origin, event); }, stop);
        std::ranges::move(failed, std::back_inserter(unread));
    }
    count_unread(unread, recorder.counts(), out.unreadable);
    out.sheet = report.sheet();
    return out;
}

Result<UsagePage> find_usage(const Startup& startup, usage::Recorder& recorder,
                             const usage::Search& search, const std::stop_token& stop) {
    if (!startup.ledger) return std::unexpected(startup.ledger.error());
    const seal::PublicKey own = startup.ledger->key->public_key();
    const auto origin = search.origin.empty() ? own : usage::parse_origin(search.origin);
    if (!origin) return no_origin(search.origin);
    recorder.flush();
    UsagePage page;
    page.node = startup.node;
    page.origin = seal::to_hex(origin->bytes);
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
    const auto unread = usage::read_folder(
        usage::origin_folder(usage_archive(startup), *origin), {startup.trust.mesh, *origin},
        known(own, *origin, {search.from, search.through}, recorder.counts()), take,
        enough.get_token());
    for (const usage::Unread& one : unread) page.unreadable.push_back(one.why.message);
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
        {"vidai_usage_in_doubt",
         "Recorded calls of this node that no other node is known to have a copy of: they are lost "
         "if its volume is.",
         kGauge,
         {plain(counts.in_doubt)}},
        {"vidai_usage_in_doubt_seconds",
         "For how long the first of these has been the same one.",
         kGauge,
         {{{}, static_cast<double>(counts.doubt_ms) / 1'000}}},
        {"vidai_usage_copies_bytes",
         "Bytes of this node's copies of others' files of usage.",
         kGauge,
         {plain(counts.copied)}},
        {"vidai_usage_copies_failed_total",
         "Batches of others' calls, or writes of them, that this node's disk did not take.",
         kCounter,
         {plain(counts.copies_lost)}},
        {"vidai_usage_files_dropped_unsettled_total",
         "Files deleted for lack of room or by age, of which no other node had all.",
         kCounter,
         {plain(counts.unsettled)}},
        {"vidai_usage_unreadable_bytes",
         "Bytes of damaged files of usage that the last report passed over.",
         kGauge,
         {plain(counts.passed_over)}},
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
