// SPDX-License-Identifier: Apache-2.0
// Rate cards, as operators apply them and are told of them, to and from the wire.
#include <string>
#include <utility>

#include "mesh/wire/operator_values.h"

namespace vidai::mesh::wire {

namespace {

std::unexpected<Error> malformed(const char* what) {
    return fail(ErrorCode::kProtocol, std::string("an operator message is malformed: ") + what,
                what);
}

void write(const state::CardRecord& card, proto::RateCard::Builder out) {
    out.setVersion(card.version);
    out.setText(to_text(card.text));
    out.setBy(to_text(card.by));
    out.setNode(to_text(card.node.str()));
    out.setStamp(card.stamp);
}

Result<state::CardRecord> read(proto::RateCard::Reader in) {
    if (in.getText().size() > state::kCardTextMax) return malformed("card");
    if (in.getBy().size() > state::kCardByMax) return malformed("by");
    auto node = parse_node_id(view_of(in.getNode()));
    if (!node) return malformed("node");
    return state::CardRecord{in.getVersion(), text_of(in.getText()), text_of(in.getBy()),
                             std::move(*node), in.getStamp()};
}

}  // namespace

void write(const CardChange& change, proto::CardChange::Builder out) {
    write(change.card, out.initCard());
    out.setId(to_text(change.id));
    out.setTime(change.time);
}

Result<CardChange> read(proto::CardChange::Reader in) {
    auto card = read(in.getCard());
    if (!card) return fail(std::move(card).error());
    if (in.getId().size() > state::kRegisterIdMax) return malformed("id");
    return CardChange{std::move(*card), text_of(in.getId()), in.getTime()};
}

void write(const CardPage& page, proto::CardPage::Builder out) {
    auto list = out.initCards(static_cast<unsigned>(page.cards.size()));
    for (unsigned i = 0; i < list.size(); ++i) write(page.cards[i], list[i]);
    out.setMore(page.more);
}

Result<CardPage> read(proto::CardPage::Reader in) {
    if (in.getCards().size() > state::kCardsKept) return malformed("cards");
    CardPage page;
    for (const auto slot : in.getCards()) {
        auto card = read(slot);
        if (!card) return fail(std::move(card).error());
        page.cards.push_back(std::move(*card));
    }
    page.more = in.getMore();
    return page;
}

void write(const OwnCardPart& part, proto::OwnCard::Builder out) {
    out.setSource(to_text(part.card.source));
    out.setPart(kj::arrayPtr(reinterpret_cast<const kj::byte*>(part.card.text.data()),
                             part.card.text.size()));
    out.setMore(part.more);
}

Result<OwnCardPart> read(proto::OwnCard::Reader in) {
    constexpr std::size_t kSourceMax = 4'096;
    if (in.getSource().size() > kSourceMax) return malformed("source");
    const auto bytes = in.getPart();
    return OwnCardPart{
        {std::string(bytes.asChars().begin(), bytes.size()), text_of(in.getSource())},
        in.getMore()};
}

}  // namespace vidai::mesh::wire
