// SPDX-License-Identifier: Apache-2.0
// The part of Replica that is about rate cards which operators have applied to the whole mesh.
#include <algorithm>
#include <string>
#include <utility>

#include "mesh/pricing/unit_guard.h"
#include "mesh/rpc/replica.h"
#include "mesh/state/card_value.h"

namespace vidai::mesh::rpc {

namespace {

using state::CardRecord;
using state::Register;
using state::RegisterKind;
using Merge = state::RegisterSet::Merge;

constexpr const char* kApplied = "the card";  // in front of its lines

}  // namespace

// Whoever applied it has looked at its units; beside what ships with another program they may be
// odd here, and prices must be the same on all nodes.
Result<void> Replica::take_card(Register verified, MergeReport& report) {
    auto card = state::decode_card(verified.statement);
    if (!card) return fail(std::move(card).error());
    if (!card->text.empty()) {
        const auto readable = pricing::read_card(card->text, kApplied);
        if (!readable) {
            return fail(ErrorCode::kProtocol,
                        "an applied rate card cannot be read: " + readable.error().message,
                        "value");
        }
    }
    clock_.observe(verified.statement.time);
    state::RegisterName name{verified.statement.kind, verified.statement.id};
    if (registers_.merge(std::move(verified)) != Merge::kApplied) return no_room();
    cards_.put(*card);
    report.news.push_back(std::move(name));
    ++report.applied;
    report.cards.push_back(std::move(*card));
    return {};
}

Result<CardChange> Replica::write(CardRecord record, WallTime wall) {
    const state::Hlc time = clock_.tick(wall);
    if (record.stamp == 0) record.stamp = time.value;
    std::string place = state::card_place(record.version);
    Register mine = state::sign_register(
        {RegisterKind::kCard, place, false, time, author_.node, state::encode_card(record)},
        *author_.key, author_.chain);
    if (registers_.merge(std::move(mine)) != Merge::kApplied) return no_room();
    cards_.put(record);
    return CardChange{std::move(record), std::move(place), time.value};
}

Result<CardChange> Replica::apply_card(const std::string& text, std::string by, WallTime wall) {
    CardRecord record{cards_.next_version(), {}, std::move(by), author_.node, 0};
    record.by.resize(std::min(record.by.size(), state::kCardByMax));
    if (text.size() > pricing::kCardBytesMax) {
        return fail(ErrorCode::kInvalidRequest, "a rate card has at most 1 MiB", "card");
    }
    if (!text.empty()) {
        const auto card = pricing::read_guarded_card(text, kApplied);
        if (!card) return fail(ErrorCode::kInvalidRequest, card.error().message, "card");
        record.text = pricing::card_text(*card);
    }
    if (record.text.size() > state::kCardTextMax) {
        return fail(ErrorCode::kInvalidRequest,
                    "the card has " + std::to_string(record.text.size()) +
                        " bytes when it is written shortly, and one for the whole mesh has at "
                        "most " +
                        std::to_string(state::kCardTextMax) +
                        ": leave out the prices that the nodes' own cards have, and notes",
                    "card");
    }
    return write(std::move(record), wall);
}

}  // namespace vidai::mesh::rpc
