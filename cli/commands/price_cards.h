// SPDX-License-Identifier: Apache-2.0
// What commands about rate cards share: cards in files and those that hold at a node, and what
// changes from one to another. Main thread.
#pragma once

#include <optional>
#include <string>

#include "cli/print/answer.h"
#include "cli/world.h"
#include "mesh/pricing/rate_card.h"
#include "mesh/state/card_record.h"
#include "schema/vocabulary/result.h"

namespace vidai::cli::commands {

inline constexpr const char* kShippedCard = "the card that ships with vidai";

Result<mesh::pricing::RateCard> read_card_file(const std::string& path);
// With the guard of units that a node puts on a card as well.
Result<mesh::pricing::RateCard> read_guarded_card_file(const std::string& path);

// The cards by which a node prices requests.
struct HeldCards {
    mesh::state::CardRecord record;   // version 0: none was ever applied to the mesh
    mesh::pricing::RateCard applied;  // without a price: none is in force
    mesh::pricing::RateCard own;
    std::string own_source;
};
Result<HeldCards> held_cards(Operator& node);
// kInternal: its text is none that this program can read.
Result<mesh::pricing::RateCard> card_of(const mesh::state::CardRecord& record);

// A row for each difference.
print::Answer differences_answer(const mesh::pricing::RateCard& old,
                                 const mesh::pricing::RateCard& next);

}  // namespace vidai::cli::commands
