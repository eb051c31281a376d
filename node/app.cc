// SPDX-License-Identifier: Apache-2.0
#include "node/app.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "mesh/mesh.h"
#include "mesh/pricing/rate_card.h"
#include "node/admin/pages.h"
#include "node/alerts.h"
#include "node/config/address.h"
#include "node/config/flags.h"
#include "node/config/load.h"
#include "node/config/prices.h"
#include "node/config/system.h"
#include "node/exchange/rooms.h"
#include "node/net/admin_server.h"
#include "node/net/clock.h"
#include "node/net/server.h"
#include "node/net/webhook.h"
#include "node/notices.h"
#include "node/observe/log.h"
#include "node/observe/metrics.h"
#include "node/observe/watchdog.h"
#include "node/pricer.h"
#include "node/version.h"
#include "schema/vocabulary/check.h"

namespace vidai::node {
namespace {

using observe::Event;

constexpr std::chrono::seconds kLeaveLimit{3};

// The routing table and providers as the rooms hold them, each target with its metric series, and
// with the price that the mesh has for it.
Result<std::shared_ptr<const exchange::Runtime>> make_runtime(
    config::Config config, observe::SeriesTable& series,
    const mesh::pricing::RateCard& applied = {}) {
    config::price_targets(config, applied);
    for (route::Alias& alias : config.route.aliases) {
        for (auto& group : alias.groups) {
            for (route::Target& target : group) {
                target.series = series.intern(alias.name, config.providers[target.provider].name);
            }
        }
    }
    const std::size_t providers = config.providers.size();
    Result<route::RouteTable> table = route::RouteTable::make(std::move(config.route), providers);
    if (!table) return fail(std::move(table).error());
    return std::make_shared<const exchange::Runtime>(std::move(*table), std::move(config.providers),
                                                     net::wall_now());
}

// Targets of which nobody knows what they cost just now.
std::size_t unpriced(const route::RouteTable& routes) {
    const WallTime now = net::wall_now();
    std::size_t count = 0;
    for (const route::Alias& alias : routes.aliases()) {
        for (const auto& group : alias.groups) {
            for (const route::Target& target : group) count += !target.prices.at(now).known;
        }
    }
    return count;
}

// "list prices, 2025-11-25", for a person who reads the log.
std::string card_title(const mesh::pricing::RateCard& card) {
    return card.name + (card.name.empty() || card.dated.empty() ? "" : ", ") + card.dated;
}

// Whole or not at all: whoever waits for the file reads it as soon as it is there.
Result<void> write_ports_file(const std::string& path, const std::string& text) {
    const std::string temporary = path + ".tmp";
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    const bool written =
        fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (fd >= 0) ::close(fd);
    if (!written || std::rename(temporary.c_str(), path.c_str()) != 0) {
        return fail(ErrorCode::kIo,
                    "cannot write the ports file " + path + ": " + std::strerror(errno),
                    "--ports-file");
    }
    return {};
}

// Before run() waits for it; at the cost of the signal, which does not come again.
bool end_is_asked() {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    constexpr timespec kNow{0, 0};
    return sigtimedwait(&ends, nullptr, &kNow) > 0;
}

}  // namespace

struct App::Impl {
    Impl(config::Flags given, config::Config loaded)
        : flags(std::move(given)),
          config(std::move(loaded)),
          log(config.log),
          metrics(net::worker_count(config.listen),
                  {std::string(kVersion), std::string(kRevision), std::string(kBuildType)}) {}

    Result<void> start();
    Result<void> start_admin();
    Result<void> start_webhook();
    void on_notice(const mesh::Notice& notice);
    void reload();
    void reprice();
    void show_own_card();
    void look_at_loops();
    std::string not_ready() const;  // for a person; empty: it is
    bool pause(std::chrono::milliseconds span, bool& stop);
    void drain(const char* cause, std::chrono::milliseconds grace, bool& stop);

