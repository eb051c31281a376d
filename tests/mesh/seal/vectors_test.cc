// SPDX-License-Identifier: Apache-2.0
// docs/security-vectors.json is what another implementation checks itself against. It holds fixed
// keys and randomness and every byte that follows from them; this test derives them again.
// After a deliberate change of format: VIDAI_WRITE_VECTORS=1 seal_test --gtest_filter='Vectors.*'
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mesh/membership/claim.h"
#include "mesh/seal/armour.h"
#include "mesh/seal/token.h"
#include "mesh/state/statement.h"
#include "mesh/state/succession.h"
#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using Json = nlohmann::ordered_json;

// first, first+1, first+2, ...: randomness that a reader can see.
Bytes count_from(std::uint8_t first, std::size_t size) {
    Bytes out(size);
    std::iota(out.begin(), out.end(), first);
    return out;
}

class ScriptedRandom final : public RandomSource {
  public:
    explicit ScriptedRandom(Bytes bytes) : bytes_(std::move(bytes)) {}
    void fill(std::span<std::uint8_t> out) override {
        ASSERT_LE(at_ + out.size(), bytes_.size());
        for (std::uint8_t& byte : out) byte = bytes_[at_++];
    }

  private:
    Bytes bytes_;
    std::size_t at_ = 0;
};

std::shared_ptr<const SecretKey> fixed_key(std::uint8_t first) {
    ScriptedRandom random(count_from(first, 32));
    return std::make_shared<const SecretKey>(SecretKey::generate(random));
}

