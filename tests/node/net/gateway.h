// SPDX-License-Identifier: Apache-2.0
// A whole client listener on a free port in front of one provider, with one key: everything of a
// node but the mesh.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mesh/budget/asks.h"
#include "mesh/budget/budget_table.h"
#include "mesh/limits/counter_table.h"
#include "mesh/state/key_secret.h"
#include "mesh/state/key_table.h"
#include "node/net/clock.h"
#include "node/net/server.h"
#include "node/observe/log.h"
#include "node/observe/metrics.h"
#include "tests/mesh/usage/temporary_store.h"

namespace vidai::node::net {

struct Gateway {
    explicit Gateway(std::uint16_t provider_port, ListenOptions listen = {},
                     providers::Provider provider = {}, std::vector<BudgetId> under = {}) {
        mesh::state::KeyRecord wanted;
        wanted.budgets = std::move(under);
        wanted.limits.concurrency = 100;
        mesh::state::MintedKey made = mesh::state::make_key(wanted);
        secret = std::string(made.text.reveal());
        counters.open(0);
        std::vector<mesh::state::KeyEntry> entries{{made.record, 0U}};
        keys.publish(std::make_shared<const mesh::state::KeyTable>(std::move(entries)));

        listen.address = "127.0.0.1";
        listen.port = 0;
        listen.workers = 2;
        auto started = Server::start(listen, runtime(provider_port, std::move(provider)),
                                     mesh_side(), metrics, log);
        if (!started) throw std::runtime_error(started.error().message);
        server = std::move(*started);
    }

    static std::shared_ptr<const exchange::Runtime> runtime(std::uint16_t port,
                                                            providers::Provider provider = {}) {
        provider.name = "one";
        if (provider.host.empty()) {
            provider.host = "127.0.0.1";
            provider.tls = false;
        }
        provider.port = port;
        mesh::pricing::Price price;
        price.rates.input = {1'000'000};
        price.rates.output = {2'000'000};
        price.limits.output_max = {1'024};
        price.known = true;
        route::RouteOptions routes;
        routes.aliases = {
            {"fast", {{route::Target{0, "m", 1, {}, mesh::pricing::PriceHistory(price), 1}}}}};
        auto table = route::RouteTable::make(routes, 1);
        return std::make_shared<const exchange::Runtime>(
            std::move(*table), std::vector<providers::Provider>{provider}, wall_now());
    }

    MeshSide mesh_side() { return {keys, counters, budgets, asks, service, usage}; }

    std::string request(std::string_view body, std::string_view extra = "") const {
        return "POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer " + secret +
               "\r\n" + std::string(extra) + "content-length: " + std::to_string(body.size()) +
               "\r\n\r\n" + std::string(body);
    }
    std::uint16_t port() const { return server->port(); }
    std::uint64_t in_flight() const { return counters.use(0, wall_now()).in_flight; }

    std::string secret;
    Snapshot<mesh::state::KeyTable> keys{std::make_shared<const mesh::state::KeyTable>()};
    mesh::limits::CounterTable counters;
    Snapshot<mesh::budget::BudgetTable> budgets{
        std::make_shared<const mesh::budget::BudgetTable>()};
    mesh::budget::Asks asks;
    mesh::usage::TemporaryStore folder;
    mesh::usage::Recorder usage{
        std::make_unique<mesh::usage::Writer>(folder.open(), [](const Error&) {}), &wall_now,
        1'000};
    std::atomic<mesh::Service> service{mesh::Service::kServing};
    observe::Log log{observe::LogOptions{}};
    observe::Metrics metrics{2, {}};
    std::unique_ptr<Server> server;
};

inline constexpr std::string_view kBody =
    R"({"model":"fast","messages":[{"role":"user","content":"Say hello."}]})";
inline constexpr std::string_view kStreamBody =
    R"({"model":"fast","stream":true,"messages":[{"role":"user","content":"Say hello."}]})";
inline constexpr std::string_view kAnswer =
    R"({"choices":[{"index":0,"message":{"role":"assistant","content":"Hello."}}],)"
    R"("usage":{"prompt_tokens":11,"completion_tokens":3,"total_tokens":14}})";

}  // namespace vidai::node::net
