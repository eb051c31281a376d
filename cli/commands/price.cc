// SPDX-License-Identifier: Apache-2.0
// Rate cards to look at: in files, before a node is given one, and as they hold at a node.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/price_cards.h"
#include "cli/exit_code.h"
#include "mesh/pricing/rate_card.h"
#include "mesh/pricing/rate_names.h"
#include "mesh/pricing/unit_guard.h"
#include "schema/vocabulary/usd.h"

namespace vidai::cli::commands {
namespace {

using mesh::pricing::RateCard;
using mesh::pricing::Row;
using print::Answer;
using print::Tone;
using print::Value;

std::string rate_text(MicroUsdPerMtok rate) {
    return print_usd({rate.value});
}
std::string count_text(Tokens tokens) {
    return tokens.value == 0 ? "" : std::to_string(tokens.value);
}
std::string day_text(WallTime time) {
    const bool open = time == WallTime::min() || time == WallTime::max();
    return open ? "" : mesh::pricing::print_day(time);
}

Value row_value(const Row& row, const std::string& model) {
    const mesh::pricing::Price& price = row.price;
    Value value = {{"provider", row.provider},
                   {"model", model},
                   {"from", day_text(row.from)},
                   {"to", day_text(row.to)}};
    for (const mesh::pricing::RateName& rate : mesh::pricing::kRateNames) {
        if (rate.name.starts_with("audio_") && !price.audio) continue;
        value.set(rate.name, (price.rates.*rate.rate).value);
    }
    value.set("request_micro_usd", price.request.value);
    value.set("ceiling", price.ceiling);
    Value::List tiers;
    for (const mesh::pricing::Tier& tier : price.tiers()) {
        tiers.push_back({{"above", tier.above.value},
                         {"input", tier.rates.input.value},
                         {"cached_input", tier.rates.cached_input.value},
                         {"cache_write", tier.rates.cache_write.value},
                         {"output", tier.rates.output.value},
                         {"reasoning", tier.rates.reasoning.value}});
    }
    value.set("tiers", std::move(tiers));
    for (const mesh::pricing::PercentName& one : mesh::pricing::kPercentNames) {
        value.set(one.name, price.*one.percent);
    }
    for (const mesh::pricing::LimitName& one : mesh::pricing::kLimitNames) {
        value.set(one.name, (price.limits.*one.limit).value);
    }
    return value;
}

std::vector<print::Cell> table_row(const Row& row, const std::string& model, WallTime now) {
    const mesh::pricing::Price& price = row.price;
    const bool holds = row.from <= now && now < row.to;
    return {{row.provider},
            {model},
            {rate_text(price.rates.input)},
            {rate_text(price.rates.cached_input)},
            {rate_text(price.rates.output)},
            {std::to_string(price.tier_count)},
            {day_text(row.from), holds ? Tone::kPlain : Tone::kWarn},
            {day_text(row.to), holds ? Tone::kPlain : Tone::kWarn},
            {rate_text(price.rates.cache_write)},
            {rate_text(price.rates.reasoning)},
            {price.audio ? rate_text(price.rates.audio_input) : ""},
            {price.audio ? rate_text(price.rates.audio_output) : ""},
            {count_text(price.limits.context_window)},
            {count_text(price.limits.output_max)},
            {count_text(price.limits.image_max)}};
}

// `sources`: where each row is from, where that differs; else empty.
Answer card_answer(const RateCard& card, const std::vector<std::string>& sources,
                   const std::string& source, const std::string& model, WallTime now) {
    Answer answer;
    answer.table.columns = {{"PROVIDER"},
                            {"MODEL"},
                            {"INPUT", false, true},
                            {"CACHED", false, true},
                            {"OUTPUT", false, true},
                            {"TIERS", false, true},
                            {"FROM"},
                            {"TO"},
                            {"CACHE WRITE", true, true},
                            {"REASONING", true, true},
                            {"AUDIO IN", true, true},
                            {"AUDIO OUT", true, true},
                            {"CONTEXT", true, true},
                            {"OUTPUT MAX", true, true},
                            {"IMAGE MAX", true, true}};
    if (!sources.empty()) answer.table.columns.push_back({"SOURCE"});
    Value::List items;
    for (std::size_t i = 0; i < card.rows.size(); ++i) {
        const Row& row = card.rows[i];
        for (const std::string& pattern : row.models) {
            if (!model.empty() && !mesh::pricing::fits(pattern, model)) continue;
            items.push_back(row_value(row, pattern));
            answer.table.rows.push_back(table_row(row, pattern, now));
            if (sources.empty()) continue;
            items.back().set("source", sources[i]);
            answer.table.rows.back().push_back({sources[i]});
        }
    }
    answer.note = "Per million tokens, from " + source +
                  (card.dated.empty() ? "" : ", as of " + card.dated) +
                  "; compare with your provider's page.\n";
    if (items.empty()) answer.note = "No price fits '" + model + "' in " + source + ".\n";
    answer.data = {{"card", card.name}, {"dated", card.dated}, {"items", std::move(items)}};
    return answer;
}

Result<Answer> run_check(Call& call) {
    const std::string& path = call.argument(0);
    const Result<RateCard> card = read_guarded_card_file(path);
    if (!card) return fail(card.error());
    std::size_t unbounded = 0;
    for (const Row& row : card->rows) {
        const mesh::pricing::ModelLimits& limits = row.price.limits;
        if (limits.context_window.value == 0 || limits.output_max.value == 0) ++unbounded;
    }
    Answer answer;
    answer.data = {{"file", path},
                   {"card", card->name},
                   {"prices", card->rows.size()},
                   {"without_limits", unbounded}};
    answer.fields = {{"Card", {path}}, {"Prices", {std::to_string(card->rows.size())}}};
    if (unbounded > 0) {
        answer.note = std::to_string(unbounded) +
                      " of them lack context_window or output_max: under a hard budget their "
                      "requests may have no bound and be refused.\n";
    }
    return answer;
}

// What to compare with, or to show: a file, the card that ships, or nothing: what holds at a node.
Result<std::optional<RateCard>> named_card(const Call& call) {
    if (const std::string* const path = call.flag("--card")) {
        auto card = read_card_file(*path);
        if (!card) return fail(std::move(card).error());
        return std::optional(std::move(*card));
    }
    if (call.flag("--shipped") != nullptr) return std::optional(mesh::pricing::default_card());
    return std::optional<RateCard>();
}

Result<Answer> run_diff(Call& call) {
    const Result<RateCard> next = read_guarded_card_file(call.argument(0));
    if (!next) return fail(next.error());
    const auto named = named_card(call);
    if (!named) return fail(named.error());
    if (*named) return differences_answer(**named, *next);
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto held = held_cards(**mesh);
    if (!held) return fail(held.error());
    return differences_answer(mesh::pricing::overlay(held->applied, held->own),
                              mesh::pricing::overlay(*next, held->own));
}

Result<Answer> run_show(Call& call) {
    const std::string model = call.arguments() > 0 ? call.argument(0) : "";
    const WallTime now = call.world().now;
    const auto named = named_card(call);
    if (!named) return fail(named.error());
    if (*named) {
        const std::string* const path = call.flag("--card");
        return card_answer(**named, {}, path != nullptr ? *path : kShippedCard, model, now);
    }
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto held = held_cards(**mesh);
    if (!held) return fail(held.error());
    RateCard both = mesh::pricing::overlay(held->applied, held->own);
    const std::size_t applied = held->applied.rows.size();
    std::vector<std::string> sources(both.rows.size(), held->own_source);
    std::fill_n(sources.begin(), applied, "applied " + std::to_string(held->record.version));
    both.name = held->applied.name.empty() ? held->own.name : held->applied.name;
    both.dated.clear();
    Answer answer = card_answer(both, sources, "what holds at this node", model, now);
    answer.data.set("applied", held->record.version);
    return answer;
}

}  // namespace

std::vector<Command> price_commands() {
    constexpr Flag kShipped = {"--shipped", "",
                               "The card that ships with vidai. No node is asked."};
    return {
        {"price",
         "show",
         "Show what models cost at the node that is asked, per million tokens, and where each "
         "price "
         "is from: applied to the mesh, or of the node's own card; -o wide shows all rates and the "
         "models' limits.",
         {"[MODEL]"},
         {{"--card", "FILE", "The rate card to look at instead. No node is asked."}, kShipped},
         run_show},
        {"price",
         "diff",
         "Show what a rate card would change if it was applied, model by model.",
         {"FILE"},
         {{"--card", "FILE", "The card to compare with instead. No node is asked."}, kShipped},
         run_diff},
        {"price",
         "check",
         "Read a rate card as a node would: its form, its time spans, and whether a price "
         "seems to be in another unit than per million tokens.",
         {"FILE"},
         {},
         run_check}};
}

}  // namespace vidai::cli::commands
