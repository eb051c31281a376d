// SPDX-License-Identifier: Apache-2.0
#include "node/auth/auth.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mesh/state/key_secret.h"

namespace vidai::node::auth {
namespace {

using mesh::state::KeyEntry;
using mesh::state::KeyTable;
using mesh::state::make_key;
using mesh::state::MintedKey;

struct Auth : testing::Test {
    MintedKey live = make_key({});
    MintedKey revoked = make_key({});
    MintedKey unknown = make_key({});
    KeyTable table = [this] {
        revoked.record.revoked = true;
        return KeyTable({KeyEntry{live.record, 0}, KeyEntry{revoked.record, {}}});
    }();

    std::string bearer(const MintedKey& key) const {
        return "Bearer " + std::string(key.text.reveal());
    }
    Error error_of(std::string_view authorization, std::string_view x_api_key = "") const {
        const auto result = authenticate(table, authorization, x_api_key);
        return result ? Error{} : result.error();
    }
};

TEST_F(Auth, FindsWhoALiveKeyIs) {
    const auto who = authenticate(table, bearer(live), "");
    ASSERT_TRUE(who);
    EXPECT_EQ(who->id(), live.record.id.str());
    EXPECT_TRUE(authenticate(table, "", live.text.reveal()));
}

TEST_F(Auth, ReadsTheSchemeInAnyCaseAndWithSpaces) {
    const std::string key(live.text.reveal());
    EXPECT_TRUE(authenticate(table, "bearer " + key, ""));
    EXPECT_TRUE(authenticate(table, "BEARER   " + key + " ", ""));
    EXPECT_FALSE(authenticate(table, "Bearer" + key, ""));
    EXPECT_FALSE(authenticate(table, "Basic " + key, ""));
    EXPECT_FALSE(authenticate(table, key, ""));
    EXPECT_FALSE(authenticate(table, "Bearer", ""));
    EXPECT_FALSE(authenticate(table, "Bearer ", ""));
}

TEST_F(Auth, LetsTheAuthorizationHeaderWinOverTheOther) {
    EXPECT_TRUE(authenticate(table, bearer(live), unknown.text.reveal()));
    EXPECT_FALSE(authenticate(table, bearer(unknown), live.text.reveal()));
}

TEST_F(Auth, SaysThatNothingWasSent) {
    EXPECT_EQ(error_of("").code, ErrorCode::kMissingKey);
    EXPECT_EQ(error_of("  ", " ").code, ErrorCode::kMissingKey);
}

TEST_F(Auth, AnswersOneAndTheSameWhateverIsWrongWithAKey) {
    std::string wrong = bearer(live);
    wrong.back() = wrong.back() == 'A' ? 'B' : 'A';
    const Error expected = error_of(bearer(unknown));
    EXPECT_EQ(expected.code, ErrorCode::kInvalidKey);
    EXPECT_EQ(error_of(wrong), expected);
    EXPECT_EQ(error_of(bearer(revoked)), expected);
    EXPECT_EQ(error_of("Bearer nonsense"), expected);
    EXPECT_EQ(error_of("Bearer " + std::string(30'000, 'x')), expected);
}

TEST_F(Auth, RepeatsNothingOfWhatWasSent) {
    for (const std::string& sent : {bearer(unknown), bearer(revoked)}) {
        const Error error = error_of(sent);
        EXPECT_THAT(error.message, testing::Not(testing::HasSubstr(sent.substr(20))));
        EXPECT_EQ(error.param, "");
    }
}

}  // namespace
}  // namespace vidai::node::auth
