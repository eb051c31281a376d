// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/register.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/mesh/state/origins.h"

namespace vidai::mesh::state {
namespace {

using testing::kNow;
using testing::Origin;
using testing::Origins;
using testing::write;

Hlc at(std::chrono::milliseconds offset) {
    return Hlc::at(kNow + offset);
}

TEST(Statement, ReadsBackExactlyWhatWasWritten) {
    const Statement said{RegisterKind::kKey, "k1", true, Hlc{77}, NodeId("n-1"), {1, 2, 3}};
    const auto read = decode_statement(encode(said));
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(*read, said);
}

TEST(Statement, IsRefusedAtEveryTruncationAndWithATail) {
    const Statement said{RegisterKind::kKey, "k1", false, Hlc{77}, NodeId("n-1"), {1, 2, 3}};
    seal::Bytes bytes = encode(said);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(decode_statement(seal::ByteView(bytes).first(size)).has_value()) << size;
    }
    bytes.push_back(0);
    EXPECT_FALSE(decode_statement(bytes).has_value());
}

TEST(Statement, HasOneEncoding) {
    const Statement said{RegisterKind::kKey, "k1", false, Hlc{77}, NodeId("n-1"), {1, 2, 3}};
    const seal::Bytes bytes = encode(said);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        for (int bit = 0; bit < 8; ++bit) {
            seal::Bytes changed = bytes;
            changed[i] = static_cast<std::uint8_t>(changed[i] ^ (1 << bit));
            const auto read = decode_statement(changed);
            if (read) {
                EXPECT_EQ(encode(*read), changed);
                EXPECT_NE(*read, said);
            }
        }
    }
}

TEST(Retirement, BeatsALaterEditThatHadNotHeardOfIt) {
    const Origins origins;
    const Origin a = origins.make("a"), b = origins.make("b");
    const Register revoked = write(a, "k", at(std::chrono::seconds(1)), "v", true);
    const Register edited = write(b, "k", at(std::chrono::seconds(9)), "w");
    EXPECT_TRUE(supersedes(revoked, edited));
    EXPECT_FALSE(supersedes(edited, revoked));
}

TEST(RegisterVerifier, AcceptsARegisterThatItsOriginSigned) {
    const Origins origins;
    RegisterVerifier verifier(origins.trust());
    const Origin a = origins.make("a");
    for (int i = 0; i < 3; ++i) {
        const auto result = verifier.verify(write(a, "k", at(std::chrono::seconds(i)), "v"), kNow);
        EXPECT_TRUE(result.has_value()) << result.error().message;
    }
}

TEST(RegisterVerifier, SeesWhoseRegistersAreDatedHoweverManyOriginsThereAre) {
    const Origins origins;
    std::vector<Register> all;
    auto revoked = std::make_shared<seal::RevokedKeys>();
    for (int i = 0; i < 200; ++i) {
        const Origin origin = origins.make("n" + std::to_string(i));
        if (i % 50 == 0) revoked->add(origin.key->public_key());
        all.push_back(write(origin, "k" + std::to_string(i), at({}), "v"));
    }
    RegisterVerifier verifier(std::make_shared<const seal::Roots>(origins.trust()), revoked);
    for (int walk = 0; walk < 2; ++walk) {
        EXPECT_EQ(std::ranges::count_if(
                      all, [&](const Register& held) { return verifier.is_dated(held); }),
                  4);
    }
}

TEST(RegisterVerifier, AcceptsARegisterWhoseCertificateHasExpiredSince) {
    const Origins origins;
    RegisterVerifier verifier(origins.trust());
    const Register held = write(origins.make("a"), "k", at(std::chrono::seconds(0)), "v");
    EXPECT_TRUE(verifier.verify(held, kNow + std::chrono::days(400)).has_value());
}

TEST(RegisterVerifier, RefusesARegisterSignedAfterItsCertificateExpired) {
    const Origins origins;
    RegisterVerifier verifier(origins.trust());
    const Origin a = origins.make("a");
    ASSERT_TRUE(verifier.verify(write(a, "k", at({}), "v"), kNow).has_value());
    const WallTime later = kNow + std::chrono::days(30);
    const Register late = write(a, "k", Hlc::at(later), "v");
    EXPECT_EQ(verifier.verify(late, later).error().code, ErrorCode::kUnauthenticated);
}

TEST(RegisterVerifier, RefusesAnotherNodesWord) {
    const Origins origins;
    RegisterVerifier verifier(origins.trust());
    const Origin a = origins.make("a"), b = origins.make("b");
    Register forged = write(b, "k", at({}), "v");
    forged.statement.origin = a.node;  // b's signature and chain, a's name
    EXPECT_EQ(verifier.verify(forged, kNow).error().code, ErrorCode::kUnauthenticated);
    forged.chain = a.chain;
    EXPECT_EQ(verifier.verify(forged, kNow).error().param, "signature");
}

TEST(RegisterVerifier, RefusesAChangedValueAMissingRoleAndAnotherMesh) {
    const Origins origins, others;
    RegisterVerifier verifier(origins.trust());
    Register changed = write(origins.make("a"), "k", at({}), "v");
    changed.statement.value = {'w'};
    EXPECT_EQ(verifier.verify(changed, kNow).error().param, "signature");

    const Origin observer = origins.make("o", seal::Role::kObserver);
    EXPECT_EQ(verifier.verify(write(observer, "k", at({}), "v"), kNow).error().param, "origin");

    const Origin stranger = others.make("a");
    EXPECT_FALSE(verifier.verify(write(stranger, "k", at({}), "v"), kNow).has_value());
}

TEST(RegisterVerifier, RefusesTheFuture) {
    const Origins origins;
    RegisterVerifier verifier(origins.trust());
    const Origin a = origins.make("a");
    EXPECT_TRUE(verifier.verify(write(a, "k", at(std::chrono::minutes(9)), "v"), kNow).has_value());
    EXPECT_EQ(verifier.verify(write(a, "k", at(std::chrono::minutes(11)), "v"), kNow).error().param,
              "time");
}

}  // namespace
}  // namespace vidai::mesh::state
