// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/ledger.h"

#include <algorithm>

namespace vidai::sim {

using mesh::limits::CellKind;

void Ledger::charge(const CellName& cell, Life life, std::uint64_t amount, MonoTime now,
                    WallTime wall) {
    const std::uint32_t window = mesh::limits::window_at(wall).window;
    Account& of = account(cell);
    of.charges.push_back({now, amount, life});
    of.net[window] += static_cast<std::int64_t>(amount);
    of.windows[cell] = window;
    of.lives[life] += amount;
    of.total += amount;
    cells_[cell].charged += amount;
}

void Ledger::give_back(const CellName& cell, std::uint64_t amount) {
    Account& of = account(cell);
    of.net[of.windows[cell]] -= static_cast<std::int64_t>(amount);
    cells_[cell].returned += amount;
}

CellTruth Ledger::truth(const CellName& cell) const {
    const auto found = cells_.find(cell);
    return found == cells_.end() ? CellTruth{} : found->second;
}

std::uint64_t Ledger::refused(CellName cell) const {
    cell.window = 0;
    const auto found = refused_.find(cell);
    return found == refused_.end() ? 0 : found->second;
}

std::uint64_t Ledger::charged_by_others(const CellName& self) const {
    std::uint64_t sum = 0;
    const CellName first{self.key, self.kind, 0, 0, 0};
    for (auto it = cells_.lower_bound(first); it != cells_.end(); ++it) {
        const CellName& cell = it->first;
        if (cell.key != self.key || cell.kind != self.kind) break;
        const bool own = cell.node == self.node && cell.generation == self.generation;
        if (!own) sum += it->second.charged;
    }
    return sum;
}

std::uint64_t Ledger::use(std::uint32_t key, CellKind kind, WallTime wall) const {
    const Account& of = account(key, kind);
    const mesh::limits::WindowPosition at = mesh::limits::window_at(wall);
    const auto net = [&](std::uint32_t window) {
        const auto found = of.net.find(window);
        const std::int64_t value = found == of.net.end() ? 0 : found->second;
        return static_cast<std::uint64_t>(std::max<std::int64_t>(0, value));
    };
    return mesh::limits::sliding_estimate({net(at.window), net(at.window - 1)}, at.left_ms);
}

std::uint64_t Ledger::most_in(std::uint32_t key, CellKind kind, Duration stretch) const {
    const std::vector<Charge>& charges = account(key, kind).charges;
    std::uint64_t most = 0, sum = 0;
    std::size_t from = 0;
    for (const Charge& charge : charges) {
        sum += charge.amount;
        for (; charge.when - charges[from].when > stretch; ++from) sum -= charges[from].amount;
        most = std::max(most, sum);
    }
    return most;
}

std::uint64_t Ledger::charged_since(std::uint32_t key, CellKind kind, Life life,
                                    MonoTime since) const {
    const std::vector<Charge>& charges = account(key, kind).charges;
    std::uint64_t sum = 0;
    for (auto it = charges.rbegin(); it != charges.rend() && it->when > since; ++it) {
        if (it->life == life) sum += it->amount;
    }
    return sum;
}

std::uint64_t Ledger::total(std::uint32_t key, CellKind kind) const {
    return account(key, kind).total;
}

std::uint32_t Ledger::lives(std::uint32_t key, CellKind kind) const {
    return static_cast<std::uint32_t>(account(key, kind).lives.size());
}

}  // namespace vidai::sim
