// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/bill_file.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/vocabulary/usd.h"
#include "schema/yaml/yaml.h"

namespace vidai::cli::commands {
namespace {

constexpr std::size_t kRequestBytesMax = 256;
constexpr std::size_t kMicroDigits = 6;

std::unexpected<Error> wrong(const std::string& name, int line, const std::string& what) {
    return fail(ErrorCode::kConfigInvalid, name + ":" + std::to_string(line) + ": " + what, name);
}

// "0.0123", rounded up where it is finer than a millionth.
std::optional<MicroUsd> amount_of(std::string_view text) {
    const std::size_t point = text.find('.');
    std::string_view finer;
    if (point != text.npos && text.size() > point + 1 + kMicroDigits) {
        finer = text.substr(point + 1 + kMicroDigits);
        text = text.substr(0, point + 1 + kMicroDigits);
    }
    if (!std::ranges::all_of(finer, [](char c) { return c >= '0' && c <= '9'; })) return {};
    auto amount = parse_usd(std::string(text) + "usd");
    if (amount && finer.find_first_not_of('0') != finer.npos) ++amount->value;
    return amount;
}

// RFC 4180, but that a field does not go over lines. Nothing: a quote is not closed.
std::optional<std::vector<std::string>> fields_of(std::string_view line) {
    std::vector<std::string> fields(1);
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
            fields.back() += line[i++];
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == ',' && !quoted) {
            fields.emplace_back();
        } else {
            fields.back() += c;
        }
    }
    if (quoted) return std::nullopt;
    return fields;
}

struct Line {
    std::string request, cost;
};

class Reader {
  public:
    explicit Reader(const std::string& name) : name_(name) {}

    Result<void> take(std::string_view text, int number) {
        auto line = text.starts_with('{') ? json(text, number) : csv(text, number);
        if (!line) return fail(std::move(line).error());
        if (!*line) return {};  // the names
        if ((*line)->request.empty() || (*line)->request.size() > kRequestBytesMax) {
            return wrong(name_, number, "`request` is the x-request-id of 1 to 256 bytes");
        }
        const auto cost = amount_of((*line)->cost);
        if (!cost) {
            return wrong(name_, number,
                         "`cost_usd` is an amount such as 0.0123, not '" + (*line)->cost + "'");
        }
        const auto [at, fresh] = billed.try_emplace((*line)->request, Billed{{}, number});
        at->second.cost += *cost;
        if (billed.size() <= kBilledMax) return {};
        return wrong(name_, number,
                     "more than " + std::to_string(kBilledMax) + " requests: split the file");
    }

    std::map<std::string, Billed> billed;

  private:
    Result<std::optional<Line>> csv(std::string_view text, int number) {
        auto fields = fields_of(text);
        if (!fields) return wrong(name_, number, "a quote is not closed");
        if (width_ == 0) {
            const auto request = std::ranges::find(*fields, "request");
            const auto cost = std::ranges::find(*fields, "cost_usd");
            if (request == fields->end() || cost == fields->end()) {
                return wrong(name_, number,
                             "the first line names the columns, and `request` and `cost_usd` are "
                             "among them");
            }
            width_ = fields->size();
            request_ = static_cast<std::size_t>(request - fields->begin());
            cost_ = static_cast<std::size_t>(cost - fields->begin());
            return std::optional<Line>();
        }
        if (fields->size() != width_) {
            return wrong(name_, number,
                         "it has " + std::to_string(fields->size()) +
                             " columns, and the first "
                             "line names " +
                             std::to_string(width_));
        }
        return std::optional(Line{(*fields)[request_], (*fields)[cost_]});
    }

    Result<std::optional<Line>> json(std::string_view text, int number) const {
        const auto root = yaml::parse(std::string(text), name_);
        if (!root) return wrong(name_, number, "no JSON object");
        const yaml::Node* const request = root->find("request");
        const yaml::Node* const cost = root->find("cost_usd");
        if (request == nullptr || cost == nullptr) {
            return wrong(name_, number, "`request` or `cost_usd` is missing");
        }
        return std::optional(Line{request->text, cost->text});
    }

    const std::string& name_;
    std::size_t width_ = 0, request_ = 0, cost_ = 0;
};

}  // namespace

Result<std::map<std::string, Billed>> read_bill(const std::string& text, const std::string& name) {
    Reader reader(name);
    int number = 0;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        std::string_view line = std::string_view(text).substr(start, end - start);
        if (line.ends_with('\r')) line.remove_suffix(1);
        start = end + 1;
        ++number;
        if (line.empty()) continue;
        if (auto taken = reader.take(line, number); !taken) return fail(std::move(taken).error());
    }
    if (reader.billed.empty()) return wrong(name, 1, "nothing was billed: the file has no lines");
    return std::move(reader.billed);
}

}  // namespace vidai::cli::commands
