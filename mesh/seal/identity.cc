// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/identity.h"

#include <algorithm>
#include <array>
#include <utility>

#include "mesh/seal/armour.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::seal {
namespace {

constexpr std::string_view kTrustBlock = "VIDAI MESH TRUST";
constexpr std::string_view kRootBlock = "VIDAI ROOT SECRET KEY";
constexpr std::string_view kIssuerBlock = "VIDAI ISSUER SECRET KEY";
constexpr std::string_view kOperatorBlock = "VIDAI OPERATOR SECRET KEY";
constexpr std::string_view kNodeBlock = "VIDAI NODE SECRET KEY";
constexpr std::string_view kLedgerBlock = "VIDAI LEDGER SECRET KEY";
constexpr std::string_view kIssuerCertificateBlock = "VIDAI ISSUER CERTIFICATE";
constexpr std::string_view kChainBlock = "VIDAI CERTIFICATE CHAIN";
constexpr std::string_view kGenerationBlock = "VIDAI GENERATION";
constexpr std::string_view kSuccessionBlock = "VIDAI ROOT SUCCESSION";
constexpr std::uint8_t kFormat = 1;

using KeyRef = std::shared_ptr<const SecretKey>;

std::string trust_block(const Trust& trust) {
    Bytes content;
    Writer(content).u8(kFormat).fixed(trust.mesh.bytes).fixed(trust.root.bytes);
    return armour(kTrustBlock, content);
}

// The public key stands beside the seed, so that damage is found even where a checksum was redone.
Secret key_block(std::string_view name, const SecretKey& key) {
    WipedBytes content;
    Writer(content.bytes).u8(kFormat).fixed(key.reveal_seed()).fixed(key.public_key().bytes);
    return Secret(armour(name, content.bytes));
}

Secret joined(std::initializer_list<std::string_view> parts) {
    std::size_t size = 0;
    for (const std::string_view part : parts) size += part.size();
    std::string text;
    text.reserve(size);  // no reallocation leaves a copy of a secret behind
    for (const std::string_view part : parts) text += part;
    return Secret(std::move(text));
}

std::string about(const Trust& trust) {
    return "# mesh " + to_hex(trust.mesh) + "\n# root fingerprint " + fingerprint(trust.root) +
           "\n";
}

std::unexpected<Error> damaged(std::string_view where, std::string_view what) {
    return fail(ErrorCode::kCorrupt, std::string(where) + " is damaged: " + std::string(what),
                std::string(where));
}

Result<Trust> read_trust(ByteView content, std::string_view where) {
    Reader in(content);
    Trust trust;
    const bool known = in.u8() == kFormat;
    in.into(trust.mesh.bytes);
    in.into(trust.root.bytes);
    if (!known || !in.done()) return damaged(where, "its trust block has an unknown form");
    return trust;
}

Result<KeyRef> read_key(ByteView content, std::string_view where) {
    Reader in(content);
    const bool known = in.u8() == kFormat;
    const ByteView seed = in.fixed(SecretKey::kSeedSize);
    PublicKey expected;
    in.into(expected.bytes);
    if (!known || !in.done()) return damaged(where, "its secret key has an unknown form");
    auto key =
        std::make_shared<const SecretKey>(SecretKey::from_seed(seed.first<SecretKey::kSeedSize>()));
    if (key->public_key() != expected) {
        return damaged(where, "its secret key does not belong to its public key");
    }
    return KeyRef(std::move(key));
}

struct TrustAndKey {
    Trust trust;
    KeyRef key;
};

Result<TrustAndKey> read_trust_and_key(const std::vector<Block>& blocks, std::string_view where) {
    Result<Trust> trust = read_trust(blocks[0].content.bytes, where);
    if (!trust) return fail(std::move(trust).error());
    Result<KeyRef> key = read_key(blocks[1].content.bytes, where);
    if (!key) return fail(std::move(key).error());
    return TrustAndKey{*trust, *std::move(key)};
}

// Greater for a later certificate, whoever of the issuers made it; unique enough within one
// millisecond.
std::uint64_t new_serial(WallTime now, RandomSource& random) {
    std::array<std::uint8_t, 2> low;
    random.fill(low);
    const auto ms = static_cast<std::uint64_t>(now.time_since_epoch().count());
    return ms << 16 | static_cast<std::uint64_t>(low[0]) << 8 | low[1];
}

KeyRef new_key(RandomSource& random) {
    return std::make_shared<const SecretKey>(SecretKey::generate(random));
}

Issuer make_issuer(const Root& root, const MeshPlan& plan, WallTime now, RandomSource& random) {
    const KeyRef key = new_key(random);
    const IssuerCertificate certificate{.mesh = root.trust.mesh,
                                        .name = "issuer",
                                        .key = key->public_key(),
                                        .may_grant = Role::kPeer | Role::kJoin,
                                        .node_pattern = plan.node_pattern,
                                        .validity_max = plan.node_validity_max,
                                        .serial = new_serial(now, random),
                                        .validity = {now, now + plan.issuer_validity}};
    return {root.trust, key, sign_certificate(*root.key, certificate)};
}

Credentials make_operator(const Root& root, const MeshPlan& plan, WallTime now,
                          RandomSource& random) {
    const KeyRef key = new_key(random);
    const NodeCertificate certificate{.mesh = root.trust.mesh,
                                      .node = NodeId(plan.operator_name),
                                      .key = key->public_key(),
                                      .roles = Role::kOperator,
                                      .serial = new_serial(now, random),
                                      .validity = {now, now + plan.operator_validity}};
    return {root.trust, key, encode_chain({}, sign_certificate(*root.key, certificate))};
}

Result<void> check_plan(const MeshPlan& plan, WallTime now) {
    if (!parse_node_id(plan.operator_name)) {
        return fail(ErrorCode::kInvalidRequest,
                    "an operator's name has the form of a node id: a-z, 0-9, '-' and '.'",
                    "operator name");
    }
    if (!is_node_pattern(plan.node_pattern)) {
        return fail(ErrorCode::kInvalidRequest,
                    "a node pattern is 1 to 64 of a-z, 0-9, '-' and '.', and at most one '*'",
                    "node pattern");
    }
    constexpr std::chrono::seconds kLongest = Days{3650};
    for (const auto validity :
         {plan.node_validity_max, plan.issuer_validity, plan.operator_validity}) {
        if (validity < std::chrono::seconds{60} || validity > kLongest) {
            return fail(ErrorCode::kInvalidRequest,
                        "a certificate is valid for one minute to ten years", "validity");
        }
    }
    if (now < WallTime{}) {
        return fail(ErrorCode::kInvalidRequest, "the clock stands before 1970: set it", "clock");
    }
    return {};
}

Result<NewMesh> make_files(const Root& root, const MeshPlan& plan, WallTime now,
                           RandomSource& random) {
    if (auto good = check_plan(plan, now); !good) return fail(std::move(good).error());
    const Issuer issuer = make_issuer(root, plan, now, random);
    const Credentials first_operator = make_operator(root, plan, now, random);
    NewMesh out{.trust = root.trust, .root = root.key, .files = {}};
    out.files.push_back({"root.key", encode_root(root), true});
    out.files.push_back({"issuer.key", encode_issuer(issuer), true});
    out.files.push_back({"operator.key", encode_operator(first_operator), true});
    out.files.push_back({"mesh.pub", Secret(encode_trust(root.trust)), false});
    return out;
}

constexpr std::string_view kSeedsBlock = "VIDAI MESH SEEDS";
constexpr std::size_t kSeedsMax = 16;
constexpr std::size_t kSeedBytesMax = 255;

}  // namespace

