// SPDX-License-Identifier: Apache-2.0
// Rate cards for the whole mesh: `price apply` and `price history`.
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/price_cards.h"
#include "cli/commands/spread.h"
#include "cli/print/text.h"
#include "mesh/pricing/card_diff.h"
#include "schema/vocabulary/usd.h"

namespace vidai::cli::commands {
namespace {

using mesh::pricing::RateCard;
using mesh::pricing::Row;
using mesh::state::CardRecord;
using print::Answer;
using print::Tone;
using print::Value;

// The upper part of a hybrid logical clock's stamp are milliseconds.
WallTime time_of(const CardRecord& card) {
    return WallTime(WallTime::duration(static_cast<std::int64_t>(card.stamp >> 16)));
}

std::string who(const CardRecord& card) {
    return card.by.empty() ? "socket of " + card.node.str() : card.by;
}

std::string day_text(WallTime time) {
    const bool open = time == WallTime::min() || time == WallTime::max();
    return open ? "" : mesh::pricing::print_day(time);
}

// What is to be applied; without a price: none shall be.
Result<RateCard> wanted_card(const Call& call) {
    const bool withdraw = call.flag("--none") != nullptr;
    if (withdraw == (call.arguments() > 0)) {
        return fail(ErrorCode::kUsage,
                    "name the file of a rate card, or --none: then the nodes' own cards hold again",
                    "FILE");
    }
    return withdraw ? Result<RateCard>(RateCard{}) : read_guarded_card_file(call.argument(0));
}

Result<Answer> run_apply(Call& call) {
    const auto wanted = wanted_card(call);
    if (!wanted) return fail(wanted.error());
    const std::string text =
        wanted->rows.empty() ? std::string() : mesh::pricing::card_text(*wanted);
    if (text.size() > mesh::state::kCardTextMax) {
        return fail(ErrorCode::kInvalidRequest,
                    call.argument(0) + " has " + std::to_string(text.size()) +
                        " bytes when it is written shortly, and a card for the whole mesh has at "
                        "most " +
                        std::to_string(mesh::state::kCardTextMax) +
                        ": leave out the prices that the nodes' own cards have, and notes",
                    call.argument(0));
    }
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto before = held_cards(**mesh);
    if (!before) return fail(before.error());
    Answer answer = differences_answer(mesh::pricing::overlay(before->applied, before->own),
                                       mesh::pricing::overlay(*wanted, before->own));
    if (call.flag("--dry-run") != nullptr) {
        answer.data.set("version", Value());
        answer.note += "Nothing was applied.\n";
        return answer;
    }
    const auto done = (*mesh)->price_apply(text);
    if (!done) return fail(done.error());
    const CardRecord& card = done->card;
    answer.data.set("version", card.version);
    answer.data.set("by", card.by);
    answer.fields = {{"Version", {std::to_string(card.version)}},
                     {"Prices", {std::to_string(wanted->rows.size())}},
                     {"In force", {"for requests that begin from now on"}}};
    const mesh::Stated said{
        "version " + std::to_string(card.version), {}, mesh::kCardRegister, done->id, done->time};
    return spread(call, **mesh, said, std::move(answer));
}

Value version_value(const CardRecord& card, const RateCard& read, bool holds) {
    return {{"version", card.version},
            {"in_force", holds},
            {"applied", print::time_text(time_of(card))},
            {"by", card.by},
            {"node", card.node.str()},
            {"card", read.name},
            {"dated", read.dated},
            {"prices", read.rows.size()}};
}

void add_versions(const std::vector<CardRecord>& cards, const std::vector<RateCard>& read,
                  Answer& answer) {
    answer.table.columns = {{"VERSION", false, true}, {"APPLIED"}, {"BY"},   {"NODE", true},
                            {"PRICES", false, true},  {"CARD"},    {"DATED"}};
    Value::List items;
    for (std::size_t i = 0; i < cards.size(); ++i) {
        items.push_back(version_value(cards[i], read[i], i == 0));
        const bool none = read[i].rows.empty();
        answer.table.rows.push_back(
            {{std::to_string(cards[i].version), i == 0 ? Tone::kGood : Tone::kPlain},
             {print::time_text(time_of(cards[i]))},
             {who(cards[i])},
             {cards[i].node.str()},
             {none ? "none" : std::to_string(read[i].rows.size())},
             {read[i].name},
             {read[i].dated}});
    }
    answer.data = {{"items", std::move(items)}};
}

// What each version says, or said, of one model.
void add_prices(const std::vector<CardRecord>& cards, const std::vector<RateCard>& read,
                const std::string& model, Answer& answer) {
    answer.table.columns = {{"VERSION", false, true},
                            {"APPLIED"},
                            {"BY"},
                            {"PROVIDER"},
                            {"MODEL"},
                            {"PRICE"},
                            {"FROM"},
                            {"TO"}};
    Value::List items;
    for (std::size_t i = 0; i < cards.size(); ++i) {
        for (const Row& row : read[i].rows) {
            for (const std::string& pattern : row.models) {
                if (!mesh::pricing::fits(pattern, model)) continue;
                Value item = version_value(cards[i], read[i], i == 0);
                item.set("provider", row.provider);
                item.set("model", pattern);
                item.set("input", row.price.rates.input.value);
                item.set("output", row.price.rates.output.value);
                item.set("from", day_text(row.from));
                item.set("to", day_text(row.to));
                items.push_back(std::move(item));
                answer.table.rows.push_back(
                    {{std::to_string(cards[i].version), i == 0 ? Tone::kGood : Tone::kPlain},
                     {print::time_text(time_of(cards[i]))},
                     {who(cards[i])},
                     {row.provider},
                     {pattern},
                     {mesh::pricing::brief(row.price)},
                     {day_text(row.from)},
                     {day_text(row.to)}});
            }
        }
    }
    if (items.empty()) answer.note = "No version that is kept has a price of '" + model + "'.\n";
    answer.data = {{"items", std::move(items)}};
}

Result<Answer> run_history(Call& call) {
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto cards = (*mesh)->price_cards();
    if (!cards) return fail(cards.error());
    std::vector<RateCard> read;
    for (const CardRecord& card : *cards) {
        auto one = card_of(card);
        if (!one) return fail(std::move(one).error());
        read.push_back(std::move(*one));
    }
    Answer answer;
    if (call.arguments() > 0) {
        add_prices(*cards, read, call.argument(0), answer);
    } else {
        add_versions(*cards, read, answer);
    }
    if (cards->empty()) {
        answer.note =
            "No rate card was applied to this mesh: each node prices by its own. 'vidaictl price "
            "apply' makes one hold on all.\n";
    }
    return answer;
}

}  // namespace

std::vector<Command> price_mesh_commands() {
    return {{"price",
             "apply",
             "Have a rate card hold on all nodes, for requests that begin from then on: its prices "
             "come before those of the nodes' own cards, and it replaces the one that was applied "
             "before. Refused with the lines that are wrong, as by 'price check'.",
             {"[FILE]"},
             {{"--none", "", "Withdraw the one that holds: the nodes' own cards hold again."},
              {"--dry-run", "",
               "Show what would change at the node that is asked, and apply "
               "nothing."},
              {"--wait", "", "Until all nodes have it, or --timeout."}},
             run_apply},
            {"price",
             "history",
             "Show which rate cards were applied to the mesh, by whom and when, the one in force "
             "first; with a model, what each has said of it. The last 16 are kept.",
             {"[MODEL]"},
             {},
             run_history}};
}

}  // namespace vidai::cli::commands
