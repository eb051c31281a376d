// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/limit_value.h"

#include <algorithm>
#include <chrono>
#include <string>

#include <flatbuffers/flatbuffers.h>

#include "schema/records/records_generated.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::state {
namespace {

constexpr flatbuffers::uoffset_t kDepthMax = 4;
constexpr flatbuffers::uoffset_t kTablesMax = 8;

}  // namespace

std::vector<std::uint8_t> encode_limit(const LimitRecord& record) {
    CHECK(validate(record).has_value(), "an invalid limit record");
    flatbuffers::FlatBufferBuilder builder(256);
    const auto name = builder.CreateString(record.name);
    const auto equal = builder.CreateVectorOfStrings(
        std::vector<std::string>(record.scope.equal.begin(), record.scope.equal.end()));
    builder.Finish(records::CreateLimit(
        builder, name, equal, record.scope.each, static_cast<std::uint8_t>(record.unit),
        record.amount, record.span_s, record.fixed, record.burst,
        static_cast<std::uint8_t>(record.mode), record.created.time_since_epoch().count()));
    return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

Result<LimitRecord> decode_limit(const Statement& statement) {
    if (statement.kind != RegisterKind::kLimit) {
        return fail(ErrorCode::kProtocol, "a register is not of kind limit", "kind");
    }
    const std::vector<std::uint8_t>& bytes = statement.value;
    flatbuffers::Verifier verifier(bytes.data(), bytes.size(), kDepthMax, kTablesMax);
    if (!verifier.VerifyBuffer<records::Limit>(nullptr)) {
        return fail(ErrorCode::kProtocol, "a limit's record is malformed", "value");
    }
    const auto* limit = flatbuffers::GetRoot<records::Limit>(bytes.data());
    // A field more would be a condition that this program does not look at.
    if (!limit->name() || !limit->equal() || limit->equal()->size() != kScopeFields) {
        return fail(ErrorCode::kProtocol, "a limit has no name, or a scope of another form",
                    "value");
    }
    LimitRecord record;
    record.id = statement.id;
    record.deleted = statement.retired;
    record.name = limit->name()->str();
    for (flatbuffers::uoffset_t i = 0; i < kScopeFields; ++i) {
        record.scope.equal[i] = limit->equal()->Get(i)->str();
    }
    record.scope.each = limit->each();
    record.unit = LimitUnit{limit->unit()};
    record.amount = limit->amount();
    record.span_s = limit->span_s();
    record.fixed = limit->fixed();
    record.burst = limit->burst();
    record.mode = LimitMode{limit->mode()};
    record.created = WallTime(std::chrono::milliseconds(limit->created_ms()));
    if (const auto valid = validate(record); !valid) {
        return fail(ErrorCode::kProtocol, valid.error().message, valid.error().param);
    }
    return record;
}

}  // namespace vidai::mesh::state
