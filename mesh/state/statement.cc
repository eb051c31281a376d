// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/statement.h"

#include "schema/vocabulary/check.h"

namespace vidai::mesh::state {

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kSubjectMax = 64;

std::uint64_t ms(WallTime time) {
    return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

std::unexpected<Error> malformed(const char* what) {
    return fail(ErrorCode::kProtocol, "an operator's statement is malformed", what);
}

// Everything of a statement but its value.
Result<WallTime> check_until(const Statement& statement, std::uint64_t until) {
    const std::uint64_t said = ms(statement.time.wall());
    const auto longest = static_cast<std::uint64_t>(
        std::chrono::duration_cast<WallTime::duration>(kStatementLifeMax).count());
    if (until <= said || until - said > longest) return malformed("until");
    return WallTime(WallTime::duration(static_cast<std::int64_t>(until)));
}

}  // namespace

std::string revocation_id(const seal::PublicKey& key) {
    return seal::to_hex(key.bytes);
}

Statement encode_statement(const Revocation& said, const NodeId& by, WallTime now) {
    CHECK(said.subject.size() <= kSubjectMax && said.reason.size() <= kReasonMax);
    seal::Bytes value;
    seal::Writer(value)
        .u8(kFormat)
        .fixed(said.key.bytes)
        .u64(ms(said.until))
        .var8(seal::bytes_of(said.subject))
        .var8(seal::bytes_of(said.reason));
    return {RegisterKind::kRevocation, revocation_id(said.key), true, Hlc::at(now), by,
            std::move(value)};
}

Statement encode_statement(const Forget& said, const NodeId& by, WallTime now) {
    seal::Bytes value;
    seal::Writer(value).u8(kFormat).u64(said.serial).u64(said.generation.value).u64(ms(said.until));
    return {RegisterKind::kForget, said.node.str(), true, Hlc::at(now), by, std::move(value)};
}

Result<Revocation> decode_revocation(const Statement& statement) {
    seal::Reader in(statement.value);
    Revocation said;
    const bool known = in.u8() == kFormat;
    in.into(said.key.bytes);
    const std::uint64_t until = in.u64();
    said.subject = std::string(seal::text_of(in.var8()));
    said.reason = std::string(seal::text_of(in.var8()));
    if (statement.kind != RegisterKind::kRevocation || !known || !in.done()) {
        return malformed("value");
    }
    if (statement.id != revocation_id(said.key)) return malformed("id");
    if (said.subject.size() > kSubjectMax) return malformed("subject");
    if (said.reason.size() > kReasonMax) return malformed("reason");
    const auto when = check_until(statement, until);
    if (!when) return fail(when.error());
    said.until = *when;
    return said;
}

Result<Forget> decode_forget(const Statement& statement) {
    seal::Reader in(statement.value);
    Forget said;
    const bool known = in.u8() == kFormat;
    said.serial = in.u64();
    said.generation = Generation{in.u64()};
    const std::uint64_t until = in.u64();
    if (statement.kind != RegisterKind::kForget || !known || !in.done()) return malformed("value");
    auto node = parse_node_id(statement.id);
    if (!node) return malformed("id");
    said.node = std::move(*node);
    const auto when = check_until(statement, until);
    if (!when) return fail(when.error());
    said.until = *when;
    return said;
}

}  // namespace vidai::mesh::state
