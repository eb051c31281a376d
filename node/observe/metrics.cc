// SPDX-License-Identifier: Apache-2.0
#include "node/observe/metrics.h"

#include <array>
#include <utility>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "node/observe/latency.h"
#include "node/observe/metric_table.h"
#include "node/observe/process_stats.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::observe {
namespace {

using Labels = std::vector<prometheus::ClientMetric::Label>;
using Workers = std::vector<const WorkerMetrics*>;

constexpr std::array<std::string_view, kOutcomeCount> kOutcomes = {
    "ok", "refused", "failed", "unreachable", "timeout", "interrupted", "invalid", "cancelled"};
constexpr std::array<std::string_view, kRefusalCount> kRefusals = {
    "request_limit",   "token_limit",       "concurrency_limit",  "overloaded",
    "unauthenticated", "model_not_allowed", "budget_exhausted",   "budget_unknown",
    "budget_deleted",  "budget_busy",       "budget_unavailable", "price_unknown",
    "cost_unbounded"};
constexpr std::array<std::string_view, 6> kClasses = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

// Upper bounds of the node's own histograms, in nanoseconds: 10 us to 5 min.
constexpr std::uint64_t kUs = 1'000, kMs = 1'000 * kUs, kS = 1'000 * kMs;
constexpr std::uint64_t kBounds[] = {
    10 * kUs,    25 * kUs, 50 * kUs, 100 * kUs, 250 * kUs, 500 * kUs, kMs,       2'500 * kUs,
    5 * kMs,     10 * kMs, 25 * kMs, 50 * kMs,  100 * kMs, 250 * kMs, 500 * kMs, kS,
    2'500 * kMs, 5 * kS,   10 * kS,  30 * kS,   60 * kS,   120 * kS,  300 * kS};

double seconds(std::uint64_t nanos) {
    return static_cast<double>(nanos) * 1e-9;
}

Labels target_labels(const Series& series) {
    return {{"model", series.alias}, {"provider", series.provider}};
}
Labels gen_ai_labels(const Series& series) {
    return {{"gen_ai_operation_name", "chat"},
            {"gen_ai_provider_name", series.provider},
            {"gen_ai_request_model", series.alias}};
}
Labels with(Labels labels, std::string name, std::string_view value) {
    labels.push_back({std::move(name), std::string(value)});
    return labels;
}

// One scrape: a family per row of the metric table, filled by summing over the workers.
class Scrape {
  public:
    explicit Scrape(const Workers& workers) : workers_(workers) {
        constexpr prometheus::MetricType kTypes[] = {prometheus::MetricType::Counter,
                                                     prometheus::MetricType::Gauge,
                                                     prometheus::MetricType::Histogram};
        for (const MetricInfo& info : metric_table()) {
            families_.push_back({std::string(info.name),
                                 std::string(info.help),
                                 kTypes[static_cast<std::size_t>(info.type)],
                                 {}});
        }
    }

    void value(Metric metric, double number, Labels labels = {}) {
        prometheus::ClientMetric sample;
        sample.label = std::move(labels);
        sample.counter.value = number;
        sample.gauge.value = number;  // the serializer picks by the family's type
        add(metric, std::move(sample));
    }

    // Sum of `read(worker)` over the workers.
    template <class Read>
    std::uint64_t sum(Read&& read) const {
        std::uint64_t total = 0;
        for (const WorkerMetrics* worker : workers_) total += read(*worker).get();
        return total;
    }
    template <class Read>
    void counter(Metric metric, Read&& read, Labels labels = {}) {
        value(metric, static_cast<double>(sum(read)), std::move(labels));
    }
    // A gauge kept by add and subtract: one worker's part may be behind another's, never below 0.
    template <class Read>
    void gauge(Metric metric, Read&& read) {
        const auto now = static_cast<std::int64_t>(sum(read));
        value(metric, static_cast<double>(now < 0 ? 0 : now));
    }

    template <class Read>
    void histogram(Metric metric, Read&& read, Labels labels) {
        HistogramSum sum;
        for (const WorkerMetrics* worker : workers_) read(*worker).add_to(sum);
        if (sum.count() == 0) return;
        prometheus::ClientMetric sample;
        sample.label = std::move(labels);
        for (const std::uint64_t bound : kBounds) {
            sample.histogram.bucket.push_back({sum.count_at_or_below(bound), seconds(bound)});
        }
        sample.histogram.sample_count = sum.count();
        sample.histogram.sample_sum = seconds(sum.sum());
        add(metric, std::move(sample));
    }

    // Bounds and sum times `unit`: 1e-9 for nanoseconds.
    template <std::size_t N, class Read>
    void fixed(Metric metric, const std::array<std::uint64_t, N>& bounds, double unit, Read&& read,
               Labels labels) {
        prometheus::ClientMetric sample;
        std::uint64_t seen = 0, total = 0;
        for (std::size_t i = 0; i <= N; ++i) {
            for (const WorkerMetrics* worker : workers_) seen += read(*worker).count(i);
            if (i == N) break;  // above all bounds: in the count only
            sample.histogram.bucket.push_back({seen, static_cast<double>(bounds[i]) * unit});
        }
        if (seen == 0) return;
        for (const WorkerMetrics* worker : workers_) total += read(*worker).sum();
        sample.label = std::move(labels);
        sample.histogram.sample_count = seen;
        sample.histogram.sample_sum = static_cast<double>(total) * unit;
        add(metric, std::move(sample));
    }

    std::vector<prometheus::MetricFamily> take() {
        std::erase_if(families_, [](const auto& family) { return family.metric.empty(); });
        return std::move(families_);
    }

  private:
    void add(Metric metric, prometheus::ClientMetric sample) {
        families_[static_cast<std::size_t>(metric)].metric.push_back(std::move(sample));
    }
    const Workers& workers_;
    std::vector<prometheus::MetricFamily> families_;
};

void fill_endpoints(Scrape& scrape) {
    for (std::size_t i = 0; i < request::kEndpointCount; ++i) {
        const Labels labels = {
            {"endpoint", std::string(request::endpoint_name(static_cast<request::Endpoint>(i)))}};
        for (std::size_t c = 0; c < kClasses.size(); ++c) {
            scrape.counter(
                Metric::kRequests,
                [&](const WorkerMetrics& w) -> auto& { return w.endpoints[i].status[c]; },
                with(labels, "code", kClasses[c]));
        }
        const auto histogram = [&](Metric metric, Histogram EndpointMetrics::* member) {
            scrape.histogram(
                metric, [&](const WorkerMetrics& w) -> auto& { return w.endpoints[i].*member; },
                labels);
        };
        histogram(Metric::kResponseStart, &EndpointMetrics::total);
        histogram(Metric::kUpstreamStart, &EndpointMetrics::upstream);
        histogram(Metric::kOverhead, &EndpointMetrics::overhead);
        histogram(Metric::kRequestDuration, &EndpointMetrics::duration);
    }
}

void fill_target(Scrape& scrape, std::size_t i, const Series& series) {
    const Labels labels = target_labels(series);
    const auto counter = [&](Metric metric, Counter TargetMetrics::* member, Labels with_labels) {
        scrape.counter(
            metric, [&](const WorkerMetrics& w) -> auto& { return w.targets[i].*member; },
            std::move(with_labels));
    };
    for (std::size_t o = 0; o < kOutcomeCount; ++o) {
        scrape.counter(
            Metric::kAttempts,
            [&](const WorkerMetrics& w) -> auto& { return w.targets[i].attempts[o]; },
            with(labels, "outcome", kOutcomes[o]));
    }
    counter(Metric::kTokens, &TargetMetrics::input_tokens, with(labels, "type", "input"));
    counter(Metric::kTokens, &TargetMetrics::cached_input_tokens,
            with(labels, "type", "cached_input"));
    counter(Metric::kTokens, &TargetMetrics::output_tokens, with(labels, "type", "output"));
    counter(Metric::kTokens, &TargetMetrics::reasoning_tokens, with(labels, "type", "reasoning"));
    counter(Metric::kUnpricedTokens, &TargetMetrics::unpriced_tokens, labels);
    counter(Metric::kEstimatedTokens, &TargetMetrics::estimated_tokens, labels);
    const std::uint64_t cost =
        scrape.sum([&](const WorkerMetrics& w) -> auto& { return w.targets[i].cost_micro_usd; });
    scrape.value(Metric::kCost, static_cast<double>(cost) / 1e6, labels);

    const Labels gen_ai = gen_ai_labels(series);
    scrape.fixed(
        Metric::kGenAiDuration, kDurationBounds, 1e-9,
        [&](const WorkerMetrics& w) -> auto& { return w.targets[i].duration; }, gen_ai);
    scrape.fixed(
        Metric::kGenAiFirstToken, kFirstTokenBounds, 1e-9,
        [&](const WorkerMetrics& w) -> auto& { return w.targets[i].first_token; }, gen_ai);
    scrape.fixed(
        Metric::kGenAiTokens, kTokenBounds, 1,
        [&](const WorkerMetrics& w) -> auto& { return w.targets[i].input_sizes; },
        with(gen_ai, "gen_ai_token_type", "input"));
    scrape.fixed(
        Metric::kGenAiTokens, kTokenBounds, 1,
        [&](const WorkerMetrics& w) -> auto& { return w.targets[i].output_sizes; },
        with(gen_ai, "gen_ai_token_type", "output"));
}

void fill_budgets(Scrape& scrape) {
    const auto counter = [&](Metric metric, Counter BudgetMetrics::* member, Labels labels = {}) {
        scrape.counter(
            metric, [&](const WorkerMetrics& w) -> auto& { return w.budgets.*member; },
            std::move(labels));
    };
    const auto dollars = [&](Metric metric, Counter BudgetMetrics::* member) {
        const std::uint64_t micro =
            scrape.sum([&](const WorkerMetrics& w) -> auto& { return w.budgets.*member; });
        scrape.value(metric, static_cast<double>(micro) / 1e6);
    };
    counter(Metric::kBudgetReservations, &BudgetMetrics::hot, {{"how", "hot"}});
    counter(Metric::kBudgetReservations, &BudgetMetrics::parked, {{"how", "parked"}});
    counter(Metric::kBudgetReservations, &BudgetMetrics::crowded, {{"how", "crowded"}});
    counter(Metric::kBudgetClamps, &BudgetMetrics::clamps);
    counter(Metric::kBudgetCuts, &BudgetMetrics::cuts);
    counter(Metric::kBudgetOverruns, &BudgetMetrics::overruns);
    counter(Metric::kBudgetWouldRefuse, &BudgetMetrics::would_exhausted, {{"reason", "exhausted"}});
    counter(Metric::kBudgetWouldRefuse, &BudgetMetrics::would_busy, {{"reason", "busy"}});
    counter(Metric::kBudgetWouldRefuse, &BudgetMetrics::would_unavailable,
            {{"reason", "unavailable"}});
    dollars(Metric::kBudgetReserved, &BudgetMetrics::reserved_micro_usd);
    dollars(Metric::kBudgetSpent, &BudgetMetrics::spent_micro_usd);
    scrape.gauge(Metric::kBudgetWaiting,
                 [](const WorkerMetrics& w) -> auto& { return w.budgets.waiting; });
    scrape.histogram(Metric::kBudgetWait,
                     [](const WorkerMetrics& w) -> auto& { return w.budgets.wait; }, {});
}

void fill_traffic(Scrape& scrape) {
    const auto counter = [&](Metric metric, Counter WorkerMetrics::* member, Labels labels = {}) {
        scrape.counter(
            metric, [&](const WorkerMetrics& w) -> auto& { return w.*member; }, std::move(labels));
    };
    for (std::size_t r = 0; r < kRefusalCount; ++r) {
        scrape.counter(Metric::kRefusals,
                       [&](const WorkerMetrics& w) -> auto& { return w.refusals[r]; },
                       {{"reason", std::string(kRefusals[r])}});
    }
    fill_budgets(scrape);
    counter(Metric::kRetries, &WorkerMetrics::retries);
    counter(Metric::kUpstreamConnections, &WorkerMetrics::upstream_connects, {{"kind", "new"}});
    counter(Metric::kUpstreamConnections, &WorkerMetrics::upstream_reuses, {{"kind", "reused"}});
    counter(Metric::kClientAccepts, &WorkerMetrics::client_accepts);
    counter(Metric::kClientMalformed, &WorkerMetrics::client_malformed);
    counter(Metric::kClientBytes, &WorkerMetrics::client_bytes_in, {{"direction", "in"}});
    counter(Metric::kClientBytes, &WorkerMetrics::client_bytes_out, {{"direction", "out"}});
    counter(Metric::kUpstreamBytes, &WorkerMetrics::upstream_bytes_in, {{"direction", "in"}});
    counter(Metric::kUpstreamBytes, &WorkerMetrics::upstream_bytes_out, {{"direction", "out"}});
    scrape.gauge(Metric::kClientConnections,
                 [](const WorkerMetrics& w) -> auto& { return w.client_connections; });
    scrape.gauge(Metric::kStreams, [](const WorkerMetrics& w) -> auto& { return w.streams; });
}

void fill_process(Scrape& scrape) {
    const ProcessStats stats = process_stats();
    scrape.value(Metric::kCpu, stats.cpu_seconds);
    scrape.value(Metric::kResidentBytes, static_cast<double>(stats.resident_bytes));
    scrape.value(Metric::kVirtualBytes, static_cast<double>(stats.virtual_bytes));
    scrape.value(Metric::kOpenFds, static_cast<double>(stats.open_fds));
    scrape.value(Metric::kMaxFds, static_cast<double>(stats.max_fds));
    scrape.value(Metric::kThreads, static_cast<double>(stats.threads));
    scrape.value(Metric::kStartTime, stats.start_time_seconds);
}

void fill_loops(Scrape& scrape, const Watchdog& watchdog) {
    for (const Watchdog::State& state : watchdog.states()) {
        const prometheus::ClientMetric::Label label{"loop", state.loop};
        scrape.value(Metric::kLoopStalls, static_cast<double>(state.stalls), {label});
        scrape.value(Metric::kLoopStalled, std::chrono::duration<double>(state.span).count(),
                     {label});
    }
}

prometheus::MetricFamily converted(const MetricFamily& from) {
    prometheus::MetricFamily family;
    family.name = from.name;
    family.help = from.help;
    constexpr prometheus::MetricType kTypes[] = {prometheus::MetricType::Counter,
                                                 prometheus::MetricType::Gauge,
                                                 prometheus::MetricType::Histogram};
    family.type = kTypes[static_cast<std::size_t>(from.kind)];
    for (const MetricSample& sample : from.samples) {
        prometheus::ClientMetric metric;
        for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
        metric.counter.value = sample.value;
        metric.gauge.value = sample.value;
        for (const auto& [bound, count] : sample.buckets) {
            metric.histogram.bucket.push_back({count, bound});
        }
        metric.histogram.sample_count = sample.count;
        metric.histogram.sample_sum = sample.value;
        family.metric.push_back(std::move(metric));
    }
    return family;
}

}  // namespace

struct Metrics::Impl : prometheus::Collectable {
    Impl(std::size_t count, BuildInfo what) : build(std::move(what)) {
        CHECK(count > 0);
        for (std::size_t i = 0; i < count; ++i) {
            owned.push_back(std::make_unique<WorkerMetrics>());
            workers.push_back(owned.back().get());
        }
    }

