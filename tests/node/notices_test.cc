// SPDX-License-Identifier: Apache-2.0
#include "node/notices.h"

#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace vidai::node {
namespace {

using mesh::Notice;

std::string line_of(const Notice& notice) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    {
        observe::Log log({.level = observe::LogLevel::kDebug}, ends[1]);
        log_notice(log, notice);
    }
    ::close(ends[1]);
    std::string text(4096, '\0');
    const ssize_t n = ::read(ends[0], text.data(), text.size());
    ::close(ends[0]);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
}

// The log ends the process for a field that the catalogue lacks (node/observe/log.cc).
TEST(Notices, OfEveryKindAreLinesOfTheCatalogue) {
    for (const Notice::Kind kind :
         {Notice::Kind::kGenesis, Notice::Kind::kJoining, Notice::Kind::kStarted,
          Notice::Kind::kMember, Notice::Kind::kPeerRefused, Notice::Kind::kTrouble,
          Notice::Kind::kKeyChanged, Notice::Kind::kLimitChanged, Notice::Kind::kStateSaved,
          Notice::Kind::kStateFailed, Notice::Kind::kSuperseded, Notice::Kind::kIdentity,
          Notice::Kind::kMemberKey}) {
        const std::string line = line_of({kind, "the-subject", "what_it_is", "A sentence."});
        EXPECT_THAT(line, testing::HasSubstr("\"the-subject\"")) << line;
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