std::uint64_t ms(WallTime time) {
    return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

Json describe(const SecretKey& key) {
    return {{"seed", to_hex(key.reveal_seed())},
            {"public", to_hex(key.public_key().bytes)},
            {"fingerprint", fingerprint(key.public_key())}};
}

Json describe(const NodeCertificate& c, const Bytes& encoded) {
    return {{"node", c.node.str()},
            {"key", to_hex(c.key.bytes)},
            {"roles", c.roles.bits},
            {"serial", c.serial},
            {"not_before", ms(c.validity.not_before)},
            {"not_after", ms(c.validity.not_after)},
            {"encoded", to_hex(encoded)}};
}

struct Side {
    std::shared_ptr<const Credentials> credentials;
    HandshakeOptions options;
    Bytes randomness;  // 32 bytes of ephemeral secret, 32 of nonce
    Json json;
};

struct Fixture {
    Fixture() {
        root.key = fixed_key(0x10);
        root.trust.root = root.key->public_key();
        const Bytes id = count_from(0xe0, 16);
        std::copy(id.begin(), id.end(), root.trust.mesh.bytes.begin());
        issuer_certificate = {.mesh = root.trust.mesh,
                              .name = "issuer",
                              .key = issuer_key->public_key(),
                              .may_grant = Role::kPeer | Role::kJoin,
                              .node_pattern = "vidai-*",
                              .validity_max = kNodeValidity,
                              .serial = 1,
                              .validity = {kNow, kNow + Days{365}}};
        issuer = sign_certificate(*root.key, issuer_certificate);
    }

    Side side(std::uint8_t key, std::uint8_t randomness, const std::string& name, bool rooted,
              Hello hello) const {
        Side out;
        const auto secret = fixed_key(key);
        const NodeCertificate certificate{.mesh = root.trust.mesh,
                                          .node = NodeId(name),
                                          .key = secret->public_key(),
                                          .roles = rooted ? Role::kOperator : Role::kPeer,
                                          .serial = key,
                                          .validity = {kNow, kNow + kNodeValidity}};
        const Bytes leaf = sign_certificate(rooted ? *root.key : *issuer_key, certificate);
        const Bytes chain = encode_chain(rooted ? Bytes{} : issuer, leaf);
        out.credentials =
            std::make_shared<const Credentials>(Credentials{root.trust, secret, chain});
        out.randomness = count_from(randomness, 64);
        out.options = {.self = out.credentials,
                       .hello = hello,
                       .accept = Role::kPeer | Role::kOperator,
                       .expect = {},
                       .now = kNow};
        out.json = {{"key", describe(*secret)},
                    {"certificate", describe(certificate, leaf)},
                    {"chain", to_hex(chain)},
                    {"generation", hello.generation.value},
                    {"wire_min", hello.wire.min},
                    {"wire_max", hello.wire.max},
                    {"address", hello.address},
                    {"ephemeral_secret", to_hex(ByteView(out.randomness).first(32))},
                    {"nonce", to_hex(ByteView(out.randomness).last(32))}};
        return out;
    }

    Root root;
    std::shared_ptr<const SecretKey> issuer_key = fixed_key(0x20);
    IssuerCertificate issuer_certificate;
    Bytes issuer;
};

Json describe_signatures(const SecretKey& key) {
    Json out = Json::array();
    for (const Domain domain : {Domain::kMemberRecord, Domain::kRegister, Domain::kRevocation}) {
        const Bytes message = count_from(0, 5);
        out.push_back({{"label", domain_label(domain)},
                       {"message", to_hex(message)},
                       {"signature", to_hex(key.sign(domain, message).bytes)}});
    }
    return out;
}

// A member's word about itself, with its profile and as a program before profiles has it.
Json describe_member_record(const Side& of) {
    membership::Claim claim;
    const PublicKey key = of.credentials->key->public_key();
    claim.id = NodeId(of.json["certificate"]["node"].get<std::string>());
    claim.key = key.bytes;
    claim.version = {of.json["certificate"]["serial"].get<std::uint64_t>(), Generation{2},
                     Incarnation{3}};
    claim.address = of.json["address"].get<std::string>();
    claim.wire = {1, 2};
    claim.credential = std::string(text_of(of.credentials->chain));
    claim.profile = membership::encode_profile({"0.1.0", 0x0103}) + "later";
    const auto signature = [&](Domain domain, const std::string& text) {
        return to_hex(of.credentials->key->sign(domain, bytes_of(text)).bytes);
    };
    return {{"node", claim.id.str()},
            {"serial", claim.version.serial},
            {"generation", claim.version.generation.value},
            {"incarnation", claim.version.incarnation.value},
            {"left", claim.left},
            {"address", claim.address},
            {"wire_oldest", claim.wire.oldest},
            {"wire_newest", claim.wire.newest},
            {"software", "0.1.0"},
            {"capability_bits", {0, 1, 8}},
            {"more", "later"},
            {"profile", to_hex(bytes_of(claim.profile))},
            {"record", to_hex(bytes_of(membership::signed_bytes(claim)))},
            {"signature", signature(Domain::kMemberRecord, membership::signed_bytes(claim))},
            {"profile_signature",
             signature(Domain::kMemberProfile, membership::signed_profile(claim))}};
}

// A message, a rekey, a message under the new key, the end.
Json describe_records(const DirectionKeys& keys) {
    constexpr MonoTime kStart{};
    Sealer sealer(keys, kStart);
    Json out = Json::array();
    const auto add = [&](const Bytes& plaintext, MonoTime at, const char* kind) {
        Bytes wire;
        sealer.seal(plaintext, at, wire);
        out.push_back({{"kind", kind}, {"plaintext", to_hex(plaintext)}, {"wire", to_hex(wire)}});
    };
    add(count_from(1, 20), kStart, "message");
    add(count_from(2, 3), kStart + kRekeyInterval, "rekey");
    add(count_from(3, 1), kStart + kRekeyInterval, "message");
    Bytes end;
    sealer.finish(end);
    out.push_back({{"kind", "final"}, {"plaintext", ""}, {"wire", to_hex(end)}});
    return out;
}

Json describe(const DirectionKeys& keys) {
    return {{"key", to_hex(keys.key)},
            {"header", to_hex(keys.header)},
            {"records", describe_records(keys)}};
}

Json describe_handshake(const Side& a, const Side& b) {
    ScriptedRandom random_a(a.randomness);
    ScriptedRandom random_b(b.randomness);
    Initiator initiator(a.options, random_a);
    Responder responder(b.options, random_b);
    const Exchange messages = run(initiator, responder);
    EXPECT_EQ(responder.state(), State::kDone);
    const Session session = initiator.take_session();
    return {{"initiator", a.json},
            {"responder", b.json},
            {"m1", to_hex(messages.m1)},
            {"m2", to_hex(messages.m2)},
            {"m3", to_hex(messages.m3)},
            {"binding", to_hex(session.binding)},
            {"from_initiator", describe(session.send)},
            {"from_responder", describe(session.receive)}};
}

Json describe_statement(const Side& by, const state::Statement& said, const MeshId& mesh) {
    const state::Register made = state::sign_register(
        said, *by.credentials->key, std::make_shared<const Bytes>(by.credentials->chain), mesh);
    return {{"kind", static_cast<int>(said.kind)},
            {"id", said.id},
            {"time", said.time.value},
            {"by", said.origin.str()},
            {"value", to_hex(said.value)},
            {"statement", to_hex(encode(said))},
            {"signature", to_hex(made.signature.bytes)}};
}

// What alice says about the node that `subject` is.
Json describe_statements(const Side& alice, const Side& subject, const MeshId& mesh) {
    const NodeId by("alice");
    const state::Revocation revocation{subject.credentials->key->public_key(), "vidai-0",
                                       "laptop stolen", kNow + Days{400}};
    const state::Forget forget{NodeId("vidai-0"), 48, Generation{3}, kNow + Days{400}};
    Json revoked = describe_statement(alice, state::encode_statement(revocation, by, kNow), mesh);
    revoked["revocation"] = {{"key", to_hex(revocation.key.bytes)},
                             {"until", ms(revocation.until)},
                             {"subject", revocation.subject},
                             {"reason", revocation.reason}};
    Json forgotten = describe_statement(alice, state::encode_statement(forget, by, kNow), mesh);
    forgotten["forget"] = {{"serial", forget.serial},
                           {"generation", forget.generation.value},
                           {"until", ms(forget.until)}};
    return Json::array({revoked, forgotten});
}

// The root names the key of `next`, which accepts.
Json describe_succession(const SecretKey& root, const MeshId& mesh) {
    const auto next = fixed_key(0xc0);
    const Succession said{root.public_key(), next->public_key(), kNow, kNow + Days{14}};
    const state::Register made = state::sign_succession(said, root, *next, mesh, kNow);
    return {{"new_root", describe(*next)},
            {"began", ms(said.began)},
            {"until", ms(said.until)},
            {"time", made.statement.time.value},
            {"value", to_hex(made.statement.value)},
            {"statement", to_hex(encode(made.statement))},
            {"signature", to_hex(made.signature.bytes)},
            {"told", to_hex(state::pack_succession(made))}};
}

// A token for "vidai-*", and what "vidai-2" asks for with it.
Json describe_token(const Fixture& f) {
    const auto key = fixed_key(0x70);
    const NodeCertificate certificate{.mesh = f.root.trust.mesh,
                                      .node = NodeId("vidai-*"),
                                      .key = key->public_key(),
                                      .roles = Role::kJoin,
                                      .serial = 7,
                                      .validity = {kNow, kNow + std::chrono::hours(1)}};
    const Bytes leaf = sign_certificate(*f.issuer_key, certificate);
    const JoinToken token{{f.root.trust, key, encode_chain(f.issuer, leaf)},
                          {"10.0.0.1:7420", "mesh.example:7420"}};
    const auto node = fixed_key(0x80);
    std::array<std::uint8_t, 32> binding{};
    std::iota(binding.begin(), binding.end(), std::uint8_t{1});
    const NodeId id("vidai-2");
    return {{"key", describe(*key)},
            {"certificate", describe(certificate, leaf)},
            {"seeds", token.seeds},
            {"text", encode_token(token).reveal()},
            {"request",
             {{"node", id.str()},
              {"key", describe(*node)},
              {"binding", to_hex(binding)},
              {"proof", to_hex(sign_request(*node, binding, f.root.trust.mesh, id).bytes)}}}};
}

Json derive() {
    const Fixture f;
    const IssuerCertificate& c = f.issuer_certificate;
    const Side zero =
        f.side(0x30, 0x50, "vidai-0", false, {Generation{1}, {1, 1}, "10.0.0.1:7420"});
    const Side one = f.side(0x40, 0x90, "vidai-1", false, {Generation{2}, {1, 2}, "10.0.0.2:7420"});
    const Side alice = f.side(0x60, 0xb0, "alice", true, {Generation{0}, {1, 1}, ""});
    return {{"about", "Test vectors of docs/security.md. Bytes are hex, times milliseconds."},
            {"mesh_id", to_hex(f.root.trust.mesh)},
            {"now", ms(kNow)},
            {"root", describe(*f.root.key)},
            {"issuer",
             {{"key", describe(*f.issuer_key)},
              {"name", c.name},
              {"may_grant", c.may_grant.bits},
              {"node_pattern", c.node_pattern},
              {"validity_max_seconds", c.validity_max.count()},
              {"serial", c.serial},
              {"not_before", ms(c.validity.not_before)},
              {"not_after", ms(c.validity.not_after)},
              {"encoded", to_hex(f.issuer)}}},
            {"signatures", describe_signatures(*f.root.key)},
            {"armour",
             {{"name", "VIDAI EXAMPLE"},
              {"content", to_hex(count_from(0, 50))},
              {"text", armour("VIDAI EXAMPLE", count_from(0, 50))}}},
            {"token", describe_token(f)},
            {"statements", describe_statements(alice, zero, f.root.trust.mesh)},
            {"succession", describe_succession(*f.root.key, f.root.trust.mesh)},
            {"member", describe_member_record(one)},
            {"handshakes", {describe_handshake(zero, one), describe_handshake(alice, one)}}};
}

TEST(Vectors, AreWhatTheCodeDerives) {
    const char* const file = VIDAI_SECURITY_VECTORS;
    const Json derived = derive();
    if (std::getenv("VIDAI_WRITE_VECTORS") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
        std::ofstream(file) << derived.dump(1) << '\n';
    }
    std::ifstream in(file);
    ASSERT_TRUE(in) << file;
    EXPECT_EQ(Json::parse(in), derived);
}

}  // namespace
}  // namespace vidai::mesh::seal
