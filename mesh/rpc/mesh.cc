// SPDX-License-Identifier: Apache-2.0
// The door in mesh/mesh.h: starts and stops the mesh thread.
#include "mesh/mesh.h"

#include <algorithm>
#include <iterator>
#include <thread>
#include <utility>

#include <kj/async-io.h>
#include <pthread.h>

#include "mesh/rpc/mesh_thread.h"
#include "mesh/rpc/report.h"
#include "mesh/rpc/shared.h"
#include "mesh/rpc/startup.h"
#include "mesh/rpc/usage.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh {

namespace {

kj::Own<kj::ConnectionReceiver> listener(kj::AsyncIoContext& io, transport::OwnFd& socket) {
    using Io = kj::LowLevelAsyncIoProvider;
    if (!socket) return {};
    return io.lowLevelProvider->wrapListenSocketFd(
        socket.release(), Io::TAKE_OWNERSHIP | Io::ALREADY_CLOEXEC | Io::ALREADY_NONBLOCK);
}

}  // namespace

struct Mesh::Impl {
    Impl(rpc::Startup prepared, NoticeSink notices)
        : startup(std::move(prepared)),
          sink(std::move(notices)),
          port(startup.peers.port),
          usage(rpc::open_usage(startup, sink)) {
        shared.usage = usage.get();
    }

    void run() {
        ::pthread_setname_np(::pthread_self(), "mesh");
        auto io = kj::setupAsyncIo();
        rpc::MeshThread mesh(startup, shared, sink,
                             {io.provider->getNetwork(), io.provider->getTimer(),
                              seal::system_random(), io.lowLevelProvider.get(),
                              listener(io, startup.peers.fd), listener(io, startup.operators)});
        shared.started.open();
        mesh.stopped().wait(io.waitScope);
    }
    void command(rpc::Command what) {
        CHECK(shared.commands.push(rpc::Command(what)), "commands are few");
    }

    rpc::Startup startup;
    NoticeSink sink;
    const std::uint16_t port;
    const std::unique_ptr<usage::Recorder> usage;
    rpc::Shared shared{rpc::mesh_metric_catalogue()};
    std::thread thread;
};

Mesh::Mesh(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Mesh>> Mesh::start(const MeshOptions& options, NoticeSink sink) {
    if (!sink) sink = [](const Notice&) {};
    auto prepared = rpc::prepare(options, sink);
    if (!prepared) return fail(std::move(prepared).error());
    auto impl = std::make_unique<Impl>(std::move(*prepared), std::move(sink));
    impl->thread = std::thread([raw = impl.get()]() { raw->run(); });
    impl->shared.started.wait_for(std::chrono::hours(1));
    return std::unique_ptr<Mesh>(new Mesh(std::move(impl)));
}

Mesh::~Mesh() {
    impl_->command(rpc::Command::kStop);
    impl_->thread.join();
}

Result<void> Mesh::check(const MeshOptions& options) {
    return rpc::check(options);
}

void Mesh::join() {
    impl_->command(rpc::Command::kJoin);
    impl_->shared.joined.wait_for(std::chrono::hours(1));
}

void Mesh::leave(std::chrono::milliseconds deadline) {
    impl_->command(rpc::Command::kLeave);
    (void)impl_->shared.left.wait_for(deadline);
}

const NodeId& Mesh::self() const {
    return impl_->startup.node;
}
std::uint16_t Mesh::mesh_port() const {
    return impl_->port;
}
const std::string& Mesh::operator_socket() const {
    return impl_->startup.operator_socket;
}
const Snapshot<state::KeyTable>& Mesh::keys() const {
    return impl_->shared.keys;
}
const Snapshot<MeshView>& Mesh::view() const {
    return impl_->shared.view;
}
const Snapshot<budget::BudgetTable>& Mesh::budgets() const {
    return impl_->shared.budgets;
}

const Snapshot<pricing::RateCard>& Mesh::applied_card() const {
    return impl_->shared.applied_card;
}
void Mesh::set_pricer(usage::Pricer pricer) {
    impl_->shared.pricer.publish(std::make_shared<const usage::Pricer>(std::move(pricer)));
}
void Mesh::show_own_card(OwnCard card) {
    impl_->shared.own_card.publish(std::make_shared<const OwnCard>(std::move(card)));
}

budget::Cashier& Mesh::cashier() {
    return impl_->shared.asks;
}

usage::Recorder& Mesh::usage() {
    return *impl_->usage;
}

limits::CounterTable& Mesh::counters() {
    return impl_->shared.counters;
}
const Heartbeat& Mesh::heartbeat() const {
    return impl_->shared.heart;
}
std::string Mesh::must_stop() const {
    return *impl_->shared.must_stop.load();
}
const std::atomic<Service>& Mesh::service() const {
    return impl_->shared.service;
}
std::string Mesh::not_ready() const {
    return *impl_->shared.not_ready.load();
}
std::optional<std::chrono::milliseconds> Mesh::drain_asked() const {
    const std::int64_t grace = impl_->shared.drain_grace_ms.load();
    return grace < 0 ? std::nullopt : std::optional(std::chrono::milliseconds(grace));
}
std::vector<MetricFamily> Mesh::metrics() const {
    auto families = *impl_->shared.metrics.load();
    std::ranges::move(rpc::usage_metrics(impl_->usage->counts()), std::back_inserter(families));
    return families;
}
std::vector<MetricFamily> Mesh::metric_catalogue() {
    auto families = rpc::mesh_metric_catalogue();
    std::ranges::move(rpc::usage_metric_catalogue(), std::back_inserter(families));
    return families;
}

}  // namespace vidai::mesh
