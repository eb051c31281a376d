// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/recorded.h"

namespace vidai::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class Log : public Shell {
  protected:
    Log() {
        recording_.ledger.path = "/data/ledger/journal";
        recording_.ledger.ledger = "aaaa:bbbb";
        recording_.ledger.bytes = 9'000;
        recording_.ledger.records = 7;
        recording_.ledger.logs = {{.name = "aaaa:bbbb/1", .own = true, .entries = 2},
                                  {.name = "cccc:dddd/1", .entries = 1, .sealed = true}};
        recording_.entries = {
            {"aaaa:bbbb/1", 1, "genesis", {}},
            {"aaaa:bbbb/1", 2, "define", {{"budget", "team-a"}, {"limit_micro_usd", "5"}}},
            {"cccc:dddd/1", 1, "adopt_circle", {{"from", "x/1"}, {"from", "y/1"}}}};
    }
};

TEST_F(Log, IsVerified) {
    const Outcome shown = vidaictl({"log", "verify", "/data"});
    EXPECT_EQ(shown.status, 0) << shown.err;
    EXPECT_EQ(recording_.ledger_dir, "/data");
    EXPECT_THAT(shown.out, HasSubstr("Verified:  7 records, 9000 bytes"));
    EXPECT_THAT(shown.out, Not(HasSubstr("Torn")));
    EXPECT_THAT(shown.out, HasSubstr("aaaa:bbbb/1  this volume  open          2"));
    EXPECT_THAT(shown.out, HasSubstr("cccc:dddd/1  another      sealed        1"));
    recording_.ledger.torn = 13;
    EXPECT_THAT(vidaictl({"log", "verify", "/data"}).out, HasSubstr("Torn:      13 bytes"));
    EXPECT_THAT(vidaictl({"log", "verify", "/data", "-o", "json"}).out,
                HasSubstr("\"torn_bytes\": 13"));
}

TEST_F(Log, IsDumpedAsLines) {
    const Outcome done = vidaictl({"log", "dump", "/data"});
    EXPECT_EQ(done.status, 0) << done.err;
    ASSERT_EQ(recording_.written.size(), 3U);
    EXPECT_EQ(recording_.written[1],
              "{\"log\":\"aaaa:bbbb/1\",\"number\":2,\"entry\":\"define\",\"fields\":"
              "{\"budget\":\"team-a\",\"limit_micro_usd\":\"5\"}}\n");
    EXPECT_THAT(recording_.written[2], HasSubstr("\"from\":[\"x/1\",\"y/1\"]"));
    recording_.written.clear();
    vidaictl({"log", "dump", "/data", "--log", "cccc:dddd/1"});
    EXPECT_EQ(recording_.written.size(), 1U);
}

TEST_F(Log, ShowsItsEnd) {
    const Outcome shown = vidaictl({"log", "tail", "/data", "--last", "2"});
    EXPECT_EQ(shown.status, 0) << shown.err;
    EXPECT_THAT(shown.out, Not(HasSubstr("genesis")));
    EXPECT_THAT(shown.out, HasSubstr("define        budget team-a, limit_micro_usd 5"));
    EXPECT_THAT(shown.out, HasSubstr("adopt_circle  from x/1, from y/1"));
}

TEST_F(Log, SaysWhatIsWrongWithIt) {
    recording_.failure = Error{ErrorCode::kCorrupt, "record 4 is damaged", "/data"};
    const Outcome damaged = vidaictl({"log", "verify", "/data"});
    EXPECT_NE(damaged.status, 0);
    EXPECT_THAT(damaged.err, HasSubstr("record 4 is damaged"));
    EXPECT_EQ(vidaictl({"log", "verify"}).status, 2);
}

}  // namespace
}  // namespace vidai::cli
