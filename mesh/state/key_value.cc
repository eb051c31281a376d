// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/key_value.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include <flatbuffers/flatbuffers.h>

#include "mesh/state/key_table.h"
#include "schema/records/records_generated.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::state {

namespace {

constexpr flatbuffers::uoffset_t kDepthMax = 4;
constexpr flatbuffers::uoffset_t kTablesMax = 8;

template <class To, class From>
std::optional<To> present(bool has, From value) {
    return has ? std::optional<To>(value) : std::nullopt;
}

std::string text_of(const flatbuffers::String* text) {
    return text ? text->str() : std::string();
}

}  // namespace

std::vector<std::uint8_t> encode_key(const KeyRecord& record) {
    CHECK(validate(record).has_value(), "an invalid key record");
    flatbuffers::FlatBufferBuilder builder(512);
    const auto name = builder.CreateString(record.name);
    const auto salt = builder.CreateVector(record.salt.data(), record.salt.size());
    const auto hash = builder.CreateVector(record.hash.data(), record.hash.size());
    const auto models = builder.CreateVectorOfStrings(record.models);
    std::vector<std::string> names;
    for (const BudgetId& budget : record.budgets) names.push_back(budget.str());
    const auto budgets = names.empty() ? decltype(models)() : builder.CreateVectorOfStrings(names);
    const auto named = [&](const std::string& text) {
        return text.empty() ? decltype(name)() : builder.CreateString(text);
    };
    const auto user = named(record.owner.user), team = named(record.owner.team),
               project = named(record.owner.project);
    const KeyLimits& limits = record.limits;
    builder.Finish(records::CreateKey(
        builder, name, salt, hash, models, limits.requests_per_minute.has_value(),
        limits.requests_per_minute.value_or(0), limits.tokens_per_minute.has_value(),
        limits.tokens_per_minute.value_or(0), limits.concurrency.has_value(),
        limits.concurrency.value_or(0), record.created.time_since_epoch().count(), budgets, user,
        team, project));
    return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

Result<KeyRecord> decode_key(const Statement& statement) {
    if (statement.kind != RegisterKind::kKey) {
        return fail(ErrorCode::kProtocol, "a register is not of kind key", "kind");
    }
    const std::vector<std::uint8_t>& bytes = statement.value;
    flatbuffers::Verifier verifier(bytes.data(), bytes.size(), kDepthMax, kTablesMax);
    if (!verifier.VerifyBuffer<records::Key>(nullptr)) {
        return fail(ErrorCode::kProtocol, "a key's record is malformed", "value");
    }
    const auto* key = flatbuffers::GetRoot<records::Key>(bytes.data());
    KeyRecord record;
    record.id = KeyId(statement.id);
    record.revoked = statement.retired;
    record.name = text_of(key->name());
    if (!key->salt() || key->salt()->size() != record.salt.size() || !key->hash() ||
        key->hash()->size() != record.hash.size()) {
        return fail(ErrorCode::kProtocol, "a key's salt or hash has the wrong length", "value");
    }
    std::copy(key->salt()->begin(), key->salt()->end(), record.salt.begin());
    std::copy(key->hash()->begin(), key->hash()->end(), record.hash.begin());
    if (key->models()) {
        for (const auto* model : *key->models()) record.models.push_back(text_of(model));
    }
    if (key->budgets()) {
        for (const auto* budget : *key->budgets()) record.budgets.emplace_back(text_of(budget));
    }
    record.limits.requests_per_minute =
        present<std::uint32_t>(key->has_requests_per_minute(), key->requests_per_minute());
    record.limits.tokens_per_minute =
        present<std::uint64_t>(key->has_tokens_per_minute(), key->tokens_per_minute());
    record.limits.concurrency = present<std::uint32_t>(key->has_concurrency(), key->concurrency());
    record.created = WallTime(std::chrono::milliseconds(key->created_ms()));
    record.owner = {text_of(key->user()), text_of(key->team()), text_of(key->project())};
    if (const auto valid = validate(record); !valid) {
        return fail(ErrorCode::kProtocol, valid.error().message, valid.error().param);
    }
    return record;
}

}  // namespace vidai::mesh::state
