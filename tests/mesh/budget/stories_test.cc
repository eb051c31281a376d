// SPDX-License-Identifier: Apache-2.0
// Random stories of banks.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include "tests/mesh/budget/bank_mesh.h"

namespace vidai::mesh::budget {
namespace {

const BudgetId kTeamBudget("team-a");
const BudgetWindow kMoney{kTeamBudget, 0};

// Everything that may go wrong, in any order, and then nothing more: no seed overspends, and what
// crashes have not stranded can be spent.
class BankStories : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(BankStories, NeverOverspend) {
    constexpr std::int64_t kLimit = 20'000;
    Rng rng(GetParam());
    const std::size_t nodes = 1 + rng.below(5);
    const Duration delay = 1ms + std::chrono::milliseconds(rng.below(20));
    const Duration sync = 1ms + std::chrono::milliseconds(rng.below(20));
    const int lost = static_cast<int>(rng.below(20));
    constexpr std::array<std::uint64_t, 3> kLogBytes{16U << 20, 20'000, 3'000};
    BankMesh mesh(nodes, {delay, sync, lost, kLogBytes[GetParam() % 3]}, GetParam());
    for (std::size_t i = 0; i < nodes; ++i) mesh.start(i);
    mesh.run(std::chrono::milliseconds(rng.below(20'000)));
    ASSERT_TRUE(
        mesh.run_until([&]() { return mesh.define(rng.below(nodes), kTeamBudget, kLimit); }, 60s));
    for (int step = 0; step < 400; ++step) {
        const std::size_t i = rng.below(nodes), j = rng.below(nodes);
        switch (rng.below(40)) {
            case 0:
                if (mesh.up(i)) mesh.crash(i);
                break;
            case 1:
            case 2:
                if (!mesh.up(i)) mesh.start(i);
                break;
            case 3:
                if (i != j) mesh.cut(i, j);
                break;
            case 4:
                mesh.heal();
                break;
            case 5:
                if (mesh.up(i) && i != j) mesh.bank(i).on_dead(mesh.key(j), mesh.now);
                break;
            case 6:
                mesh.declare_dead_if_down();
                mesh.run(std::chrono::milliseconds(rng.below(8'000)));
                break;
            case 7:
                mesh.compact(i);
                break;
            default:
                (void)mesh.try_spend(i, kMoney, {1 + static_cast<std::int64_t>(rng.below(60))});
                mesh.run(std::chrono::milliseconds(rng.below(40)));
                break;
        }
        ASSERT_LE(mesh.billed(kMoney).value, kLimit) << "step " << step;
    }
    mesh.heal();
    for (std::size_t i = 0; i < nodes; ++i) {
        if (!mesh.up(i)) mesh.start(i);
    }
    mesh.run(20s);
    int refused = 0;
    while (refused < 3 * static_cast<int>(nodes)) {
        refused = mesh.spend(rng.below(nodes), kMoney, {50}) ? 0 : refused + 1;
    }
    EXPECT_LE(mesh.billed(kMoney).value, kLimit);
    std::string nodes_are;
    for (std::size_t i = 0; i < nodes; ++i) nodes_are += mesh.describe(i, kMoney);
    EXPECT_GE(mesh.billed(kMoney).value, kLimit / 4) << "stranded, or stuck\n" << nodes_are;
}

// More with VIDAI_BANK_STORIES=N.
std::uint64_t stories() {
    const char* const wanted = std::getenv("VIDAI_BANK_STORIES");
    return wanted == nullptr ? 100 : std::strtoull(wanted, nullptr, 10);
}
INSTANTIATE_TEST_SUITE_P(Seeds, BankStories, ::testing::Range<std::uint64_t>(1, stories() + 1));

}  // namespace
}  // namespace vidai::mesh::budget
