// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/keys.h"

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "mesh/seal/domain.h"
#include "mesh/seal/refusal.h"
#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

TEST(Keys, SignForOnePurposeOnly) {
    const auto key = key_from(1);
    const Bytes bytes{1, 2, 3};
    for (int i = 0; i < kDomainCount; ++i) {
        const Signature signature = key->sign(static_cast<Domain>(i), bytes);
        for (int j = 0; j < kDomainCount; ++j) {
            EXPECT_EQ(verify(key->public_key(), static_cast<Domain>(j), bytes, signature), i == j);
        }
    }
}

TEST(Keys, SignatureFailsForOtherBytesAnotherKeyOrAnyChangedBit) {
    const auto key = key_from(1);
    const Bytes bytes{1, 2, 3};
    const Signature good = key->sign(Domain::kMemberRecord, bytes);
    ASSERT_TRUE(verify(key->public_key(), Domain::kMemberRecord, bytes, good));
    EXPECT_FALSE(verify(key->public_key(), Domain::kMemberRecord, Bytes{1, 2}, good));
    EXPECT_FALSE(verify(key_from(2)->public_key(), Domain::kMemberRecord, bytes, good));
    EXPECT_FALSE(verify(PublicKey{}, Domain::kMemberRecord, bytes, good)) << "small order";
    for (std::size_t bit = 0; bit < 8 * good.bytes.size(); ++bit) {
        Signature bad = good;
        bad.bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
        EXPECT_FALSE(verify(key->public_key(), Domain::kMemberRecord, bytes, bad));
    }
}

TEST(Keys, ComeBackFromTheirSeed) {
    const auto key = key_from(3);
    EXPECT_EQ(SecretKey::from_seed(key->reveal_seed()).public_key(), key->public_key());
}

TEST(Keys, FromTheSystemAreDifferentEachTime) {
    EXPECT_NE(SecretKey::generate(system_random()).public_key(),
              SecretKey::generate(system_random()).public_key());
}

TEST(Keys, FingerprintIs32HexDigitsOfItsOwn) {
    const std::string one = fingerprint(key_from(1)->public_key());
    EXPECT_EQ(one.size(), 32U);
    EXPECT_EQ(one.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_NE(one, fingerprint(key_from(2)->public_key()));
}

TEST(Domain, LabelsAreDistinctAndVersioned) {
    std::set<std::string_view> labels;
    for (int i = 0; i < kDomainCount; ++i) {
        const std::string_view label = domain_label(static_cast<Domain>(i));
        EXPECT_TRUE(label.starts_with("vidai/")) << label;
        EXPECT_TRUE(label.ends_with("/1")) << label;
        EXPECT_TRUE(labels.insert(label).second) << label;
    }
}

TEST(Refusal, EachHasANameOfItsOwnAndAdvice) {
    std::set<std::string_view> names;
    for (int i = 0; i < kRefusalCount; ++i) {
        const auto refusal = static_cast<Refusal>(i);
        EXPECT_TRUE(names.insert(refusal_name(refusal)).second) << refusal_name(refusal);
        EXPECT_FALSE(to_error(refusal).message.empty());
        EXPECT_EQ(to_error(refusal).param, refusal_name(refusal));
    }
}

TEST(Specification, NamesEveryLabelAndEveryReason) {
    std::ifstream in(VIDAI_SECURITY_SPECIFICATION);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const auto quoted = [](std::string_view name) { return "`" + std::string(name) + "`"; };
    for (int i = 0; i < kDomainCount; ++i) {
        const std::string label = quoted(domain_label(static_cast<Domain>(i)));
        EXPECT_NE(text.find(label), std::string::npos) << label;
    }
    for (int i = 0; i < kRefusalCount; ++i) {
        const std::string name = quoted(refusal_name(static_cast<Refusal>(i)));
        EXPECT_NE(text.find(name), std::string::npos) << name;
    }
}

}  // namespace
}  // namespace vidai::mesh::seal
