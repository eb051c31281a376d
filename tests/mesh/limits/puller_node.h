// SPDX-License-Identifier: Apache-2.0
// A store and who asks for it, for the tests of pullers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mesh/limits/counter_puller.h"

namespace vidai::mesh::limits::pulling {

inline constexpr WallTime kWall{std::chrono::minutes(30'000'000)};
inline constexpr std::uint32_t kMinute = 30'000'000;
inline constexpr MonoTime kMono{std::chrono::hours(1)};

inline KeyId key(std::size_t n) {
    const std::string text = std::to_string(100'000 + n);
    return KeyId("abcdef" + text);
}

struct PullerNode {
    explicit PullerNode(const char* id, std::uint64_t generation = 1,
                        CounterStore::Members members = {})
        : name(id), store(table, name, Generation{generation}, {}, std::move(members)) {}
    void charge(std::size_t keys) {
        for (std::size_t n = 0; n < keys; ++n) {
            const Slot slot = *store.bind(key(n), {1'000'000, {}, {}});
            ASSERT_TRUE(table.admit(slot, {1'000'000, {}, {}}, {1, Tokens{}}, kWall).admitted);
        }
    }
    std::vector<CellBatch> give_out() {
        std::vector<CellBatch> out;
        for (;;) {
            out.push_back(store.collect(kMono, kWall, 3, true));
            if (out.back().cells.empty()) break;
        }
        out.pop_back();
        return out;
    }
    // All it holds and counts, by origin and key.
    std::map<std::tuple<NodeId, Generation, KeyId>, std::uint64_t> held() const {
        std::map<std::tuple<NodeId, Generation, KeyId>, std::uint64_t> out;
        for (const CellBatch& batch : store.all_cells(kWall)) {
            for (const Cell& cell : batch.cells) {
                out[{batch.node, batch.generation, cell.key}] = cell.charged;
            }
        }
        return out;
    }
    NodeId name;
    CounterTable table{4'096};
    CounterStore store;
    CounterPuller puller{store};
    CounterPuller slow{store, {.origins_per_second = 100}};
};

}  // namespace vidai::mesh::limits::pulling
