// SPDX-License-Identifier: Apache-2.0
// Rate cards as files: what a node will make of one before it is given one. No node is asked.
#include <algorithm>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/exit_code.h"
#include "cli/text_file.h"
#include "mesh/pricing/card_diff.h"
#include "mesh/pricing/rate_card.h"
#include "mesh/pricing/rate_names.h"
#include "mesh/pricing/unit_guard.h"
#include "schema/vocabulary/usd.h"

namespace vidai::cli::commands {
namespace {

using mesh::pricing::Difference;
using mesh::pricing::RateCard;
using mesh::pricing::Row;
using print::Answer;
using print::Tone;
using print::Value;

constexpr const char* kShipped = "the card that ships with vidai";

Result<RateCard> read_card_file(const std::string& path) {
    const Result<std::string> text = read_text_file(path, mesh::pricing::kCardBytesMax);
    if (!text) return fail(text.error());
    return mesh::pricing::read_card(*text, path);
}

// With the guard that a node puts on its own card as well.
Result<RateCard> read_guarded(const std::string& path) {
    const Result<std::string> text = read_text_file(path, mesh::pricing::kCardBytesMax);
    if (!text) return fail(text.error());
    return mesh::pricing::read_guarded_card(*text, path);
}

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

Answer card_answer(const RateCard& card, const std::string& source, const std::string& model,
                   WallTime now) {
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
    Value::List items;
    for (const Row& row : card.rows) {
        for (const std::string& pattern : row.models) {
            if (!model.empty() && !mesh::pricing::fits(pattern, model)) continue;
            items.push_back(row_value(row, pattern));
            answer.table.rows.push_back(table_row(row, pattern, now));
        }
    }
    answer.note = "Per million tokens, from " + source +
                  (card.dated.empty() ? "" : ", as of " + card.dated) +
                  "; compare with your provider's page.\n";
    if (items.empty()) answer.note = "No price fits '" + model + "' in " + source + ".\n";
    answer.data = {{"card", card.name}, {"dated", card.dated}, {"items", std::move(items)}};
    return answer;
}

Result<Answer> run_show(Call& call) {
    const std::string model = call.arguments() > 0 ? call.argument(0) : "";
    const WallTime now = call.world().now;
    const std::string* const path = call.flag("--card");
    if (path == nullptr) return card_answer(mesh::pricing::default_card(), kShipped, model, now);
    const Result<RateCard> card = read_card_file(*path);
    if (!card) return fail(card.error());
    return card_answer(*card, *path, model, now);
}

Result<Answer> run_check(Call& call) {
    const std::string& path = call.argument(0);
    const Result<RateCard> card = read_guarded(path);
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

Result<Answer> run_diff(Call& call) {
    const Result<RateCard> next = read_guarded(call.argument(0));
    if (!next) return fail(next.error());
    const std::string* const path = call.flag("--card");
    Result<RateCard> old =
        path != nullptr ? read_card_file(*path) : Result<RateCard>(mesh::pricing::default_card());
    if (!old) return fail(std::move(old).error());
    Answer answer;
    answer.table.columns = {{"CHANGE"}, {"PROVIDER"}, {"MODEL"}, {"FROM"},
                            {"WHAT"},   {"BEFORE"},   {"AFTER"}};
    Value::List items;
    for (const Difference& one : differences(*old, *next)) {
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

}  // namespace

std::vector<Command> price_commands() {
    constexpr Flag kCard = {"--card", "FILE",
                            "The rate card to look at. Default: the one that ships with vidai."};
    return {
        {"price",
         "show",
         "Show what models cost by a rate card, per million tokens; -o wide shows all rates "
         "and the models' limits.",
         {"[MODEL]"},
         {kCard},
         run_show},
        {"price",
         "diff",
         "Show what a rate card changes, model by model.",
         {"FILE"},
         {{"--card", "FILE", "The card to compare with. Default: the one that ships with vidai."}},
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
