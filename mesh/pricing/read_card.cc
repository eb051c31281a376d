// SPDX-License-Identifier: Apache-2.0
// Text to a card, strictly, with everything that is wrong with it said at once.
#include <algorithm>
#include <charconv>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "mesh/pricing/rate_card.h"
#include "mesh/pricing/rate_names.h"
#include "mesh/pricing/unit_guard.h"
#include "schema/base/near.h"
#include "schema/vocabulary/usd.h"
#include "schema/yaml/yaml.h"

namespace vidai::mesh::pricing {
namespace {

using yaml::Node;
using Kind = Node::Kind;

constexpr std::size_t kProblemsMax = 20;
constexpr std::int64_t kTokensMax = 100'000'000;
constexpr std::uint16_t kPercentMax = 1'000;
constexpr std::string_view kUsdForm = "such as 0.15usd (not negative, six decimals at most)";

class Reader {
  public:
    explicit Reader(const std::string& name) : name_(name) {}

    Result<RateCard> read(const Node& root);

  private:
    void problem(int line, std::string_view path, const std::string& what);
    std::string text(const Node::Member& member, std::string_view path, std::size_t bytes_max);
    void read_row(const Node& node, const std::string& path);
    void read_member(const Node::Member& member, const std::string& path, Row& row);
    void read_models(const Node::Member& member, const std::string& path, Row& row);
    void read_day(const Node::Member& member, const std::string& path, WallTime& day);
    void read_tiers(const Node::Member& member, const std::string& path, Price& price);
    bool read_rate(const Node::Member& member, const std::string& path, Rates& rates);
    bool read_count(const Node::Member& member, const std::string& path, Tokens& tokens);
    void finish_rates(const Node& node, const std::string& path, Rates& rates);
    void finish_row(const Node& node, const std::string& path, Row& row);
    void check_overlaps();