    std::vector<prometheus::MetricFamily> Collect() const override {
        Scrape scrape(workers);
        scrape.value(Metric::kBuildInfo, 1,
                     {{"version", build.version},
                      {"revision", build.revision},
                      {"build_type", build.build_type}});
        fill_endpoints(scrape);
        const std::vector<Series> all = series.list();
        for (std::size_t i = 0; i < all.size(); ++i) fill_target(scrape, i, all[i]);
        fill_traffic(scrape);
        if (log != nullptr) scrape.value(Metric::kLogDropped, static_cast<double>(log->dropped()));
        fill_process(scrape);
        if (watchdog != nullptr) fill_loops(scrape, *watchdog);
        std::vector<prometheus::MetricFamily> families = scrape.take();
        for (const FamilySource& source : sources) {
            for (const MetricFamily& family : source()) families.push_back(converted(family));
        }
        return families;
    }

    BuildInfo build;
    SeriesTable series;
    std::vector<std::unique_ptr<WorkerMetrics>> owned;
    Workers workers;
    const Log* log = nullptr;
    const Watchdog* watchdog = nullptr;
    std::vector<FamilySource> sources;
};

Metrics::Metrics(std::size_t workers, BuildInfo build)
    : impl_(std::make_unique<Impl>(workers, std::move(build))) {}
Metrics::~Metrics() = default;

WorkerMetrics& Metrics::worker(std::size_t index) {
    return *impl_->owned.at(index);
}
SeriesTable& Metrics::series() {
    return impl_->series;
}
void Metrics::watch(const Log& log) {
    impl_->log = &log;
}
void Metrics::watch(const Watchdog& watchdog) {
    impl_->watchdog = &watchdog;
}
void Metrics::add_source(FamilySource source) {
    impl_->sources.push_back(std::move(source));
}

std::string Metrics::prometheus_text() const {
    return prometheus::TextSerializer().Serialize(impl_->Collect());
}

std::string Metrics::latency_json() const {
    return observe::latency_json(impl_->workers);
}

}  // namespace vidai::node::observe
