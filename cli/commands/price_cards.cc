// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/price_cards.h"

#include <string_view>
#include <utility>

#include "cli/text_file.h"
#include "mesh/pricing/card_diff.h"
#include "mesh/pricing/unit_guard.h"

namespace vidai::cli::commands {

using mesh::pricing::Difference;
using mesh::pricing::RateCard;
using print::Answer;
using print::Tone;
using print::Value;

namespace {

std::string_view kind_text(Difference::Kind kind) {
    switch (kind) {
        case Difference::Kind::kAdded:
            return "added";
        case Difference::Kind::kRemoved:
            return "removed";
        case Difference::Kind::kChanged:
            return "changed";
    }
    return "unknown";
}

}  // namespace

Result<RateCard> read_card_file(const std::string& path) {
    const Result<std::string> text = read_text_file(path, mesh::pricing::kCardBytesMax);
    if (!text) return fail(text.error());
    return mesh::pricing::read_card(*text, path);
}

Result<RateCard> read_guarded_card_file(const std::string& path) {
    const Result<std::string> text = read_text_file(path, mesh::pricing::kCardBytesMax);
    if (!text) return fail(text.error());
    return mesh::pricing::read_guarded_card(*text, path);
}

Result<RateCard> card_of(const mesh::state::CardRecord& record) {
    if (record.text.empty()) return RateCard{};
    return mesh::pricing::read_card(record.text, "version " + std::to_string(record.version));
}

Result<HeldCards> held_cards(Operator& node) {
    auto cards = node.price_cards();
    if (!cards) return fail(std::move(cards).error());
    HeldCards held;
    if (!cards->empty()) held.record = std::move(cards->front());
    auto applied = card_of(held.record);
    if (!applied) return fail(std::move(applied).error());
    held.applied = std::move(*applied);
    auto own = node.own_card();
    if (!own) return fail(std::move(own).error());
    held.own_source = own->source.empty() ? "shipped" : own->source;
    auto read = mesh::pricing::read_card(own->text, held.own_source);
    if (!read) return fail(std::move(read).error());
    held.own = std::move(*read);
    return held;
}

Answer differences_answer(const RateCard& old, const RateCard& next) {
    Answer answer;
    answer.table.columns = {{"CHANGE"}, {"PROVIDER"}, {"MODEL"}, {"FROM"},
                            {"WHAT"},   {"BEFORE"},   {"AFTER"}};
    Value::List items;
    for (const Difference& one : mesh::pricing::differences(old, next)) {
        items.push_back({{"change", kind_text(one.kind)},
                         {"provider", one.provider},
                         {"model", one.model},
                         {"from", one.from},
                         {"what", one.what},
                         {"before", one.before},
                         {"after", one.after}});
        const Tone tone = one.kind == Difference::Kind::kRemoved ? Tone::kWarn : Tone::kPlain;
        answer.table.rows.push_back({{std::string(kind_text(one.kind)), tone},
                                     {one.provider},
                                     {one.model},
                                     {one.from},
                                     {one.what},
                                     {one.before},
                                     {one.after}});
    }
    if (items.empty()) answer.note = "No price differs.\n";
    answer.data = {{"items", std::move(items)}};
    return answer;
}

}  // namespace vidai::cli::commands