bool are_seeds(const std::vector<std::string>& seeds) {
    return seeds.size() <= kSeedsMax && std::ranges::all_of(seeds, [](const std::string& seed) {
               return !seed.empty() && seed.size() <= kSeedBytesMax &&
                      std::ranges::all_of(seed, [](char c) { return c > ' ' && c < 0x7f; });
           });
}

void write_seeds(Writer& out, const std::vector<std::string>& seeds) {
    CHECK(are_seeds(seeds));
    out.u8(static_cast<std::uint8_t>(seeds.size()));
    for (const std::string& seed : seeds) out.var8(bytes_of(seed));
}

bool read_seeds(Reader& in, std::vector<std::string>& seeds) {
    const std::size_t count = in.u8();
    for (std::size_t i = 0; i < std::min(count, kSeedsMax); ++i) {
        seeds.emplace_back(text_of(in.var8()));
    }
    return in.ok() && count <= kSeedsMax && are_seeds(seeds);
}

std::string encode_membership(const StoredMembership& held) {
    Bytes seeds;
    Writer writer(seeds);
    writer.u8(kFormat);
    write_seeds(writer, held.seeds);
    return "# This node's certificate, as a node that holds an issuer key gave it.\n" +
           about(held.trust) + trust_block(held.trust) + armour(kChainBlock, held.chain) +
           armour(kSeedsBlock, seeds);
}

