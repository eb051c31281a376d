// SPDX-License-Identifier: Apache-2.0
// What governing costs per request, without HTTP: key look-up, key check, admission, money,
// routing, the retry decision. Run bin/admit_bench from the release preset.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "mesh/budget/asks.h"
#include "mesh/budget/budget_table.h"
#include "mesh/limits/counter_table.h"
#include "mesh/state/key_secret.h"
#include "mesh/state/key_table.h"
#include "node/admit/admit.h"
#include "node/admit/funding.h"
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
        admission.permit->fund({}, MicroUsd{90});
        admission.permit->sent(MicroUsd{90});
        admission.permit->settle(Tokens{200}, MicroUsd{20}, MicroUsd{20}, kNow);
    }
}

// 10^5 budgets in one table, of which one key stands under three.
struct Money {
    Money() {
        mesh::state::KeyRecord wanted;
        wanted.limits = kLimits;
        wanted.budgets = {BudgetId("team-777"), BudgetId("app-7"), BudgetId("organisation")};
        minted = mesh::state::make_key(wanted);
        counters.open(0);
        keys = KeyTable(std::vector<KeyEntry>{{minted.record, 0U}});
        std::vector<mesh::budget::BudgetEntry> entries;
        for (int i = 0; i < 100'000; ++i) entries.push_back(budget("team-" + std::to_string(i)));
        entries.push_back(budget("app-7"));
        entries.push_back(budget("organisation"));
        budgets = budgets.with(entries);
    }
    static mesh::budget::BudgetEntry budget(const std::string& id) {
        mesh::budget::BudgetEntry entry;
        entry.id = BudgetId(id);
        entry.account = std::make_shared<mesh::budget::Account>();
        entry.account->on_grant({std::int64_t{1} << 60});
        return entry;
    }
    MintedKey minted;
    KeyTable keys;
    CounterTable counters;
    mesh::budget::BudgetTable budgets;
    mesh::budget::Asks asks;
};

Money& money() {
    static Money made;
    return made;
}

// All limits and three nested budgets, in and out; with several threads all by the same key. Not
// inlined, so that callgrind can tell its instructions from those of the loop around it.
[[gnu::noinline]] void admitted_and_settled(Money& made, const auth::Principal& who) {
    auto admission = admit::admit(made.counters, made.keys, who, {"gpt-4o", Tokens{500}}, kNow);
    const auto funding = admit::fund(*admission.permit, *admission.key, MicroUsd{90}, made.budgets,
                                     made.asks, admit::Patience::kMayWait);
    benchmark::DoNotOptimize(funding.step);
    admission.permit->sent(MicroUsd{90});
    admission.permit->settle(Tokens{200}, MicroUsd{20}, MicroUsd{20}, kNow);
}

void admit_all_limits_three_budgets(benchmark::State& state) {
    Money& made = money();
    const auth::Principal who{*mesh::state::parse_key_id(made.minted.record.id.str())};
    for (auto _ : state) admitted_and_settled(made, who);
}

// The same one by one, for its percentiles; what reading the clock twice costs is in them.
void admit_all_limits_three_budgets_each(benchmark::State& state) {
    Money& made = money();
    const auth::Principal who{*mesh::state::parse_key_id(made.minted.record.id.str())};
    std::vector<std::int64_t> nanos;
    nanos.reserve(std::size_t{1} << 24U);
    for (auto _ : state) {
        const auto begun = std::chrono::steady_clock::now();
        admitted_and_settled(made, who);
        const auto took = std::chrono::steady_clock::now() - begun;
        if (nanos.size() < nanos.capacity()) {
            nanos.push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(took).count());
        }
    }
    std::ranges::sort(nanos);
    const auto at = [&](double share) {
        return static_cast<double>(
            nanos[static_cast<std::size_t>(share * static_cast<double>(nanos.size() - 1))]);
    };
    state.counters["p50_ns"] = at(0.5);
    state.counters["p99_ns"] = at(0.99);
    state.counters["p999_ns"] = at(0.999);
}

// What the mesh thread pays to say that one budget of 10^5 has changed.
void budget_table_one_changed(benchmark::State& state) {
    Money& made = money();
    const std::vector<mesh::budget::BudgetEntry> changed{*made.budgets.find("team-777")};
    for (auto _ : state) {
        const auto next =
            std::make_shared<const mesh::budget::BudgetTable>(made.budgets.with(changed));
        benchmark::DoNotOptimize(next);
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
BENCHMARK(admit_all_limits_three_budgets)->Threads(1)->Threads(2);
BENCHMARK(admit_all_limits_three_budgets_each);
BENCHMARK(budget_table_one_changed);
BENCHMARK(counters_admit)->Threads(1)->Threads(2);
BENCHMARK(plan_three_targets);
BENCHMARK(attempt_decided);

}  // namespace
}  // namespace vidai::node

BENCHMARK_MAIN();
