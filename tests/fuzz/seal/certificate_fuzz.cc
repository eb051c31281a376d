// SPDX-License-Identifier: Apache-2.0
// The first byte chooses: a raw chain, or the body of a certificate that the root then signs.
#include "tests/fuzz/seal/rogue.h"

namespace seal = vidai::mesh::seal;

namespace {

constexpr std::size_t kSignatureSize = 64;

// What decodes has one encoding.
template <class Certificate>
void expect_canonical(const seal::Checked<Certificate>& decoded, seal::ByteView bytes) {
    if (!decoded) return;
    const seal::Bytes again = seal::sign_certificate(*seal::fuzz::fixture().us->key, *decoded);
    CHECK(std::ranges::equal(seal::ByteView(again).first(again.size() - kSignatureSize),
                             bytes.first(bytes.size() - kSignatureSize)));
}

seal::Bytes signed_by_root(seal::Domain domain, seal::ByteView body) {
    seal::Bytes out(body.begin(), body.end());
    seal::Writer(out).fixed(seal::fuzz::fixture().world.root.key->sign(domain, body).bytes);
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const seal::ByteView input(data + 1, std::min<std::size_t>(size - 1, 400));
    const seal::Trust& trust = seal::fuzz::fixture().world.root.trust;
    if (data[0] % 2 == 0) {
        (void)seal::verify_chain(trust, seal::fuzz::kNow, input);
        (void)seal::decode_leaf(input);
        return 0;
    }
    const seal::Bytes node = signed_by_root(seal::Domain::kNodeCertificate, input);
    expect_canonical(seal::decode_node_certificate(node), node);
    (void)seal::verify_chain(trust, seal::fuzz::kNow, seal::encode_chain({}, node));
    const seal::Bytes issuer = signed_by_root(seal::Domain::kIssuerCertificate, input);
    expect_canonical(seal::decode_issuer_certificate(issuer), issuer);
    const auto verified = seal::verify_issuer(trust, seal::fuzz::kNow, issuer);
    CHECK(!verified || verified->may_grant.within(seal::kDelegableRoles));
    return 0;
}
