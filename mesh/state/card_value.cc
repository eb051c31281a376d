// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/card_value.h"

#include <utility>

#include <flatbuffers/flatbuffers.h>

#include "schema/records/records_generated.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::state {
namespace {

constexpr flatbuffers::uoffset_t kDepthMax = 2;
constexpr flatbuffers::uoffset_t kTablesMax = 2;

std::unexpected<Error> malformed(const char* what) {
    return fail(ErrorCode::kProtocol, std::string("an applied rate card is malformed: ") + what,
                "value");
}

bool within(const CardRecord& record) {
    return record.version > 0 && record.text.size() <= kCardTextMax &&
           record.by.size() <= kCardByMax && record.stamp > 0;
}

}  // namespace

std::string card_place(std::uint32_t version) {
    return "card-" + std::to_string(version % kCardsKept);
}

std::vector<std::uint8_t> encode_card(const CardRecord& record) {
    CHECK(within(record), "a rate card beyond its bounds");
    flatbuffers::FlatBufferBuilder builder(256 + record.text.size());
    const auto text = builder.CreateString(record.text);
    const auto by = builder.CreateString(record.by);
    const auto node = builder.CreateString(record.node.str());
    builder.Finish(records::CreateCard(builder, record.version, text, by, node, record.stamp));
    return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

Result<CardRecord> decode_card(const Statement& statement) {
    if (statement.kind != RegisterKind::kCard || statement.retired) {
        return fail(ErrorCode::kProtocol, "a register is not of kind card", "kind");
    }
    const std::vector<std::uint8_t>& bytes = statement.value;
    flatbuffers::Verifier verifier(bytes.data(), bytes.size(), kDepthMax, kTablesMax);
    if (!verifier.VerifyBuffer<records::Card>(nullptr)) return malformed("no record");
    const auto* card = flatbuffers::GetRoot<records::Card>(bytes.data());
    if (!card->text() || !card->by() || !card->node()) return malformed("no text");
    auto node = parse_node_id(card->node()->string_view());
    if (!node) return malformed("no node");
    CardRecord record{card->version(), card->text()->str(), card->by()->str(), std::move(*node),
                      card->stamp()};
    if (!within(record)) return malformed("beyond its bounds");
    if (statement.id != card_place(record.version)) return malformed("in another's place");
    if (record.stamp > statement.time.value) return malformed("from the future");
    return record;
}

}  // namespace vidai::mesh::state
