// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/certificate.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::seal {
namespace {

constexpr std::uint8_t kKindNode = 1;
constexpr std::uint8_t kKindIssuer = 2;
constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kSignatureSize = 64;
constexpr std::size_t kPatternMax = 64;
constexpr std::size_t kLinksMax = 2;
// About the year 287,000: far enough, and no sum with a tolerance can overflow.
constexpr std::uint64_t kTimeMax = std::uint64_t{1} << 53;

bool valid_times(const Validity& validity) {
    const auto in_range = [](WallTime t) {
        const auto count = t.time_since_epoch().count();
        return count >= 0 && static_cast<std::uint64_t>(count) <= kTimeMax;
    };
    return in_range(validity.not_before) && in_range(validity.not_after) &&
           validity.not_before < validity.not_after;
}

void write_time(Writer& out, WallTime time) {
    out.u64(static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

// Whatever lies beyond the bound reads as just beyond it, which valid_times() refuses.
WallTime read_time(Reader& in) {
    const std::uint64_t value = std::min(in.u64(), kTimeMax + 1);
    return WallTime{WallTime::duration{static_cast<WallTime::rep>(value)}};
}

bool well_formed(const NodeCertificate& c) {
    const bool named = c.roles == Roles(Role::kJoin) ? is_node_pattern(c.node.str())
                                                     : parse_node_id(c.node.str()).has_value();
    return named && c.roles.bits != 0 && valid_times(c.validity);
}

bool well_formed(const IssuerCertificate& c) {
    return parse_node_id(c.name).has_value() && is_node_pattern(c.node_pattern) &&
           c.may_grant.bits != 0 && c.may_grant.within(kDelegableRoles) &&
           c.validity_max > std::chrono::seconds::zero() && c.validity_max.count() <= 0xffffffff &&
           valid_times(c.validity);
}

Bytes encode_body(const NodeCertificate& c) {
    Bytes out;
    Writer writer(out);
    writer.u8(kKindNode).u8(kFormat).fixed(c.mesh.bytes).var8(bytes_of(c.node.str()));
    writer.fixed(c.key.bytes).u32(c.roles.bits).u64(c.serial);
    write_time(writer, c.validity.not_before);
    write_time(writer, c.validity.not_after);
    return out;
}

Bytes encode_body(const IssuerCertificate& c) {
    Bytes out;
    Writer writer(out);
    writer.u8(kKindIssuer).u8(kFormat).fixed(c.mesh.bytes).var8(bytes_of(c.name));
    writer.fixed(c.key.bytes).u32(c.may_grant.bits).var8(bytes_of(c.node_pattern));
    writer.u32(static_cast<std::uint32_t>(c.validity_max.count())).u64(c.serial);
    write_time(writer, c.validity.not_before);
    write_time(writer, c.validity.not_after);
    return out;
}

template <class Certificate>
Bytes encode_signed(const SecretKey& signer, Domain domain, const Certificate& certificate) {
    CHECK(well_formed(certificate), "signing a certificate with a field out of bounds");
    Bytes out = encode_body(certificate);
    const Signature signature = signer.sign(domain, out);
    Writer(out).fixed(signature.bytes);
    return out;
}

bool signed_by(const PublicKey& key, Domain domain, ByteView certificate) {
    const ByteView body = certificate.first(certificate.size() - kSignatureSize);
    Signature signature;
    std::ranges::copy(certificate.last(kSignatureSize), signature.bytes.begin());
    return verify(key, domain, body, signature);
}

Checked<void> check_times(const Validity& validity, WallTime now) {
    if (VIDAI_MUTANT("validity-not-checked")) return {};
    if (now + kClockTolerance < validity.not_before) {
        return std::unexpected(Refusal::kCertificateNotYet);
    }
    if (now - kClockTolerance > validity.not_after) {
        return std::unexpected(Refusal::kCertificateExpired);
    }
    return {};
}

// The links of a chain, top first; `count` 0 when it is malformed.
struct Links {
    std::array<ByteView, kLinksMax> at;
    std::size_t count = 0;
};

Links split_chain(ByteView chain) {
    Links links;
    if (chain.size() > kChainBytesMax) return links;
    Reader in(chain);
    const std::size_t count = in.u8();
    if (count == 0 || count > kLinksMax) return links;
    for (std::size_t i = 0; i < count; ++i) links.at[i] = in.var16();
    if (in.done()) links.count = count;
    return links;
}

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

}  // namespace

std::string to_string(Roles roles) {
    static constexpr std::array<std::pair<Role, std::string_view>, 5> kNames{{
        {Role::kPeer, "peer"},
        {Role::kJoin, "join"},
        {Role::kOperator, "operator"},
        {Role::kBudgetAdmin, "budget-admin"},
        {Role::kObserver, "observer"},
    }};
    std::string out;
    for (const auto& [role, name] : kNames) {
        if (!roles.has(role)) continue;
        if (!out.empty()) out += '+';
        out += name;
    }
    return out;
}

bool is_node_pattern(std::string_view text) {
    return !text.empty() && text.size() <= kPatternMax && std::ranges::count(text, '*') <= 1 &&
           std::ranges::all_of(text, [](char c) { return c == '*' || is_name_character(c); });
}

bool matches(std::string_view pattern, const NodeId& node) {
    const std::string_view name = node.str();
    const std::size_t star = pattern.find('*');
    if (star == std::string_view::npos) return name == pattern;
    const std::string_view head = pattern.substr(0, star);
    const std::string_view tail = pattern.substr(star + 1);
    return name.size() >= head.size() + tail.size() && name.starts_with(head) &&
           name.ends_with(tail);
}

Checked<void> check_constraints(const IssuerCertificate& issuer, const NodeCertificate& node) {
    const auto life = node.validity.not_after - node.validity.not_before;
    const bool allowed = issuer.mesh == node.mesh && node.roles.within(issuer.may_grant) &&
                         node.roles.within(kDelegableRoles) && life <= issuer.validity_max &&
                         matches(issuer.node_pattern, node.node);
    if (!allowed) return std::unexpected(Refusal::kCertificateConstraint);
    return {};
}

Bytes sign_certificate(const SecretKey& signer, const NodeCertificate& certificate) {
    return encode_signed(signer, Domain::kNodeCertificate, certificate);
}

Bytes sign_certificate(const SecretKey& signer, const IssuerCertificate& certificate) {
    return encode_signed(signer, Domain::kIssuerCertificate, certificate);
}

Checked<NodeCertificate> decode_node_certificate(ByteView bytes) {
    Reader in(bytes);
    NodeCertificate out;
    const bool known = in.u8() == kKindNode && in.u8() == kFormat;
    in.into(out.mesh.bytes);
    out.node = NodeId(std::string(text_of(in.var8())));
    in.into(out.key.bytes);
    out.roles = Roles(in.u32());
    out.serial = in.u64();
    out.validity.not_before = read_time(in);
    out.validity.not_after = read_time(in);
    in.fixed(kSignatureSize);
    if (!known || !in.done() || !well_formed(out)) {
        return std::unexpected(Refusal::kCertificateMalformed);
    }
    return out;
}

Checked<IssuerCertificate> decode_issuer_certificate(ByteView bytes) {
    Reader in(bytes);
    IssuerCertificate out;
    const bool known = in.u8() == kKindIssuer && in.u8() == kFormat;
    in.into(out.mesh.bytes);
    out.name = std::string(text_of(in.var8()));
    in.into(out.key.bytes);
    out.may_grant = Roles(in.u32());
    out.node_pattern = std::string(text_of(in.var8()));
    out.validity_max = std::chrono::seconds{in.u32()};
    out.serial = in.u64();
    out.validity.not_before = read_time(in);
    out.validity.not_after = read_time(in);
    in.fixed(kSignatureSize);
    if (!known || !in.done() || !well_formed(out)) {
        return std::unexpected(Refusal::kCertificateMalformed);
    }
    return out;
}

Bytes encode_chain(ByteView issuer, ByteView node) {
    Bytes out;
    Writer writer(out);
    writer.u8(issuer.empty() ? 1 : 2);
    if (!issuer.empty()) writer.var16(issuer);
    writer.var16(node);
    CHECK(out.size() <= kChainBytesMax);
    return out;
}

WallTime renewal_due(const Validity& validity) {
    return validity.not_before + (validity.not_after - validity.not_before) / 3 * 2;
}

Checked<NodeCertificate> decode_leaf(ByteView chain) {
    const Links links = split_chain(chain);
    if (links.count == 0) return std::unexpected(Refusal::kCertificateMalformed);
    return decode_node_certificate(links.at[links.count - 1]);
}

Checked<IssuerCertificate> decode_issuer(ByteView chain) {
    const Links links = split_chain(chain);
    if (links.count < 2) return std::unexpected(Refusal::kCertificateMalformed);
    return decode_issuer_certificate(links.at[0]);
}

Checked<IssuerCertificate> verify_issuer(const Trust& trust, WallTime now, ByteView bytes) {
    const Checked<IssuerCertificate> issuer = decode_issuer_certificate(bytes);
    if (!issuer) return issuer;
    if (issuer->mesh != trust.mesh) return std::unexpected(Refusal::kCertificateMesh);
    if (!signed_by(trust.root, Domain::kIssuerCertificate, bytes)) {
        return std::unexpected(Refusal::kCertificateSignature);
    }
    if (const auto times = check_times(issuer->validity, now); !times) {
        return std::unexpected(times.error());
    }
    return issuer;
}

Checked<PeerIdentity> verify_chain(const Trust& trust, WallTime now, ByteView chain) {
    const Links links = split_chain(chain);
    if (links.count == 0) return std::unexpected(Refusal::kCertificateMalformed);
    std::optional<IssuerCertificate> issuer;
    if (links.count == kLinksMax) {
        Checked<IssuerCertificate> verified = verify_issuer(trust, now, links.at[0]);
        if (!verified) return std::unexpected(verified.error());
        issuer = *std::move(verified);
    }
    const ByteView bytes = links.at[links.count - 1];
    const Checked<NodeCertificate> node = decode_node_certificate(bytes);
    if (!node) return std::unexpected(node.error());
    if (!VIDAI_MUTANT("other-mesh-believed") && node->mesh != trust.mesh)
        return std::unexpected(Refusal::kCertificateMesh);
    if (!signed_by(issuer ? issuer->key : trust.root, Domain::kNodeCertificate, bytes)) {
        return std::unexpected(Refusal::kCertificateSignature);
    }
    if (const auto times = check_times(node->validity, now); !times) {
        return std::unexpected(times.error());
    }
    PeerIdentity peer{node->node,
                      node->key,
                      node->roles,
                      node->serial,
                      node->validity.not_after,
                      issuer ? issuer->name : std::string(),
                      issuer ? issuer->key : PublicKey{},
                      trust.root};
    if (issuer && !VIDAI_MUTANT("issuer-unbounded")) {
        if (const auto allowed = check_constraints(*issuer, *node); !allowed) {
            return std::unexpected(allowed.error());
        }
        peer.valid_until = std::min(peer.valid_until, issuer->validity.not_after);
    }
    return peer;
}

}  // namespace vidai::mesh::seal
