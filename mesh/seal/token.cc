// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/token.h"

#include <algorithm>
#include <utility>

#include <sodium/utils.h>

#include "mesh/seal/armour.h"
#include "mesh/seal/identity.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::seal {

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kChecksumSize = 16;
constexpr int kBase64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

std::unexpected<Error> bad_token(const char* what) {
    return fail(ErrorCode::kInvalidRequest,
                std::string("the join token is ") + what +
                    ": copy it again whole, or make another with `vidaictl mesh token create`",
                "join");
}

Bytes request_bytes(const PublicKey& key, const std::array<std::uint8_t, 32>& binding,
                    const MeshId& mesh, const NodeId& node) {
    Bytes out;
    Writer(out).fixed(binding).fixed(mesh.bytes).var8(bytes_of(node.str())).fixed(key.bytes);
    return out;
}

}  // namespace

Secret encode_token(const JoinToken& token) {
    WipedBytes content;
    content.bytes.reserve(kTokenTextMax);
    Writer out(content.bytes);
    out.u8(kFormat).fixed(token.as.trust.mesh.bytes).fixed(token.as.trust.root.bytes);
    out.fixed(token.as.key->reveal_seed()).var16(token.as.chain);
    write_seeds(out, token.seeds);
    out.fixed(digest<kChecksumSize>(Domain::kJoinToken, {content.bytes}));
    std::string text(kTokenPrefix);
    const std::size_t size = sodium_base64_encoded_len(content.bytes.size(), kBase64);
    std::string encoded(size, 0);
    sodium_bin2base64(encoded.data(), size, content.bytes.data(), content.bytes.size(), kBase64);
    encoded.pop_back();  // libsodium's final zero
    text.reserve(text.size() + encoded.size());
    text += encoded;
    sodium_memzero(encoded.data(), encoded.size());
    return Secret(std::move(text));
}

Result<JoinToken> decode_token(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r\n";
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
    text = text.substr(0, text.find_last_not_of(kSpace) + 1);
    if (!text.starts_with(kTokenPrefix))
        return bad_token("none: it does not begin with vidai-join-");
    text.remove_prefix(kTokenPrefix.size());
    if (text.size() > kTokenTextMax) return bad_token("too long");
    WipedBytes content;
    content.bytes.resize(text.size());
    std::size_t size = 0;
    if (sodium_base642bin(content.bytes.data(), content.bytes.size(), text.data(), text.size(),
                          nullptr, &size, nullptr, kBase64) != 0 ||
        size < kChecksumSize) {
        return bad_token("damaged");
    }
    content.bytes.resize(size);
    const ByteView body = ByteView(content.bytes).first(size - kChecksumSize);
    const auto sum = digest<kChecksumSize>(Domain::kJoinToken, {body});
    if (!std::ranges::equal(sum, ByteView(content.bytes).last(kChecksumSize))) {
        return bad_token("damaged");
    }
    Reader in(body);
    if (in.u8() != kFormat) return bad_token("of another version of this program");
    JoinToken token;
    in.into(token.as.trust.mesh.bytes);
    in.into(token.as.trust.root.bytes);
    const ByteView seed = in.fixed(SecretKey::kSeedSize);
    const ByteView chain = in.var16();
    if (!read_seeds(in, token.seeds) || !in.done()) return bad_token("malformed");
    token.as.chain.assign(chain.begin(), chain.end());
    token.as.key =
        std::make_shared<const SecretKey>(SecretKey::from_seed(seed.first<SecretKey::kSeedSize>()));
    const auto leaf = decode_leaf(chain);
    if (!leaf || leaf->roles != Roles(Role::kJoin) || leaf->key != token.as.key->public_key() ||
        !verify_chain(token.as.trust, leaf->validity.not_before, chain)) {
        return bad_token("not what a mesh's issuer made");
    }
    return token;
}

Signature sign_request(const SecretKey& key, const std::array<std::uint8_t, 32>& binding,
                       const MeshId& mesh, const NodeId& node) {
    return key.sign(Domain::kCertificateRequest,
                    request_bytes(key.public_key(), binding, mesh, node));
}

bool verify_request(const PublicKey& key, const std::array<std::uint8_t, 32>& binding,
                    const MeshId& mesh, const NodeId& node, const Signature& signature) {
    return verify(key, Domain::kCertificateRequest, request_bytes(key, binding, mesh, node),
                  signature);
}

}  // namespace vidai::mesh::seal