Result<StoredMembership> decode_membership(std::string_view text, std::string_view where) {
    const auto blocks = read_blocks(text, where, {kTrustBlock, kChainBlock, kSeedsBlock});
    if (!blocks) return fail(blocks.error());
    const auto trust = read_trust((*blocks)[0].content.bytes, where);
    if (!trust) return fail(trust.error());
    StoredMembership held{*trust, (*blocks)[1].content.bytes, {}};
    const auto leaf = decode_leaf(held.chain);
    if (!leaf || !verify_chain(held.trust, leaf->validity.not_before, held.chain)) {
        return damaged(where, "its certificate does not join a key to its root");
    }
    Reader in((*blocks)[2].content.bytes);
    const bool known = in.u8() == kFormat;
    if (!known || !read_seeds(in, held.seeds) || !in.done()) {
        return damaged(where, "its seeds have an unknown form");
    }
    return held;
}

std::string encode_trust(const Trust& trust) {
    return "# Whom the nodes of this mesh believe. Not secret: give it to every node and "
           "client.\n" +
           about(trust) + trust_block(trust);
}

Secret encode_root(const Root& root) {
    return joined(
        {"# SECRET. The root of a vidai mesh: whoever holds it is the mesh.\n"
         "# Keep it offline. Nodes and operators never need it.\n",
         about(root.trust), trust_block(root.trust), key_block(kRootBlock, *root.key).reveal()});
}

Secret encode_issuer(const Issuer& issuer) {
    return joined({"# SECRET. Certifies nodes of a vidai mesh: whoever holds it can add nodes.\n",
                   about(issuer.trust), trust_block(issuer.trust),
                   key_block(kIssuerBlock, *issuer.key).reveal(),
                   armour(kIssuerCertificateBlock, issuer.certificate)});
}

Secret encode_operator(const Credentials& credentials) {
    constexpr auto kNote =
        "# SECRET. An operator of a vidai mesh: whoever holds it can change keys and limits.\n";
    return joined({kNote, about(credentials.trust), trust_block(credentials.trust),
                   key_block(kOperatorBlock, *credentials.key).reveal(),
                   armour(kChainBlock, credentials.chain)});
}

Secret encode_node_key(const SecretKey& key) {
    return joined(
        {"# SECRET. This node's identity: it stays on this volume and is never copied.\n"
         "# key fingerprint ",
         fingerprint(key.public_key()), "\n", key_block(kNodeBlock, key).reveal()});
}

Secret encode_ledger_key(const SecretKey& key) {
    return joined(
        {"# SECRET. The key of this volume's part in the mesh's money: it stays here and "
         "is never copied.\n# key fingerprint ",
         fingerprint(key.public_key()), "\n", key_block(kLedgerBlock, key).reveal()});
}

