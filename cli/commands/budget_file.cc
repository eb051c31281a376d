// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/budget_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "schema/vocabulary/usd.h"
#include "schema/yaml/yaml.h"

namespace vidai::cli::commands {

namespace {

constexpr std::array<std::string_view, 5> kWindows = {"none", "day", "week", "month", "year"};

class Reader {
  public:
    explicit Reader(const std::string& name) : name_(name) {}

    Result<std::vector<BudgetDefinition>> read(const yaml::Node& root) {
        const yaml::Node* list = root.find("budgets");
        if (list == nullptr || root.members.size() != 1 || list->kind != yaml::Node::Kind::kList) {
            return wrong(1,
                         "the file has one key, `budgets`, with a list; `vidaictl budget export` "
                         "writes one");
        }
        std::vector<BudgetDefinition> out;
        std::set<BudgetId> seen;
        for (const yaml::Node& item : list->items) {
            auto one = definition(item);
            if (!one) return fail(std::move(one).error());
            if (!seen.insert(one->budget).second) {
                return wrong(item.line, "budget '" + one->budget.str() + "' is there twice");
            }
            out.push_back(std::move(*one));
        }
        return out;
    }

  private:
    std::unexpected<Error> wrong(int line, const std::string& what) const {
        return fail(ErrorCode::kConfigInvalid, name_ + ":" + std::to_string(line) + ": " + what,
                    name_);
    }

    Result<BudgetDefinition> definition(const yaml::Node& item) const {
        if (item.kind != yaml::Node::Kind::kMap) {
            return wrong(item.line, "a budget has at least `name` and `limit`");
        }
        BudgetDefinition out;
        bool limited = false;
        for (const yaml::Node::Member& member : item.members) {
            if (auto set = take(member, out, limited); !set) return fail(std::move(set).error());
        }
        if (out.budget.empty() || !limited) {
            return wrong(item.line, "a budget has a `name` and a `limit`");
        }
        if (!out.zone.empty() && out.window == "none") {
            return wrong(item.line, "`tz` says whose calendar the `window` goes by: it needs one");
        }
        return out;
    }

    Result<void> take(const yaml::Node::Member& member, BudgetDefinition& out,
                      bool& limited) const {
        const std::string& text = member.value.text;
        if (member.value.kind != yaml::Node::Kind::kScalar) {
            return wrong(member.line, "`" + member.key + "` takes one word");
        }
        if (member.key == "name") {
            auto name = parse_budget_id(text);
            if (!name) return wrong(member.line, name.error().message);
            out.budget = std::move(*name);
        } else if (member.key == "limit") {
            const auto limit = parse_usd(text);
            if (!limit) {
                return wrong(member.line,
                             "`limit` takes an amount such as 50usd or 0.25usd, with "
                             "at most six decimals");
            }
            out.limit = *limit;
            limited = true;
        } else if (member.key == "window") {
            if (std::ranges::find(kWindows, text) == kWindows.end()) {
                return wrong(member.line, "`window` takes none, day, week, month or year");
            }
            out.window = text;
        } else if (member.key == "tz") {
            out.zone = text == "UTC" ? "" : text;
        } else if (member.key == "mode") {
            if (text != "enforce" && text != "observe") {
                return wrong(member.line, "`mode` takes enforce or observe");
            }
            out.enforce = text == "enforce";
        } else if (member.key == "alert") {
            auto percents = parse_percents(text);
            if (!percents) {
                return wrong(member.line,
                             "`alert` takes up to 8 rising percentages such as 50%,80%,100%");
            }
            out.alerts = std::move(*percents);
        } else {
            return wrong(member.line, "a budget has no '" + member.key +
                                          "': name, limit, window, tz, alert or mode");
        }
        return {};
    }

    const std::string& name_;
};

}  // namespace

BudgetDefinition definition_of(const mesh::BudgetStanding& budget) {
    return {budget.budget,  budget.limit, budget.window, budget.zone == "UTC" ? "" : budget.zone,
            budget.enforce, budget.alerts};
}

std::optional<std::vector<std::uint8_t>> parse_percents(std::string_view text) {
    constexpr std::size_t kMost = 8;
    std::vector<std::uint8_t> out;
    if (text == "none") return out;
    while (out.size() < kMost) {
        const std::size_t comma = text.find(',');
        const std::string_view one = text.substr(0, comma);
        unsigned percent = 0;
        const auto read = std::from_chars(one.data(), one.data() + one.size(), percent);
        const bool whole = read.ec == std::errc{} && read.ptr + 1 == one.data() + one.size();
        if (!whole || !one.ends_with('%') || percent < 1 || percent > 100) return std::nullopt;
        if (!out.empty() && percent <= out.back()) return std::nullopt;
        out.push_back(static_cast<std::uint8_t>(percent));
        if (comma == std::string_view::npos) return out;
        text.remove_prefix(comma + 1);
    }
    return std::nullopt;
}

std::string percents_text(const std::vector<std::uint8_t>& percents) {
    if (percents.empty()) return "none";
    std::string out;
    for (const std::uint8_t percent : percents) {
        out += (out.empty() ? "" : ",") + std::to_string(percent) + "%";
    }
    return out;
}

// Names and zones have no character that YAML would take for something else; but a name may look
// like a number or a word of YAML, so it is quoted.
std::string write_budget_file(const std::vector<BudgetDefinition>& definitions) {
    std::string out =
        "# Hard budgets: what may be spent, not what was. `vidaictl budget import FILE` makes them "
        "so.\nbudgets:";
    if (definitions.empty()) out += " []";
    out += '\n';
    for (const BudgetDefinition& one : definitions) {
        out += "  - name: \"" + one.budget.str() + "\"\n    limit: " + print_usd(one.limit) + '\n';
        if (one.window != "none") out += "    window: " + one.window + '\n';
        if (!one.zone.empty()) out += "    tz: " + one.zone + '\n';
        if (!one.alerts.empty()) out += "    alert: " + percents_text(one.alerts) + '\n';
        if (!one.enforce) out += "    mode: observe\n";
    }
    return out;
}

Result<std::vector<BudgetDefinition>> read_budget_file(const std::string& text,
                                                       const std::string& name) {
    auto root = yaml::parse(text, name);
    if (!root) return fail(std::move(root).error());
    return Reader(name).read(*root);
}

}  // namespace vidai::cli::commands
