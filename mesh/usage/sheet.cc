// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/sheet.h"

#include <algorithm>
#include <array>
#include <limits>

namespace vidai::mesh::usage {

namespace {

constexpr std::array<std::string_view, kFields> kNames = {
    "user", "team", "project", "key", "model", "provider", "target", "endpoint"};

template <class Quantity>
void add_up(Quantity& sum, Quantity more) {
    using Limits = std::numeric_limits<std::int64_t>;
    if (__builtin_add_overflow(sum.value, more.value, &sum.value)) {
        sum.value = more.value < 0 ? Limits::min() : Limits::max();
    }
}

void add_up(TokensByKind& sum, const TokensByKind& more) {
    add_up(sum.input, more.input);
    add_up(sum.cached_input, more.cached_input);
    add_up(sum.cache_write, more.cache_write);
    add_up(sum.output, more.output);
    add_up(sum.reasoning, more.reasoning);
    add_up(sum.audio_input, more.audio_input);
    add_up(sum.audio_output, more.audio_output);
}

}  // namespace

std::string_view to_text(Field field) {
    return kNames[static_cast<std::size_t>(field)];
}

Result<std::vector<Field>> parse_fields(std::string_view text) {
    std::vector<Field> fields;
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        const std::string_view name = text.substr(0, comma);
        const auto* const found = std::ranges::find(kNames, name);
        const auto field = static_cast<Field>(found - kNames.begin());
        if (found == kNames.end() || std::ranges::count(fields, field) > 0 ||
            comma + 1 == text.size()) {
            return fail(ErrorCode::kInvalidRequest,
                        "\"" + std::string(name) +
                            "\": give each of user, team, project, key, model, provider, "
                            "target and endpoint at most once, with commas between them");
        }
        fields.push_back(field);
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    }
    return fields;
}

std::string to_text(const std::vector<Field>& fields) {
    std::string text;
    for (const Field field : fields) {
        text += text.empty() ? "" : ",";
        text += to_text(field);
    }
    return text;
}

void Sums::add(const Event& event) {
    if (event.adjusts != 0) {
        add_up(adjusted, event.cost);
        if (event.priced) ++priced_since;
    } else {
        ++events;
        add_up(charged, event.charged);
        add_up(tokens, event.tokens);
        if (!event.priced) {
            ++unpriced;
            return;
        }
    }
    add_up(cost, event.cost);
    if (event.estimated || event.ceiling) add_up(estimated, event.cost);
}

void Sums::add(const Sums& more) {
    events += more.events;
    unpriced += more.unpriced;
    add_up(tokens, more.tokens);
    add_up(cost, more.cost);
    add_up(estimated, more.estimated);
    add_up(charged, more.charged);
    add_up(adjusted, more.adjusted);
    priced_since += more.priced_since;
}

Sums& Sheet::row(Group&& group) {
    if (const auto found = rows.find(group); found != rows.end()) return found->second;
    return rows.size() < kGroupsMax ? rows[std::move(group)] : others;
}

void Sheet::add(Group group, const Sums& more) {
    row(std::move(group)).add(more);
    total.add(more);
}

void Sheet::add(const Sheet& more) {
    for (const auto& [group, sums] : more.rows) row(Group(group)).add(sums);
    others.add(more.others);
    total.add(more.total);
}

}  // namespace vidai::mesh::usage