std::string encode_generation(Generation generation, const PublicKey& node) {
    Bytes content;
    Writer(content).u8(kFormat).u64(generation.value).fixed(node.bytes);
    return "# How often this node has started: " + std::to_string(generation.value) + "\n" +
           armour(kGenerationBlock, content);
}

Result<Trust> decode_trust(std::string_view text, std::string_view where) {
    const auto blocks = read_blocks(text, where, {kTrustBlock});
    if (!blocks) return fail(blocks.error());
    return read_trust((*blocks)[0].content.bytes, where);
}

Result<Root> decode_root(std::string_view text, std::string_view where) {
    const auto blocks = read_blocks(text, where, {kTrustBlock, kRootBlock});
    if (!blocks) return fail(blocks.error());
    Result<TrustAndKey> read = read_trust_and_key(*blocks, where);
    if (!read) return fail(std::move(read).error());
    if (read->key->public_key() != read->trust.root) {
        return damaged(where, "its secret key is not the root of its mesh");
    }
    return Root{read->trust, std::move(read->key)};
}

Result<Issuer> decode_issuer(std::string_view text, std::string_view where) {
    const auto blocks =
        read_blocks(text, where, {kTrustBlock, kIssuerBlock, kIssuerCertificateBlock});
    if (!blocks) return fail(blocks.error());
    Result<TrustAndKey> read = read_trust_and_key(*blocks, where);
    if (!read) return fail(std::move(read).error());
    const Bytes& bytes = (*blocks)[2].content.bytes;
    const auto certificate = decode_issuer_certificate(bytes);
    if (!certificate || certificate->key != read->key->public_key() ||
        !verify_issuer(read->trust, certificate->validity.not_before, bytes)) {
        return damaged(where, "its certificate does not join its key to its root");
    }
    return Issuer{read->trust, std::move(read->key), bytes};
}

Result<Credentials> decode_operator(std::string_view text, std::string_view where) {
    const auto blocks = read_blocks(text, where, {kTrustBlock, kOperatorBlock, kChainBlock});
    if (!blocks) return fail(blocks.error());
    Result<TrustAndKey> read = read_trust_and_key(*blocks, where);
    if (!read) return fail(std::move(read).error());
    const Bytes& chain = (*blocks)[2].content.bytes;
    const auto leaf = decode_leaf(chain);
    if (!leaf || leaf->key != read->key->public_key() ||
        !verify_chain(read->trust, leaf->validity.not_before, chain)) {
        return damaged(where, "its certificate does not join its key to its root");
    }
    return Credentials{read->trust, std::move(read->key), chain};
}

Result<std::shared_ptr<const SecretKey>> decode_node_key(std::string_view text,
                                                         std::string_view where) {
    const auto blocks = read_blocks(text, where, {kNodeBlock});
    if (!blocks) return fail(blocks.error());
    return read_key((*blocks)[0].content.bytes, where);
}

Result<std::shared_ptr<const SecretKey>> decode_ledger_key(std::string_view text,
                                                           std::string_view where) {
    const auto blocks = read_blocks(text, where, {kLedgerBlock});
    if (!blocks) return fail(blocks.error());
    return read_key((*blocks)[0].content.bytes, where);
}

Result<Generation> decode_generation(std::string_view text, const PublicKey& node,
                                     std::string_view where) {
    const auto blocks = read_blocks(text, where, {kGenerationBlock});
    if (!blocks) return fail(blocks.error());
    Reader in((*blocks)[0].content.bytes);
    const bool known = in.u8() == kFormat;
    const Generation generation{in.u64()};
    PublicKey counted;
    in.into(counted.bytes);
    if (!known || !in.done()) return damaged(where, "it has an unknown form");
    if (counted != node) return damaged(where, "it counts the starts of another node's key");
    return generation;
}

std::string encode_succession(ByteView signed_by_both) {
    return "# The root of a vidai mesh names the one that follows it. Not secret.\n" +
           armour(kSuccessionBlock, signed_by_both);
}

Result<Bytes> decode_succession(std::string_view text, std::string_view where) {
    const auto blocks = read_blocks(text, where, {kSuccessionBlock});
    if (!blocks) return fail(blocks.error());
    return (*blocks)[0].content.bytes;
}

