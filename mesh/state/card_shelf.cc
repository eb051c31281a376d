// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/card_shelf.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "mesh/state/card_value.h"

namespace vidai::mesh::state {

void CardShelf::put(CardRecord card) {
    std::string place = card_place(card.version);
    cards_.insert_or_assign(std::move(place), std::move(card));
}

std::vector<const CardRecord*> CardShelf::all() const {
    std::vector<const CardRecord*> found;
    for (const auto& [place, card] : cards_) found.push_back(&card);
    std::ranges::sort(found, [](const CardRecord* a, const CardRecord* b) {
        return std::tie(a->stamp, a->node, a->version) > std::tie(b->stamp, b->node, b->version);
    });
    return found;
}

const CardRecord* CardShelf::in_force() const {
    const auto sorted = all();
    return sorted.empty() ? nullptr : sorted.front();
}

std::uint32_t CardShelf::next_version() const {
    std::uint32_t last = 0;
    for (const auto& [place, card] : cards_) last = std::max(last, card.version);
    return last < UINT32_MAX ? last + 1 : 1;
}

}  // namespace vidai::mesh::state
