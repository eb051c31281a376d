// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/report.h"

#include <algorithm>
#include <array>
#include <limits>

namespace vidai::mesh::usage {

namespace {

constexpr std::array<std::string_view, kFields> kNames = {
    "user", "team", "project", "key", "model", "provider", "target", "endpoint"};

const std::string& value_of(const Event& event, Field field) {
    switch (field) {
        case Field::kUser:
            return event.caller.user;
        case Field::kTeam:
            return event.caller.team;
        case Field::kProject:
            return event.caller.project;
        case Field::kKey:
            return event.caller.key.str();
        case Field::kModel:
            return event.callee.model;
        case Field::kProvider:
            return event.callee.provider;
        case Field::kTarget:
            return event.callee.target;
        case Field::kEndpoint:
            break;
    }
    return event.callee.endpoint;
}

// Of what is not negative.
template <class Quantity>
void add_up(Quantity& sum, Quantity more) {
    if (__builtin_add_overflow(sum.value, more.value, &sum.value)) {
        sum.value = std::numeric_limits<std::int64_t>::max();
    }
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

void Sums::add(const Event& event) {
    ++events;
    add_up(charged, event.charged);
    add_up(tokens.input, event.tokens.input);
    add_up(tokens.cached_input, event.tokens.cached_input);
    add_up(tokens.cache_write, event.tokens.cache_write);
    add_up(tokens.output, event.tokens.output);
    add_up(tokens.reasoning, event.tokens.reasoning);
    add_up(tokens.audio_input, event.tokens.audio_input);
    add_up(tokens.audio_output, event.tokens.audio_output);
    if (!event.priced) {
        ++unpriced;
        return;
    }
    add_up(cost, event.cost);
    if (event.estimated) add_up(estimated, event.cost);
}

bool Report::add(const seal::PublicKey& origin, const Event& event) {
    if (event.time < query_.since || event.time >= query_.until) return false;
    if (!seen_[origin].insert(event.number)) return false;
    Group group;
    group.reserve(query_.by.size());
    for (const Field field : query_.by) group.push_back(value_of(event, field));
    auto row = rows_.find(group);
    if (row == rows_.end() && rows_.size() < kGroupsMax) {
        row = rows_.emplace(std::move(group), Sums{}).first;
    }
    (row != rows_.end() ? row->second : others_).add(event);
    total_.add(event);
    return true;
}

}  // namespace vidai::mesh::usage