    config::Flags flags;
    config::Config config;
    observe::Log log;
    observe::Metrics metrics;
    std::optional<net::Webhook> webhook;  // outlives the mesh, which speaks to it
    std::unique_ptr<mesh::Mesh> mesh;
    std::unique_ptr<net::Server> server;
    // What a request may cost is said by the configuration, of the main thread, and by the mesh, on
    // its own: whichever changes it, one at a time, and only while there is somebody to serve by
    // it.
    std::mutex pricing;
    bool serving = false;
    std::optional<observe::Watchdog> watchdog;
    std::unique_ptr<net::AdminServer> admin;
    const std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
    std::uint64_t cut = 0;  // connections still open when the drain was over
    std::atomic<bool> draining{false};
};

App::App(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

App::~App() {
    impl_->admin.reset();
    {
        const std::lock_guard lock(impl_->pricing);
        impl_->serving = false;
    }
    impl_->server.reset();
    impl_->mesh.reset();
    const auto uptime = std::chrono::steady_clock::now() - impl_->begun;
    impl_->log.write(
        Event::kNodeStopped,
        {{"uptime_seconds", std::chrono::duration_cast<std::chrono::seconds>(uptime).count()},
         {"cut", impl_->cut}});
}

Result<std::unique_ptr<App>> App::start(const config::Flags& flags) {
    Result<config::Config> config = config::load(config::system_sources(flags));
    if (!config) return fail(std::move(config).error());
    auto impl = std::make_unique<Impl>(flags, std::move(*config));
    Result<void> started = impl->start();
    if (!started && started.error().code == ErrorCode::kCancelled) {
        impl->log.write(Event::kNodeStopped, {{"cut", 0}});
        return fail(std::move(started).error());
    }
    if (!started) {
        const Error& why = started.error();
        const char* const about = config::is_option(why.param) ? "option" : "what";
        impl->log.write(Event::kNodeFailed, {{"error", why.message}, {about, why.param}});
        return fail(std::move(started).error());
    }
    return std::unique_ptr<App>(new App(std::move(impl)));
}

Result<void> App::Impl::start() {
    log.write(Event::kNodeStarting, {{"version", kVersion},
                                     {"revision", kRevision},
                                     {"build_type", kBuildType},
                                     {"pid", ::getpid()}});
    for (const std::string& warning : config.warnings) {
        log.write(Event::kConfigWarning, {{"warning", warning}});
    }
    if (flags.clock_offset.count() != 0) {
        log.write(
            Event::kConfigWarning,
            {{"warning", "--clock-offset shifts this node's time of day by " +
                             std::to_string(flags.clock_offset.count()) + "ms: it is for tests"}});
        config.mesh.clock = mesh::system_clock(flags.clock_offset);
        config.listen.clock_offset = flags.clock_offset;
    }
    auto runtime = make_runtime(config, metrics.series());
    if (!runtime) return fail(std::move(runtime).error());
    log.write(Event::kConfigLoaded, {{"file", flags.config_file},
                                     {"providers", (*runtime)->providers.size()},
                                     {"models", (*runtime)->routes.aliases().size()},
                                     {"card", card_title(*config.pricing.card)},
                                     {"unpriced", unpriced((*runtime)->routes)}});

    if (auto hooked = start_webhook(); !hooked) return hooked;
    config.mesh.program_version = kVersion;
    config.mesh.give_up = end_is_asked;
    auto joined =
        mesh::Mesh::start(config.mesh, [this](const mesh::Notice& notice) { on_notice(notice); });
    if (!joined) return fail(std::move(joined).error());
    mesh = std::move(*joined);
    metrics.watch(log);
    metrics.add_source([this] { return mesh->metrics(); });

    auto served = net::Server::start(config.listen, std::move(*runtime),
                                     {mesh->keys(), mesh->counters(), mesh->budgets(),
                                      mesh->cashier(), mesh->service(), mesh->usage()},
                                     metrics, log);
    if (!served) return fail(std::move(served).error());
    server = std::move(*served);
    show_own_card();
    {
        const std::lock_guard lock(pricing);
        serving = true;
        reprice();
    }
    std::vector<observe::Watchdog::Loop> loops = {{"mesh", &mesh->heartbeat()}};
    for (std::uint32_t i = 0; i < net::worker_count(config.listen); ++i) {
        loops.push_back({"worker-" + std::to_string(i), &metrics.worker(i).heart});
    }
    watchdog.emplace(std::move(loops), config.admin.stall_limit, net::mono_now());
    metrics.watch(*watchdog);
    if (Result<void> up = start_admin(); !up) return up;

    const std::string ports = "{\"client\":" + std::to_string(server->port()) +
                              ",\"mesh\":" + std::to_string(mesh->mesh_port()) +
                              ",\"admin\":" + std::to_string(admin->port()) + "}\n";
    if (!config.ports_file.empty()) {
        if (Result<void> written = write_ports_file(config.ports_file, ports); !written) {
            return written;
        }
    }
    mesh->join();
    log.write(Event::kNodeStarted, {{"node", mesh->self().str()},
                                    {"client_port", server->port()},
                                    {"mesh_port", mesh->mesh_port()},
                                    {"admin_port", admin->port()},
                                    {"workers", net::worker_count(config.listen)},
                                    {"tls", !config.listen.tls_cert_file.empty()}});
    return {};
}

Result<void> App::Impl::start_webhook() {
    if (config.budgets.webhook.empty()) return {};
    const auto url = config::parse_post_url(config.budgets.webhook.reveal());
    CHECK(url.has_value(), "a URL that was checked");
    net::WebhookOptions options;
    options.target = {url->host, url->port, url->path, nullptr};
    if (url->tls) {
        auto made = net::make_client_context(config.budgets.ca_file);
        if (!made) return fail(std::move(made).error());
        options.target.tls = std::move(*made);
    }
    webhook.emplace(std::move(options), [this, host = url->host](const std::string& given_up) {
        if (given_up.empty()) return;
        log.write(Event::kWebhookFailed, {{"webhook", host}, {"error", given_up}});
    });
    return {};
}

void App::Impl::on_notice(const mesh::Notice& notice) {
    if (notice.kind == mesh::Notice::Kind::kCardApplied) {
        const std::lock_guard lock(pricing);
        reprice();  // before anybody is told that this node has it in force
    }
    log_notice(log, notice);
    if (!webhook || !notice.threshold) return;
    const WallTime now = config.mesh.clock->wall_now();
    if (webhook->post(threshold_json(notice, now))) return;
    log.write(Event::kWebhookFailed, {{"error", "too many messages wait for it"}});
}

void App::Impl::look_at_loops() {
    for (const observe::Watchdog::Finding& found : watchdog->look(net::mono_now())) {
        log.write(
            Event::kLoopStalled,
            {{"loop", found.loop},
             {"span_ms", std::chrono::duration_cast<std::chrono::milliseconds>(found.span).count()},
             {"over", found.over}});
    }
}

Result<void> App::Impl::start_admin() {
    auto pages = std::make_shared<const admin::Pages>(
        admin::PageSources{.dead = [this] { return watchdog->dead(); },
                           .not_ready = [this] { return not_ready(); },
                           .metrics_text = [this] { return metrics.prometheus_text(); },
                           .latency_json = [this] { return metrics.latency_json(); },
                           .version_json =
                               [] {
                                   return "{\"version\":\"" + std::string(kVersion) +
                                          "\",\"revision\":\"" + std::string(kRevision) +
                                          "\",\"build_type\":\"" + std::string(kBuildType) +
                                          "\"}\n";
                               }},
        config.admin.address, config.admin.hosts);
    net::AdminServerOptions options;
    options.address = config.admin.address;
    options.port = config.admin.port;
    auto started = net::AdminServer::start(
        options, [pages](const request::AdminRequest& asked) { return pages->answer(asked); });
    if (!started) return fail(std::move(started).error());
    admin = std::move(*started);
    return {};
}

// Under the lock. With the mesh's card as it is now.
void App::Impl::reprice() {
    if (!serving) return;
    const auto applied = mesh->applied_card().load();
    auto runtime = make_runtime(config, metrics.series(), *applied);
    CHECK(runtime.has_value(), "a configuration that is in force");
    mesh->set_pricer(make_pricer(*runtime, config, applied));
    server->reprice(std::move(*runtime));
}

void App::Impl::show_own_card() {
    mesh->show_own_card({mesh::pricing::card_text(*config.pricing.card), config.pricing.card_file});
}

void App::Impl::reload() {
    const auto reject = [this](const Error& error) {
        log.write(Event::kConfigRejected, {{"error", error.message}, {"option", error.param}});
    };
    Result<config::Config> next = config::load(config::system_sources(flags));
    if (!next) return reject(next.error());
    Result<config::ReloadDiff> diff = config::diff(config, *next);
    if (!diff) return reject(diff.error());
    {
        const std::lock_guard lock(pricing);
        const auto applied = mesh->applied_card().load();
        auto runtime = make_runtime(*next, metrics.series(), *applied);
        if (!runtime) return reject(runtime.error());
        if (Result<void> taken = server->reload(*runtime); !taken) return reject(taken.error());
        mesh->set_pricer(make_pricer(std::move(*runtime), *next, applied));
        config = std::move(*next);
    }
    show_own_card();
    log.reconfigure(config.log);
    std::string changed;
    for (const std::string& path : diff->changed) {
        changed += (changed.empty() ? "" : ", ") + path;
    }
    log.write(Event::kConfigReloaded, {{"changed", changed}});
}

std::string App::Impl::not_ready() const {
    std::string why = mesh->not_ready();
    if (why.empty() && draining) why = "this node is draining";
    return why;
}

// Waits for `span` or a signal to end; true: one came. The first of them is remembered in `stop`.
bool App::Impl::pause(std::chrono::milliseconds span, bool& stop) {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    const timespec wait{span.count() / 1'000, span.count() % 1'000 * 1'000'000};
    if (sigtimedwait(&ends, nullptr, &wait) <= 0) return false;
    stop = true;
    return true;
}

// `grace`: how long connections are still taken after /readyz has begun to say no. A signal that
// comes when the process is to end anyway ends the drain at once.
void App::Impl::drain(const char* cause, std::chrono::milliseconds grace, bool& stop) {
    log.write(Event::kNodeDraining, {{"cause", cause},
                                     {"connections", server->open_connections()},
                                     {"limit_ms", config.listen.drain_timeout.count()}});
    draining = true;
    if (grace.count() > 0) (void)pause(grace, stop);
    server->begin_drain();
    const auto end = std::chrono::steady_clock::now() + config.listen.drain_timeout;
    while (server->open_connections() != 0 && std::chrono::steady_clock::now() < end) {
        const bool stopping = stop;
        if (pause(std::chrono::milliseconds(20), stop) && stopping) break;
    }
    cut = server->open_connections();
    mesh->leave(kLeaveLimit);
}

Result<config::Config> App::check(const config::Flags& flags) {
    Result<config::Config> config = config::load(config::system_sources(flags));
    if (!config) return config;
    observe::SeriesTable series;
    auto runtime = make_runtime(*config, series);
    if (!runtime) return fail(std::move(runtime).error());
    Result<void> listener = net::Server::check(config->listen, std::move(*runtime));
    if (!listener) return fail(std::move(listener).error());
    if (Result<void> joined = mesh::Mesh::check(config->mesh); !joined) {
        return fail(std::move(joined).error());
    }
    return config;
}

Result<void> App::run() {
    sigset_t waited;
    sigemptyset(&waited);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&waited, signal);
    constexpr timespec kLook{0, 100'000'000};
    bool stop = false, drained = false;
    int signal = 0;
    while (!stop) {
        signal = sigtimedwait(&waited, nullptr, &kLook);
        if (signal == SIGHUP) impl_->reload();
        stop = signal == SIGTERM || signal == SIGINT;
        if (std::string why = impl_->mesh->must_stop(); !why.empty()) {
            return fail(ErrorCode::kConflict, std::move(why), "mesh.node_id");
        }
        impl_->look_at_loops();
        const auto asked = impl_->mesh->drain_asked();
        if (drained || stop || !asked) continue;
        // Drained by an operator it stays, out of service: whoever restarts processes that end
        // must not bring it back.
        impl_->drain("operator", *asked, stop);
        drained = true;
    }
    if (!drained) impl_->drain(signal == SIGINT ? "SIGINT" : "SIGTERM", {}, stop);
    return {};
}

}  // namespace vidai::node
