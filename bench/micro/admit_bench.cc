// SPDX-License-Identifier: Apache-2.0
// What governing costs per request, without HTTP: key look-up, key check, admission, routing, the
// retry decision. Run bin/admit_bench from the release preset.
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "mesh/limits/counter_table.h"
#include "mesh/state/key_secret.h"
#include "mesh/state/key_table.h"
#include "node/admit/admit.h"
#include "node/auth/auth.h"
#include "node/route/route_table.h"
#include "node/upstream/attempts.h"

namespace vidai::node {
namespace {

using mesh::limits::CounterTable;
using mesh::state::KeyEntry;
using mesh::state::KeyLimits;
using mesh::state::KeyTable;
using mesh::state::MintedKey;

constexpr WallTime kNow{std::chrono::minutes(30'000'000)};
constexpr KeyLimits kLimits{4'000'000'000, 200'000'000'000, 1'000};

struct Fixture {
    Fixture() {
        mesh::state::KeyRecord wanted;
        wanted.limits = kLimits;
        std::vector<KeyEntry> entries;
        for (std::uint32_t slot = 0; slot < 10'000; ++slot) {
            minted.push_back(mesh::state::make_key(wanted));
            entries.push_back({minted.back().record, slot});
            counters.open(slot);
        }
        keys = KeyTable(std::move(entries));
    }
    std::vector<MintedKey> minted;
    KeyTable keys;
    CounterTable counters;
};

Fixture& fixture() {
    static Fixture made;
    return made;
}

void key_find(benchmark::State& state) {
    const Fixture& made = fixture();
    std::vector<mesh::state::KeyIdChars> ids;
    for (const MintedKey& key : made.minted) {
        ids.push_back(*mesh::state::parse_key_id(key.record.id.str()));
    }
    std::size_t at = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(made.keys.find(ids[at]));
        at = at + 1 == ids.size() ? 0 : at + 1;
    }
}

void authenticate(benchmark::State& state) {
    const Fixture& made = fixture();
    const std::string header = "Bearer " + std::string(made.minted[7].text.reveal());
    for (auto _ : state) {
        const auto who = auth::authenticate(made.keys, header, "");
        benchmark::DoNotOptimize(who);
    }
}

void admit_all_limits(benchmark::State& state) {
    Fixture& made = fixture();
    const auth::Principal who{*mesh::state::parse_key_id(made.minted[7].record.id.str())};
    const admit::Ask ask{"gpt-4o", Tokens{500}};
    for (auto _ : state) {
        auto admission = admit::admit(made.counters, made.keys, who, ask, kNow);
        admission.permit->sent(MicroUsd{90});
        admission.permit->settle(Tokens{200}, MicroUsd{20}, kNow);
    }
}

// The counters alone; with several threads all charge one key.
void counters_admit(benchmark::State& state) {
    CounterTable& counters = fixture().counters;
    for (auto _ : state) {
        const auto decision = counters.admit(9, kLimits, {1, Tokens{10}}, kNow);
        counters.settle(decision.ticket, Tokens{10}, kNow);
    }
}

void plan_three_targets(benchmark::State& state) {
    route::RouteOptions options;
    for (int i = 0; i < 50; ++i) {
        route::Target target;
        target.model = "m";
        options.aliases.push_back({"gpt-" + std::to_string(i), {{target, target}, {target}}});
    }
    const auto routes = route::RouteTable::make(std::move(options), 1);
    Rng rng(1);
    for (auto _ : state) {
        const auto plan = routes->plan("gpt-33", rng);
        benchmark::DoNotOptimize(plan);
    }
}

void attempt_decided(benchmark::State& state) {
    constexpr std::array<std::uint16_t, 2> kEndpoints{0, 1};
    upstream::Health health(2);
    for (auto _ : state) {
        upstream::Attempts attempts(kEndpoints, 3, health);
        benchmark::DoNotOptimize(attempts.first(MonoTime{}));
        const auto verdict = attempts.next({.status = 200}, MonoTime{});
        benchmark::DoNotOptimize(verdict);
    }
}

BENCHMARK(key_find);
BENCHMARK(authenticate);
BENCHMARK(admit_all_limits);
BENCHMARK(counters_admit)->Threads(1)->Threads(2);
BENCHMARK(plan_three_targets);
BENCHMARK(attempt_decided);

}  // namespace
}  // namespace vidai::node

BENCHMARK_MAIN();
