// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/succession.h"

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

#include "mesh/state/statement.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::state {

namespace {

constexpr std::uint8_t kFormat = 1;

std::uint64_t ms(WallTime time) {
    return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

std::unexpected<Error> malformed(const char* what) {
    return fail(ErrorCode::kProtocol, "a root's statement is malformed", what);
}

seal::Bytes accepted_part(const seal::Succession& said, const MeshId& mesh) {
    seal::Bytes out;
    seal::Writer(out)
        .fixed(mesh.bytes)
        .fixed(said.from.bytes)
        .fixed(said.to.bytes)
        .u64(ms(said.began))
        .u64(ms(said.until));
    return out;
}

bool read_time(seal::Reader& in, WallTime& time) {
    constexpr std::uint64_t kMax = std::uint64_t{1} << 53;
    const std::uint64_t value = in.u64();
    time = WallTime(WallTime::duration(static_cast<std::int64_t>(std::min(value, kMax))));
    return value <= kMax;
}

// All of a value; the acceptance is what the new root signed.
bool read_value(const Statement& statement, seal::Succession& said, seal::Signature& acceptance) {
    seal::Reader in(statement.value);
    const bool known = in.u8() == kFormat;
    in.into(said.to.bytes);
    const bool began = read_time(in, said.began), until = read_time(in, said.until);
    in.into(acceptance.bytes);
    return known && began && until && in.done();
}

bool read_key(const std::string& hex, seal::PublicKey& key) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    if (hex.size() != 2 * key.bytes.size()) return false;
    for (std::size_t i = 0; i < key.bytes.size(); ++i) {
        const std::size_t high = kDigits.find(hex[2 * i]), low = kDigits.find(hex[2 * i + 1]);
        if (high == std::string_view::npos || low == std::string_view::npos) return false;
        key.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return true;
}

}  // namespace

Register sign_succession(const seal::Succession& said, const seal::SecretKey& old,
                         const seal::SecretKey& fresh, const MeshId& mesh, WallTime now) {
    CHECK(old.public_key() == said.from && fresh.public_key() == said.to);
    const seal::Signature acceptance =
        fresh.sign(seal::Domain::kRootAcceptance, accepted_part(said, mesh));
    seal::Bytes value;
    seal::Writer(value)
        .u8(kFormat)
        .fixed(said.to.bytes)
        .u64(ms(said.began))
        .u64(ms(said.until))
        .fixed(acceptance.bytes);
    Statement statement{RegisterKind::kRoot, revocation_id(said.from), true,
                        Hlc::at(now),        NodeId(kRootOrigin),      std::move(value)};
    return sign_register(std::move(statement), old, std::make_shared<const seal::Bytes>(), mesh);
}

Result<seal::Succession> decode_succession(const Statement& statement) {
    seal::Succession said;
    seal::Signature acceptance;
    if (statement.kind != RegisterKind::kRoot || statement.origin.str() != kRootOrigin) {
        return malformed("origin");
    }
    if (!read_value(statement, said, acceptance)) return malformed("value");
    if (!read_key(statement.id, said.from)) return malformed("id");
    if (said.from == said.to) return malformed("to");
    const WallTime time = statement.time.wall();
    if (said.began > time) return malformed("began");
    if (said.until < time || said.until - time > kStatementLifeMax) return malformed("until");
    return said;
}

Result<seal::Succession> verify_succession(const Register& held, const MeshId& mesh) {
    auto said = decode_succession(held.statement);
    if (!said) return said;
    if (!held.chain->empty()) return malformed("chain");
    seal::Succession read;
    seal::Signature acceptance;
    (void)read_value(held.statement, read, acceptance);
    seal::Bytes stated(mesh.bytes.begin(), mesh.bytes.end());
    seal::Writer(stated).fixed(encode(held.statement));
    const bool signed_by_both =
        seal::verify(said->from, seal::Domain::kRootStatement, stated, held.signature) &&
        seal::verify(said->to, seal::Domain::kRootAcceptance, accepted_part(*said, mesh),
                     acceptance);
    if (signed_by_both) return said;
    return fail(ErrorCode::kUnauthenticated,
                "a root's statement is not signed by both of the roots that it names", "signature");
}

bool precedes(const seal::Succession& a, const seal::Succession& b) {
    return std::tie(a.began, a.to, a.until) < std::tie(b.began, b.to, b.until);
}

void roots_first(const seal::Roots& known, std::vector<Register>& registers) {
    const auto is_root = [](const Register& r) { return r.statement.kind == RegisterKind::kRoot; };
    const auto rest = std::ranges::stable_partition(registers, is_root);
    seal::Roots reached = known;  // taken at its word here: only the order comes of it
    auto next = registers.begin();
    for (std::size_t i = 0; i < seal::kRootsMax; ++i) {
        const auto found = std::find_if(next, rest.begin(), [&](const Register& candidate) {
            const auto said = decode_succession(candidate.statement);
            return said && reached.add(*said, {}) == seal::Roots::Added::kTaken;
        });
        if (found == rest.begin()) return;
        std::iter_swap(next++, found);
    }
}

std::size_t follow(seal::Roots& roots, std::vector<Register> held) {
    std::size_t taken = 0;
    roots_first(roots, held);
    for (const Register& candidate : held) {
        if (candidate.statement.kind != RegisterKind::kRoot) break;
        const auto said = verify_succession(candidate, roots.mesh());
        if (!said) continue;
        const auto added = roots.add(*said, pack_succession(candidate));
        taken += added == seal::Roots::Added::kTaken ? 1 : 0;
    }
    return taken;
}

seal::Bytes pack_succession(const Register& held) {
    seal::Bytes out;
    seal::Writer(out).var16(encode(held.statement)).fixed(held.signature.bytes);
    return out;
}

Result<std::vector<Register>> unpack_successions(seal::ByteView bytes) {
    std::vector<Register> out;
    seal::Reader in(bytes);
    while (in.ok() && in.left() > 0) {
        const seal::ByteView text = in.var16();
        Register held;
        in.into(held.signature.bytes);
        if (!in.ok()) return malformed("length");
        auto statement = decode_statement(text);
        if (!statement) return fail(std::move(statement).error());
        if (statement->kind != RegisterKind::kRoot) return malformed("kind");
        held.statement = std::move(*statement);
        held.chain = std::make_shared<const seal::Bytes>();
        out.push_back(std::move(held));
    }
    return out;
}

}  // namespace vidai::mesh::state
