// SPDX-License-Identifier: Apache-2.0
// What clients were really allowed, as the simulator itself counted it at each admission: the
// oracle that counters, and their published bound, are held against. One thread.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <vector>

#include "mesh/limits/counter_store.h"
#include "mesh/limits/window.h"
#include "schema/vocabulary/time.h"

namespace vidai::sim {

// One process of one node: what it had not told anybody dies with it.
struct Life {
    std::uint32_t node = 0;
    std::uint32_t number = 0;  // of the node's processes
    friend auto operator<=>(const Life&, const Life&) = default;
};

// One cell, as the mesh names it.
struct CellName {
    std::uint32_t key = 0;
    mesh::limits::CellKind kind{};
    std::uint32_t window = 0;
    std::uint32_t node = 0;
    std::uint64_t generation = 0;
    friend auto operator<=>(const CellName&, const CellName&) = default;
};
struct CellTruth {
    std::uint64_t charged = 0;
    std::uint64_t returned = 0;
};

class Ledger {
  public:
    explicit Ledger(std::uint32_t keys) : accounts_(keys * mesh::limits::kWindowedKinds) {}

    // `wall` is true time, whatever the node's clock says.
    void charge(const CellName& cell, Life life, std::uint64_t amount, MonoTime now, WallTime wall);
    void give_back(const CellName& cell, std::uint64_t amount);
    // Has no limit and no window: it counts as charged, and nowhere else.
    void spend(const CellName& cell, std::uint64_t amount) { cells_[cell].charged += amount; }
    // Refused by one limit after another had taken its charge: both numbers of some cell went up.
    void refuse(const CellName& any_window) { ++refused_[any_window]; }

    CellTruth truth(const CellName& cell) const;
    std::uint64_t refused(CellName cell) const;
    // Charged to a key by all but one cell's node and generation, in all windows.
    std::uint64_t charged_by_others(const CellName& self) const;
    // The sliding estimate of all that was admitted, in true time.
    std::uint64_t use(std::uint32_t key, mesh::limits::CellKind kind, WallTime wall) const;
    // The most that was charged in any stretch of that length so far: B of bound.h.
    std::uint64_t most_in(std::uint32_t key, mesh::limits::CellKind kind, Duration stretch) const;
    // Charged by one process after `since`; by all, ever.
    std::uint64_t charged_since(std::uint32_t key, mesh::limits::CellKind kind, Life life,
                                MonoTime since) const;
    std::uint64_t total(std::uint32_t key, mesh::limits::CellKind kind) const;
    // Processes that charged anything, and how much.
    const std::map<Life, std::uint64_t>& by_life(std::uint32_t key,
                                                 mesh::limits::CellKind kind) const {
        return account(key, kind).lives;
    }
    std::uint32_t lives(std::uint32_t key, mesh::limits::CellKind kind) const;

  private:
    struct Charge {
        MonoTime when;
        std::uint64_t amount;
        Life life;
    };
    struct Account {
        std::vector<Charge> charges;                // in order of time
        std::map<std::uint32_t, std::int64_t> net;  // by true window
        std::map<CellName, std::uint32_t> windows;  // true window that a cell was last charged in
        std::map<Life, std::uint64_t> lives;
        std::uint64_t total = 0;
    };
    const Account& account(std::uint32_t key, mesh::limits::CellKind kind) const {
        return accounts_[key * mesh::limits::kWindowedKinds + static_cast<std::size_t>(kind)];
    }
    Account& account(const CellName& cell) {
        return accounts_[cell.key * mesh::limits::kWindowedKinds +
                         static_cast<std::size_t>(cell.kind)];
    }

    std::vector<Account> accounts_;
    std::map<CellName, CellTruth> cells_;
    std::map<CellName, std::uint64_t> refused_;  // window 0
};

}  // namespace vidai::sim