Result<Issuer> make_next_issuer(const Root& root, const MeshPlan& plan, WallTime now,
                                RandomSource& random) {
    if (auto good = check_plan(plan, now); !good) return fail(std::move(good).error());
    return make_issuer(root, plan, now, random);
}

Result<NewMesh> make_mesh(const MeshPlan& plan, WallTime now, RandomSource& random) {
    MeshId mesh;
    const KeyRef root = new_key(random);
    random.fill(mesh.bytes);
    return make_files({{mesh, root->public_key()}, root}, plan, now, random);
}

Result<NewMesh> make_next_root(const MeshId& mesh, const MeshPlan& plan, WallTime now,
                               RandomSource& random) {
    const KeyRef root = new_key(random);
    return make_files({{mesh, root->public_key()}, root}, plan, now, random);
}

Result<Bytes> issue_join_certificate(const Issuer& issuer, const std::string& pattern,
                                     const PublicKey& key, WallTime now,
                                     std::chrono::seconds validity, RandomSource& random) {
    const auto above = verify_issuer(issuer.trust, now, issuer.certificate);
    if (!above) {
        Error error = to_error(above.error());
        error.message = "the issuer key cannot be used: " + error.message;
        return fail(std::move(error));
    }
    if (!above->may_grant.has(Role::kJoin)) {
        return fail(ErrorCode::kPermissionDenied,
                    "this mesh's issuer certificate does not allow join tokens: it was made by an "
                    "older `vidaictl mesh init`",
                    "issuer");
    }
    const NodeCertificate certificate{.mesh = issuer.trust.mesh,
                                      .node = NodeId(pattern),
                                      .key = key,
                                      .roles = Role::kJoin,
                                      .serial = new_serial(now, random),
                                      .validity = {now, now + validity}};
    if (!is_node_pattern(pattern)) {
        return fail(ErrorCode::kInvalidRequest,
                    "a node pattern is 1 to 64 of a-z, 0-9, '-' and '.', and at most one '*'",
                    "--node");
    }
    if (validity <= std::chrono::seconds::zero() || validity > above->validity_max) {
        return fail(ErrorCode::kInvalidRequest,
                    "a token is valid for one second to as long as the issuer may certify, " +
                        std::to_string(above->validity_max / std::chrono::days(1)) + " days",
                    "--ttl");
    }
    if (!check_constraints(*above, certificate)) {
        return fail(ErrorCode::kPermissionDenied,
                    "the issuer may certify nodes of the form '" + above->node_pattern +
                        "' only, which '" + pattern + "' is not within",
                    "--node");
    }
    return encode_chain(issuer.certificate, sign_certificate(*issuer.key, certificate));
}

Result<Bytes> issue_node_certificate(const Issuer& issuer, const NodeId& node, const PublicKey& key,
                                     WallTime now, std::chrono::seconds validity,
                                     RandomSource& random, std::uint64_t known) {
    const auto above = verify_issuer(issuer.trust, now, issuer.certificate);
    if (!above) {
        Error error = to_error(above.error());
        error.message = "the issuer key cannot be used: " + error.message;
        return fail(std::move(error));
    }
    const NodeCertificate certificate{
        .mesh = issuer.trust.mesh,
        .node = node,
        .key = key,
        .roles = Role::kPeer,
        .serial = std::max(new_serial(now, random), known + 1),
        .validity = {now, now + std::min(validity, above->validity_max)}};
    if (!parse_node_id(node.str()) || !check_constraints(*above, certificate) ||
        validity <= std::chrono::seconds::zero()) {
        return fail(ErrorCode::kPermissionDenied,
                    "the issuer may certify nodes of the form '" + above->node_pattern +
                        "' only, not '" + node.str() + "': change the node id or the issuer",
                    "node id");
    }
    return encode_chain(issuer.certificate, sign_certificate(*issuer.key, certificate));
}

}  // namespace vidai::mesh::seal
