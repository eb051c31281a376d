// SPDX-License-Identifier: Apache-2.0
// What a log has taken over and not committed: with this process it may be gone again, so that
// nobody may be told of it as had for good. Pure; one thread.
#pragma once

#include <variant>

#include "mesh/budget/entry.h"
#include "mesh/budget/ledger.h"

namespace vidai::mesh::budget {

// Of an entry that takes over what other logs had; else null.
inline const Estate* estate_of(const Entry& entry) {
    if (const auto* one = std::get_if<Inherit>(&entry)) return one->estate.get();
    if (const auto* one = std::get_if<Adopt>(&entry)) {
        return one->closed ? nullptr : one->estate.get();
    }
    if (const auto* one = std::get_if<AdoptCircle>(&entry)) return one->estate.get();
    return nullptr;
}

// Calls on_in(const In&) or on_estate(const Estate&) for each of them, in order.
template <class OnIn, class OnEstate>
void for_each_open_taking(const Ledger& ledger, OnIn on_in, OnEstate on_estate) {
    for (const EntryRef& entry : ledger.entries_behind(ledger.committed())) {
        if (const auto* in = std::get_if<In>(entry.get())) on_in(*in);
        if (const Estate* estate = estate_of(*entry)) on_estate(*estate);
    }
}

}  // namespace vidai::mesh::budget
