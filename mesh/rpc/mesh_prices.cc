// SPDX-License-Identifier: Apache-2.0
// The part of MeshThread that is about rate cards which operators apply to the whole mesh.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "mesh/rpc/mesh_thread.h"

namespace vidai::mesh::rpc {

// Before anybody is told that it is in force here.
void MeshThread::publish_card() {
    const state::CardRecord* const card = replica_.cards().in_force();
    if (card == nullptr) return;
    if (card->text.empty()) {
        return shared_.applied_card.publish(std::make_shared<const pricing::RateCard>());
    }
    auto read = pricing::read_card(card->text, "the applied card");
    if (!read) {  // on this disk, by a newer program
        return notice(Notice::Kind::kTrouble, startup_.node.str(), "card_unreadable",
                      read.error().message);
    }
    shared_.applied_card.publish(std::make_shared<const pricing::RateCard>(std::move(*read)));
}

void MeshThread::on_cards(const std::vector<state::CardRecord>& cards, const std::string& note) {
    publish_card();
    for (const state::CardRecord& card : cards) {
        notice(Notice::Kind::kCardApplied, std::to_string(card.version),
               card.text.empty() ? "withdrawn" : "applied",
               (card.by.empty() ? "at " + card.node.str() : "by " + card.by) +
                   (note.empty() ? "" : ", " + note));
    }
    saver_.mark_dirty();
    publish_view();
}

void MeshThread::on_card_applied(const CardChange& change) {
    on_cards({change.card}, {});
    const state::RegisterName name{state::RegisterKind::kCard, change.id};
    if (const state::Register* changed = replica_.registers().find(name)) {
        exchange_.push_register(*changed);
    }
}

Result<wire::OwnCardPart> MeshThread::own_card_now(std::size_t skip) {
    constexpr std::size_t kPartBytes = 256 * 1024;
    const auto card = shared_.own_card.load();
    skip = std::min(skip, card->text.size());
    wire::OwnCardPart part{{card->text.substr(skip, kPartBytes), card->source}, false};
    part.more = skip + part.card.text.size() < card->text.size();
    return part;
}

}  // namespace vidai::mesh::rpc