    const std::string& name_;
    RateCard card_;
    std::string problems_;
    std::size_t problem_count_ = 0;
};

bool plain(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// A name of a provider or a model, or what it begins with and one '*'.
bool pattern(std::string_view text) {
    const std::size_t star = text.find('*');
    return !text.empty() && text.size() <= kNameBytesMax &&
           (star == text.npos || star == text.size() - 1) &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

void Reader::problem(int line, std::string_view path, const std::string& what) {
    if (++problem_count_ > kProblemsMax) return;
    problems_ += (problems_.empty() ? "" : "\n") + name_ + ":" + std::to_string(line) + ": " +
                 std::string(path) + (path.empty() ? "" : ": ") + what;
}

std::string Reader::text(const Node::Member& member, std::string_view path, std::size_t bytes_max) {
    const Node& value = member.value;
    if (value.kind == Kind::kScalar && value.text.size() <= bytes_max && plain(value.text)) {
        return value.text;
    }
    problem(member.line, path,
            "expected one line of ASCII of at most " + std::to_string(bytes_max) + " bytes");
    return {};
}

bool Reader::read_rate(const Node::Member& member, const std::string& path, Rates& rates) {
    const auto rate = std::ranges::find(kRateNames, member.key, &RateName::name);
    if (rate == kRateNames.end()) return false;
    const auto usd =
        member.value.kind == Kind::kScalar ? parse_usd(member.value.text) : std::nullopt;
    if (usd) {
        rates.*rate->rate = {usd->value};
    } else {
        problem(member.line, path + "." + member.key,
                "expected a price per million tokens, " + std::string(kUsdForm));
    }
    return true;
}

bool Reader::read_count(const Node::Member& member, const std::string& path, Tokens& tokens) {
    const std::string& digits = member.value.text;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool whole = error == std::errc{} && end == digits.data() + digits.size();
    if (member.value.kind != Kind::kScalar || !whole || value < 1 || value > kTokensMax) {
        problem(member.line, path + "." + member.key,
                "expected a whole number of tokens from 1 to " + std::to_string(kTokensMax));
        return false;
    }
    tokens = {value};
    return true;
}

void Reader::read_day(const Node::Member& member, const std::string& path, WallTime& day) {
    const auto parsed =
        member.value.kind == Kind::kScalar ? parse_day(member.value.text) : std::nullopt;
    if (parsed) {
        day = *parsed;
    } else {
        problem(member.line, path + "." + member.key,
                "expected a day such as 2026-11-26, or a time such as 2026-11-26T12:00:00Z; UTC");
    }
}

void Reader::read_models(const Node::Member& member, const std::string& path, Row& row) {
    std::vector<const Node*> items;
    if (member.value.kind == Kind::kScalar) items = {&member.value};
    for (const Node& item : member.value.items) items.push_back(&item);
    for (const Node* item : items) {
        if (item->kind == Kind::kScalar && pattern(item->text) &&
            std::ranges::find(row.models, item->text) == row.models.end()) {
            row.models.push_back(item->text);
        }
    }
    if (row.models.empty() || row.models.size() != items.size() || items.size() > kModelsMax) {
        problem(member.line, path + ".model",
                "expected a model, or a list of 1 to " + std::to_string(kModelsMax) +
                    " different ones; a name of the provider's, or its beginning and one '*'");
    }
}

// What a row leaves out costs as what it is the nearest to, which is never cheaper.
void Reader::finish_rates(const Node& node, const std::string& path, Rates& rates) {
    for (const std::string_view key : {"input", "output"}) {
        if (node.find(key) == nullptr) {
            problem(node.line, path, std::string(key) + " is missing; 0usd where it is free");
        }
    }
    if (node.find("cached_input") == nullptr) rates.cached_input = rates.input;
    if (node.find("cache_write") == nullptr) rates.cache_write = rates.input;
    if (node.find("reasoning") == nullptr) rates.reasoning = rates.output;
}

void Reader::read_tiers(const Node::Member& member, const std::string& path, Price& price) {
    const Node& list = member.value;
    if (list.kind != Kind::kList || list.items.empty() || list.items.size() > kTiersMax) {
        return problem(member.line, path + ".tiers",
                       "expected a list of 1 to " + std::to_string(kTiersMax) +
                           " tiers, each with above and its rates");
    }
    for (const Node& item : list.items) {
        const std::string here = path + ".tiers[" + std::to_string(price.tier_count) + "]";
        Tier& tier = price.tier_table[price.tier_count++];
        for (const Node::Member& one : item.members) {
            if (one.key == "above") {
                read_count(one, here, tier.above);
            } else if (!read_rate(one, here, tier.rates)) {
                problem(one.line, here + "." + one.key, "unknown key");
            }
        }
        if (item.find("above") == nullptr) {
            problem(item.line, here, "above is missing: the input tokens from which on it holds");
        }
        finish_rates(item, here, tier.rates);
        if (price.tier_count > 1 && tier.above <= (&tier - 1)->above) {
            problem(item.line, here + ".above", "tiers stand in rising order");
        }
    }
}

void Reader::read_member(const Node::Member& member, const std::string& path, Row& row) {
    const auto limit = std::ranges::find(kLimitNames, member.key, &LimitName::name);
    const auto percent = std::ranges::find(kPercentNames, member.key, &PercentName::name);
    if (member.key == "provider") {
        row.provider = text(member, path + ".provider", kNameBytesMax);
        if (!row.provider.empty() && !pattern(row.provider)) {
            problem(member.line, path + ".provider", "expected a name, or its beginning and '*'");
        }
    } else if (member.key == "model") {
        read_models(member, path, row);
    } else if (member.key == "from") {
        read_day(member, path, row.from);
    } else if (member.key == "to") {
        read_day(member, path, row.to);
    } else if (member.key == "note") {
        row.note = text(member, path + ".note", kNoteBytesMax);
    } else if (member.key == "tiers") {
        read_tiers(member, path, row.price);
    } else if (member.key == "request") {
        const auto usd =
            member.value.kind == Kind::kScalar ? parse_usd(member.value.text) : std::nullopt;
        if (!usd) {
            return problem(member.line, path + ".request",
                           "expected the fee of one request, " + std::string(kUsdForm));
        }
        row.price.request = *usd;
    } else if (limit != kLimitNames.end()) {
        read_count(member, path, row.price.limits.*limit->limit);
    } else if (percent != kPercentNames.end()) {
        std::uint16_t value = 0;
        const std::string& said = member.value.text;
        const auto [end, error] = std::from_chars(said.data(), said.data() + said.size(), value);
        if (error != std::errc{} || std::string_view(end) != "%" || value < 1 ||
            value > kPercentMax) {
            return problem(member.line, path + "." + member.key,
                           "expected a share of the rates from 1% to 1000%, such as 50%");
        }
        row.price.*percent->percent = value;
    } else if (member.key == "ceiling") {
        row.price.ceiling = member.value.kind == Kind::kScalar && member.value.text == "true";
        if (!row.price.ceiling) {
            problem(member.line, path + ".ceiling",
                    "expected true: this row is what a model without a price is charged");
        }
    } else if (!read_rate(member, path, row.price.rates)) {
        std::vector<std::string_view> keys = {"provider", "model", "from",    "to",
                                              "note",     "tiers", "request", "ceiling"};
        for (const RateName& one : kRateNames) keys.push_back(one.name);
        for (const LimitName& one : kLimitNames) keys.push_back(one.name);
        for (const PercentName& one : kPercentNames) keys.push_back(one.name);
        problem(member.line, path + "." + member.key, "unknown key" + suggestion(member.key, keys));
    }
}

void Reader::finish_row(const Node& node, const std::string& path, Row& row) {
    for (const std::string_view key : {"provider", "model"}) {
        if (node.find(key) == nullptr) {
            problem(node.line, path, std::string(key) + " is missing");
        }
    }
    finish_rates(node, path, row.price.rates);
    const bool hears = node.find("audio_input") != nullptr;
    const bool speaks = node.find("audio_output") != nullptr;
    if (hears != speaks) {
        problem(node.line, path, "audio_input and audio_output are given together or not at all");
    }
    row.price.audio = hears && speaks;
    row.price.known = true;
    if (row.from >= row.to) problem(node.line, path + ".to", "must be later than from");
    ModelLimits& limits = row.price.limits;
    if (limits.output_max.value != 0 && limits.useful_output > limits.output_max) {
        if (node.find("useful_output") != nullptr) {
            problem(node.line, path + ".useful_output", "must not be more than output_max");
        }
        limits.useful_output = limits.output_max;
    }
    if (!row.price.audio) return;
    for (Tier& tier : std::span(row.price.tier_table).first(row.price.tier_count)) {
        if (tier.rates.audio_input.value == 0) {
            tier.rates.audio_input = row.price.rates.audio_input;
        }
        if (tier.rates.audio_output.value == 0) {
            tier.rates.audio_output = row.price.rates.audio_output;
        }
    }
}

void Reader::read_row(const Node& node, const std::string& path) {
    if (node.kind != Kind::kMap) {
        return problem(node.line, path, "expected a map with provider, model, input and output");
    }
    Row row;
    row.line = node.line;
    for (const Node::Member& member : node.members) read_member(member, path, row);
    finish_row(node, path, row);
    card_.rows.push_back(std::move(row));
}

// Sorted by what they name and from when, only neighbours can overlap.
void Reader::check_overlaps() {
    struct Claim {
        std::string_view provider, model;
        std::size_t row;
    };
    const auto& rows = card_.rows;
    std::vector<Claim> claims;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        for (const std::string& model : rows[i].models)
            claims.push_back({rows[i].provider, model, i});
    }
    std::sort(claims.begin(), claims.end(), [&](const Claim& a, const Claim& b) {
        return std::tie(a.provider, a.model, rows[a.row].from, a.row) <
               std::tie(b.provider, b.model, rows[b.row].from, b.row);
    });
    for (std::size_t i = 1; i < claims.size(); ++i) {
        const Claim &before = claims[i - 1], &here = claims[i];
        if (before.provider != here.provider || before.model != here.model ||
            rows[before.row].to <= rows[here.row].from) {
            continue;
        }
        problem(rows[here.row].line, "prices[" + std::to_string(here.row) + "]",
                std::string(here.model) + " has at the same time the price of line " +
                    std::to_string(rows[before.row].line) + "; give one of them from or to");
    }
}

Result<RateCard> Reader::read(const Node& root) {
    if (root.kind != Kind::kMap) {
        problem(root.line == 0 ? 1 : root.line, "", "expected a map with prices");
    }
    const Node* prices = nullptr;
    for (const Node::Member& member : root.members) {
        if (member.key == "card") {
            card_.name = text(member, "card", kNameBytesMax);
        } else if (member.key == "dated") {
            card_.dated = text(member, "dated", 10);
            if (!parse_day(card_.dated)) {
                problem(member.line, "dated", "expected a day such as 2026-11-26");
            }
        } else if (member.key == "prices") {
            prices = &member.value;
        } else {
            const std::string_view keys[] = {"card", "dated", "prices"};
            problem(member.line, member.key, "unknown key" + suggestion(member.key, keys));
        }
    }
    const bool list = prices != nullptr && prices->kind == Kind::kList;
    if (root.kind == Kind::kMap &&
        (!list || prices->items.empty() || prices->items.size() > kRowsMax)) {
        problem(prices != nullptr ? prices->line : root.line, "prices",
                "expected a list of 1 to " + std::to_string(kRowsMax) + " prices");
    } else if (list) {
        for (std::size_t i = 0; i < prices->items.size(); ++i) {
            read_row(prices->items[i], "prices[" + std::to_string(i) + "]");
        }
    }
    check_overlaps();
    for (const RowProblem& wrong : unit_problems(card_, RateCard{})) {
        problem(card_.rows[wrong.row].line, "prices[" + std::to_string(wrong.row) + "]",
                wrong.what);
    }
    if (problem_count_ == 0) return std::move(card_);
    if (problem_count_ > kProblemsMax) {
        problems_ += "\nand " + std::to_string(problem_count_ - kProblemsMax) + " more";
    }
    return fail(ErrorCode::kConfigInvalid, problems_, name_);
}

}  // namespace

Result<RateCard> read_card(const std::string& text, const std::string& name) {
    if (text.size() > kCardBytesMax) {
        return fail(ErrorCode::kConfigInvalid,
                    name + ": longer than " + std::to_string(kCardBytesMax) + " bytes", name);
    }
    Result<Node> root = yaml::parse(text, name);
    if (!root) return fail(std::move(root).error());
    return Reader(name).read(*root);
}

}  // namespace vidai::mesh::pricing
