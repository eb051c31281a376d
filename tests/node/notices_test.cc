// SPDX-License-Identifier: Apache-2.0
#include "node/notices.h"

#include <functional>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "node/alerts.h"

namespace vidai::node {
namespace {

using mesh::Notice;

// What `talk` said through the function that it is given.
std::string lines_of(const std::function<void(const std::function<void(const Notice&)>&)>& talk) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    {
        observe::Log log({.level = observe::LogLevel::kDebug}, ends[1]);
        talk([&](const Notice& notice) { log_notice(log, notice); });
    }
    ::close(ends[1]);
    std::string text(65'536, '\0');
    const ssize_t n = ::read(ends[0], text.data(), text.size());
    ::close(ends[0]);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
}

std::string line_of(const Notice& notice) {
    return lines_of([&](const auto& say) { say(notice); });
}

// The log ends the process for a field that the catalogue lacks (node/observe/log.cc).
TEST(Notices, OfEveryKindAreLinesOfTheCatalogue) {
    for (const Notice::Kind kind :
         {Notice::Kind::kGenesis, Notice::Kind::kJoining, Notice::Kind::kStarted,
          Notice::Kind::kMember, Notice::Kind::kPeerRefused, Notice::Kind::kTrouble,
          Notice::Kind::kKeyChanged, Notice::Kind::kLimitChanged, Notice::Kind::kCardApplied,
          Notice::Kind::kStateSaved, Notice::Kind::kStateFailed, Notice::Kind::kUsageFailed,
          Notice::Kind::kSuperseded, Notice::Kind::kIdentity, Notice::Kind::kMemberKey,
          Notice::Kind::kBudgetThreshold}) {
        const std::string line = line_of({kind, "the-subject", "what_it_is", "A sentence."});
        EXPECT_THAT(line, testing::HasSubstr("\"the-subject\"")) << line;
    }
}

TEST(Alerts, TellOfAThresholdInJson) {
    Notice notice{Notice::Kind::kBudgetThreshold, "team:a/b", "80", ""};
    notice.threshold = {80, {50'000'000}, {41'000'000}, 7, "n1"};
    EXPECT_EQ(threshold_json(notice, WallTime(std::chrono::milliseconds(1'234))),
              "{\"event\":\"budget.threshold\",\"id\":\"team:a/b/7/80\",\"budget\":\"team:a/b\","
              "\"percent\":80,\"limit_micro_usd\":50000000,\"used_micro_usd\":41000000,"
              "\"node\":\"n1\",\"time_ms\":1234}");
}

// A flood of one reason, at most 5 lines a second, once hid the first line of another.
TEST(Notices, OfOneReasonDoNotHideThoseOfAnother) {
    const std::string text = lines_of([](const auto& say) {
        for (int i = 0; i < 50; ++i) say({Notice::Kind::kPeerRefused, "10.0.0.1:1", "late", "No."});
        for (const char* reason :
             {"address_slots", "stranger", "slots", "http", "wrong_mesh", "truncated", "broken"}) {
            say({Notice::Kind::kPeerRefused, "10.0.0.2:2", reason, "No."});
        }
    });
    for (const char* reason :
         {"address_slots", "stranger", "slots", "http", "wrong_mesh", "truncated", "broken"}) {
        EXPECT_THAT(text, testing::HasSubstr(std::string("\"what\":\"") + reason)) << text;
    }
}

TEST(Notices, NameWhatTheyAreAbout) {
    EXPECT_THAT(line_of({Notice::Kind::kMember, "node-2", "suspect", "according to node-3"}),
                testing::HasSubstr("\"event\":\"mesh.member\",\"node\":\"node-2\",\"state\":"
                                   "\"suspect\",\"note\":\"according to node-3\"}"));
    EXPECT_THAT(line_of({Notice::Kind::kKeyChanged, "AAAA", "revoked", ""}),
                testing::EndsWith("\"key\":\"AAAA\",\"change\":\"revoked\"}\n"));
}

}  // namespace
}  // namespace vidai::node
