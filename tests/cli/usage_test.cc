// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdio>
#include <memory>

#include <gmock/gmock.h>

#include "cli/commands/command.h"
#include "cli/exit_code.h"
#include "cli/help.h"
#include "tests/cli/recorded.h"

namespace vidai::cli {
namespace {

using testing::HasSubstr;

class Usage : public Shell {
  protected:
    // What is said about a line that must not run.
    std::string misuse(std::vector<const char*> arguments) {
        const Outcome outcome = asked(std::move(arguments));
        EXPECT_EQ(outcome.status, kExitUsage) << outcome.err;
        EXPECT_EQ(outcome.out, "");
        EXPECT_EQ(recording_.target.address, "") << "something was sent";
        return outcome.err;
    }
};

TEST_F(Usage, AWrongWordIsAnsweredWithTheNearest) {
    EXPECT_THAT(misuse({"mess", "members"}), HasSubstr("did you mean 'mesh'?"));
    EXPECT_THAT(misuse({"mesh", "member"}), HasSubstr("did you mean 'members'?"));
    EXPECT_THAT(misuse({"key", "zap"}), HasSubstr("known here: create, list, revoke"));
    EXPECT_THAT(misuse({"mesh", "members", "--outptu", "json"}),
                HasSubstr("did you mean --output?"));
}

TEST_F(Usage, TheNumberOfWordsMustFit) {
    EXPECT_THAT(misuse({"node", "show"}), HasSubstr("NODE is missing: vidaictl node show NODE"));
    EXPECT_THAT(misuse({"mesh", "members", "n1"}), HasSubstr("'n1' is one word too many"));
    EXPECT_THAT(misuse({"mesh"}), HasSubstr("Usage: vidaictl mesh VERB"));
    EXPECT_EQ(vidaictl({}).status, kExitUsage);
}

TEST_F(Usage, AFlagMustBelongToItsCommandAndStandOnce) {
    EXPECT_THAT(misuse({"key", "list", "--rpm", "5"}), HasSubstr("'key list' has no flag --rpm"));
    EXPECT_THAT(misuse({"key", "list", "-o", "json", "-o", "yaml"}),
                HasSubstr("--output is given more than once\n"));
    EXPECT_THAT(misuse({"key", "create", "--rpm", "5", "--rpm", "6"}),
                HasSubstr("--rpm is given more than once\n"));
    EXPECT_THAT(misuse({"key", "create", "--name"}), HasSubstr("--name needs a value\n"));
}

TEST_F(Usage, AFlagIsSuggestedForItsLettersNotForItsDashes) {
    EXPECT_THAT(misuse({"key", "create", "--foo", "1"}), testing::Not(HasSubstr("did you mean")));
    EXPECT_THAT(misuse({"key", "create", "--nme", "1"}), HasSubstr("did you mean --name?"));
}

TEST_F(Usage, ANameOfAWrongFormIsAWrongLine) {
    EXPECT_THAT(misuse({"key", "create", "--name", std::string(129, 'x').c_str()}),
                HasSubstr("--name takes at most 128 bytes, not 129"));
    recording_.init_failure = Error{ErrorCode::kInvalidRequest, "a node pattern is", ""};
    EXPECT_THAT(misuse({"mesh", "init", folder().c_str(), "--node-pattern", "a*b*"}),
                HasSubstr("a node pattern is"));
}

TEST_F(Usage, ValuesAreCheckedBeforeAnythingIsSent) {
    EXPECT_THAT(misuse({"mesh", "members", "-o", "xml"}), HasSubstr("not 'xml'"));
    for (const char* time : {"5", "0s", "-1s", "61m", "s", "99999999999999999999s", "1.5s", ""}) {
        EXPECT_THAT(misuse({"mesh", "members", (std::string("--timeout=") + time).c_str()}),
                    HasSubstr("--timeout"))
            << time;
    }
    for (const char* number : {"0", "-1", "4294967296", "1k", "many"}) {
        EXPECT_THAT(misuse({"key", "create", (std::string("--rpm=") + number).c_str()}),
                    HasSubstr("--rpm takes a whole number from 1 to 4294967295"))
            << number;
    }
    for (const char* models : {",", "a,", "a,,b", "a,a"}) {
        EXPECT_THAT(misuse({"key", "create", "--models", models}), HasSubstr("--models")) << models;
    }
    for (const char* budgets : {"", ",", "a,", "a,a", "team a", "-a", "a,b,c,d,e,f,g,h,i"}) {
        EXPECT_THAT(misuse({"key", "create", (std::string("--budget=") + budgets).c_str()}),
                    HasSubstr("budget"))
            << budgets;
    }
    EXPECT_THAT(misuse({"key", "create", "--budget", "a", "--budget", "a"}),
                HasSubstr("each with another"));
    EXPECT_THAT(misuse({"key", "create", "--budget", "a", "--no-budget"}),
                HasSubstr("give one of them"));
    EXPECT_THAT(misuse({"node", "show", "Not A Node"}), HasSubstr("mesh members"));
}

TEST_F(Usage, AnAddressMustSayWhereAndWhichPort) {
    for (const char* server :
         {"host", "host:", ":7420", "host:0", "host:65536", "::1:7420", "host:7420x", "unix:"}) {
        const Outcome outcome = vidaictl({"mesh", "members", "--server", server});
        EXPECT_EQ(outcome.status, kExitUsage);
        EXPECT_THAT(outcome.err, HasSubstr("is not HOST:PORT")) << server;
    }
}

TEST_F(Usage, AWholeKeyGivenForItsIdIsNotRepeated) {
    const std::string said = misuse({"key", "revoke", "sk-vidai-AbCdEf012345-s3cret"});
    EXPECT_THAT(said, HasSubstr("never give a whole key"));
    EXPECT_THAT(said, testing::Not(HasSubstr("s3cret")));
}

TEST_F(Usage, ANodeMayBeNamedLikeACommand) {
    recording_.node.member = recorded_member("mesh", mesh::MemberStatus::kAlive);
    EXPECT_EQ(asked({"node", "show", "mesh"}).status, 0);
}

TEST_F(Usage, HelpIsThereForAllOfItAndSaysTheExitStatus) {
    const Outcome outcome = vidaictl({"--help"});
    EXPECT_EQ(outcome.status, 0);
    for (const commands::Command& command : commands::all_commands()) {
        EXPECT_THAT(outcome.out, HasSubstr("  " + commands::name_of(command)));
        const std::string noun(command.noun), verb(command.verb);
        const Outcome own = verb.empty() ? vidaictl({noun.c_str(), "-h"})
                                         : vidaictl({noun.c_str(), verb.c_str(), "-h"});
        EXPECT_EQ(own.status, 0);
        EXPECT_THAT(own.out, HasSubstr("Usage: vidaictl " + commands::name_of(command)));
    }
    EXPECT_THAT(outcome.out, HasSubstr("Exit status:\n  0 "));
    EXPECT_EQ(vidaictl({"help", "key", "create"}).out, vidaictl({"key", "create", "-h"}).out);
    EXPECT_EQ(vidaictl({"key", "--help"}).status, 0);
}

TEST_F(Usage, TheVersionIsTheSameEitherWay) {
    EXPECT_EQ(vidaictl({"--version"}).out, vidaictl({"version"}).out);
    EXPECT_THAT(vidaictl({"version", "-o", "json"}).out, HasSubstr("\"version\": \""));
}

// What bash offers for the line `words`, of which the last is being typed.
std::string offered(const std::string& script, const std::string& file, const std::string& words) {
    std::ofstream(file) << script << "COMP_WORDS=(" << words
                        << ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_vidaictl\n"
                           "echo \"${COMPREPLY[*]}\"\n";
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(
        ::popen(("bash '" + file + "' 2>&1").c_str(), "r"), &::pclose);
    std::string out;
    std::array<char, 512> part{};
    while (std::fgets(part.data(), part.size(), pipe.get()) != nullptr) out += part.data();
    return out;
}

TEST_F(Usage, BashCompletesNounsVerbsAndFlags) {
    const std::string script = vidaictl({"completion", "bash", "-o", "json"}).out;
    const auto completed = [&](const std::string& words) {
        return offered(script, folder() + "/completion.sh", words);
    };
    EXPECT_EQ(completed("vidaictl ''"),
              "mesh node key limit budget usage log price config completion version\n");
    EXPECT_EQ(
        completed("vidaictl --server h:1 -o json mesh ''"),
        "init status members doctor leave revoke token join-token forget revocations rotate\n");
    EXPECT_EQ(completed("vidaictl key cr"), "create\n");
    EXPECT_EQ(completed("vidaictl key create --r"), "--rpm --root\n");
    EXPECT_EQ(completed("vidaictl key list -o j"), "json\n");
}

}  // namespace
}  // namespace vidai::cli
