// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "cli/context/context_file.h"
#include "cli/context/settings.h"
#include "cli/exit_code.h"
#include "tests/cli/recorded.h"

namespace vidai::cli {
namespace {

using testing::HasSubstr;

constexpr const char* kTwo =
    "current-context: a\n"
    "contexts:\n"
    "  - name: a\n"
    "    server: 10.0.0.1:7420\n"
    "    identity: keys/a.key\n"
    "    root: /etc/vidai/mesh.pub\n"
    "  - name: b\n"
    "    server: 10.0.0.2:7420\n"
    "    identity: /keys/b.key\n"
    "    root: /keys/b.pub\n";

class Contexts : public Shell {};

TEST_F(Contexts, TheCurrentOneIsAskedAndItsPathsAreRelativeToTheFile) {
    write(config(), kTwo);
    EXPECT_EQ(vidaictl({"mesh", "members"}).status, 0);
    EXPECT_EQ(recording_.target.address, "10.0.0.1:7420");
    EXPECT_EQ(recording_.target.identity_file, folder() + "/keys/a.key");
    EXPECT_EQ(recording_.target.root_file, "/etc/vidai/mesh.pub");
    EXPECT_EQ(recording_.timeout, std::chrono::seconds(5));
}

TEST_F(Contexts, AFlagWinsOverTheContextOneByOne) {
    write(config(), kTwo);
    EXPECT_EQ(vidaictl({"mesh", "--server", "h:1", "members", "--context=b", "--timeout", "250ms",
                        "--root", "r.pub"})
                  .status,
              0);
    EXPECT_EQ(recording_.target.address, "h:1");
    EXPECT_EQ(recording_.target.identity_file, "/keys/b.key");
    EXPECT_EQ(recording_.target.root_file, "r.pub");  // relative to where the user stands
    EXPECT_EQ(recording_.timeout, std::chrono::milliseconds(250));
}

TEST_F(Contexts, TheFileIsThatOfTheFlagThenTheVariableThenXdgThenHome) {
    const auto file = [&](const context::FlagValues& flags) {
        return context::read_settings(flags, [&](const char* name) { return variables_[name]; })
            ->file;
    };
    variables_ = {{"HOME", "/home/o"}};
    EXPECT_EQ(file({}), "/home/o/.config/vidai/config.yaml");
    variables_["XDG_CONFIG_HOME"] = "relative/is/ignored";
    EXPECT_EQ(file({}), "/home/o/.config/vidai/config.yaml");
    variables_["XDG_CONFIG_HOME"] = "/xdg";
    EXPECT_EQ(file({}), "/xdg/vidai/config.yaml");
    variables_["VIDAICTL_CONFIG"] = "/var.yaml";
    EXPECT_EQ(file({}), "/var.yaml");
    EXPECT_EQ(file({{"--config", "/flag.yaml"}}), "/flag.yaml");
}

TEST_F(Contexts, OfSeveralServersTheFirstThatAnswersIsAsked) {
    const char* const kThree = "a:1,[::1]:2,c:3";
    const std::vector<const char*> line = {"--server", kThree, "--identity", "i",
                                           "--root",   "r",    "mesh",       "members"};
    EXPECT_EQ(vidaictl(line).status, 0);
    EXPECT_EQ(recording_.target.address, "a:1");
    recording_.silent = {"a:1", "[::1]:2"};
    EXPECT_EQ(vidaictl(line).status, 0);
    EXPECT_EQ(recording_.target.address, "c:3");
    recording_.silent.insert("c:3");
    const Outcome none = vidaictl(line);
    EXPECT_EQ(none.status, 4);
    EXPECT_THAT(none.err, HasSubstr("no server answers: a:1: connection refused; [::1]:2: "));
    EXPECT_THAT(none.err, HasSubstr("asked a:1,[::1]:2,c:3 (from --server)"));
    recording_.silent.clear();
    recording_.refusal = Error{ErrorCode::kPermissionDenied, "the role does not allow it", ""};
    EXPECT_NE(vidaictl(line).status, 0);
    EXPECT_EQ(recording_.target.address, "a:1") << "who refuses is not asked elsewhere";
    EXPECT_EQ(vidaictl({"--server", "a:1,b", "mesh", "members"}).status, 2);
    EXPECT_EQ(vidaictl({"--server", "a:1,", "mesh", "members"}).status, 2);
}

TEST_F(Contexts, FlagsThatSayEverythingNeedNone) {
    write(config(), "current-context: gone\n");
    EXPECT_EQ(vidaictl({"mesh", "members"}).status, kExitNotFound);
    EXPECT_EQ(
        vidaictl({"--server", "[::1]:7420", "--identity", "i", "--root", "r", "mesh", "members"})
            .status,
        0);
    EXPECT_EQ(asked({"mesh", "members"}).status, 0);
    EXPECT_EQ(recording_.target.address, "unix:/run/vidai");
}

TEST_F(Contexts, WithoutOneTheMessageSaysHowToGetOne) {
    const Outcome outcome = vidaictl({"--server", "h:1", "mesh", "members"});
    EXPECT_EQ(outcome.status, kExitUsage);
    EXPECT_EQ(outcome.err, "vidaictl: no context in " + config() +
                               ": make a mesh with 'vidaictl mesh init DIR', or give --identity "
                               "and --root\n");
    write(config(), "contexts: [{name: a}]\n");
    EXPECT_THAT(vidaictl({"mesh", "members"}).err, HasSubstr("config use-context NAME"));
    EXPECT_THAT(vidaictl({"mesh", "members", "--context", "a"}).err,
                HasSubstr("give --server and --identity and --root"));
}

TEST_F(Contexts, AnUnknownOneIsNotFoundAndTheNearestIsNamed) {
    write(config(), "contexts: [{name: production}]\n");
    const Outcome outcome = vidaictl({"mesh", "members", "--context", "prodution"});
    EXPECT_EQ(outcome.status, kExitNotFound);
    EXPECT_THAT(outcome.err, HasSubstr("did you mean 'production'?"));
}

TEST(ContextFile, IsReadStrictly) {
    const auto error = [](const std::string& text) {
        const auto file = context::parse_contexts(text, "f");
        return file ? "read" : file.error().message;
    };
    EXPECT_THAT(error("contexts: [{name: a}, {name: a}]"), HasSubstr("two contexts are named 'a'"));
    EXPECT_THAT(error("contexts:\n- name: a\n  sever: x"), HasSubstr("f:3: 'sever' is not"));
    EXPECT_THAT(error("contexts:\n- name: a\n  name: b"), HasSubstr("f:3: 'name' is set twice"));
    EXPECT_THAT(error("contexts: [{server: x}]"), HasSubstr("without a name"));
    EXPECT_THAT(error("contexts: {a: b}"), HasSubstr("f:1: 'contexts' must be a list"));
    EXPECT_THAT(error("users: []"), HasSubstr("f:1: 'users' is not"));
    EXPECT_THAT(error("[1]"), HasSubstr("expected current-context and contexts"));
    EXPECT_THAT(error("a: ["), HasSubstr("not valid YAML"));
    EXPECT_EQ(error(""), "read");
    EXPECT_EQ(error("current-context:\ncontexts:\n"), "read");
}

TEST(ContextFile, ReadsBackWhatItWrites) {
    context::ContextFile file;
    file.current = "true";  // a word that YAML has other plans for
    file.contexts = {{"true", "h:1", "with \"quotes\" and\nlines", "/r"}, {"0x1f", "", "~", " b "}};
    const auto read = context::parse_contexts(print::to_yaml(context::to_value(file)), "f");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, file);
}

TEST_F(Contexts, MeshInitAddsOneAndKeepsTheOthers) {
    write(config(), kTwo);
    EXPECT_EQ(vidaictl({"mesh", "init", "m", "--server", "h:7"}).status, 0);
    auto file = context::load_contexts(config());
    ASSERT_TRUE(file);
    ASSERT_EQ(file->contexts.size(), 3U);
    EXPECT_EQ(file->contexts[1].name, "b");
    const std::string here = std::filesystem::current_path().string();
    EXPECT_EQ(file->contexts[2],
              (context::Context{"admin@a1a1a1a1", "h:7", here + "/m/operator.key",
                                here + "/m/mesh.pub"}));
    EXPECT_EQ(file->current, "admin@a1a1a1a1");
    struct stat status{};
    ASSERT_EQ(::stat(config().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(Contexts, MeshInitMakesTheFoldersOfTheFileForItsOwnerAlone) {
    const std::string file = folder() + "/deep/er/config.yaml";
    EXPECT_EQ(vidaictl({"mesh", "init", "/m/", "--config", file.c_str()}).status, 0);
    EXPECT_EQ(context::load_contexts(file)->contexts.at(0).root, "/m/mesh.pub");
    struct stat status{};
    ASSERT_EQ(::stat((folder() + "/deep").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(Contexts, MeshInitTakesNoNameTwiceAndThenMakesNothing) {
    write(config(), kTwo);
    const Outcome outcome = vidaictl({"mesh", "init", "m", "--context", "b"});
    EXPECT_EQ(outcome.status, kExitError);
    EXPECT_EQ(recording_.inits, 0);
    EXPECT_EQ(read(config()), kTwo);
}

TEST_F(Contexts, MeshInitTouchesNothingWhenTheFileIsNotUnderstood) {
    write(config(), "clusters: []\n");
    EXPECT_EQ(vidaictl({"mesh", "init", "m"}).status, kExitError);
    EXPECT_EQ(recording_.inits, 0);
    EXPECT_EQ(read(config()), "clusters: []\n");
}

TEST_F(Contexts, MeshInitSaysWhatWasMadeWhenTheContextCannotBeKept) {
    const std::string file = folder() + "/file/config.yaml";
    write(folder() + "/file", "in the way");
    const Outcome outcome = vidaictl({"mesh", "init", "/m", "--config", file.c_str()});
    EXPECT_EQ(outcome.status, kExitError);
    EXPECT_THAT(outcome.err, HasSubstr("--identity /m/operator.key --root /m/mesh.pub"));
}

TEST_F(Contexts, AreWrittenThroughASymbolicLink) {
    write(folder() + "/real.yaml", kTwo);
    std::filesystem::create_symlink("real.yaml", config());
    EXPECT_EQ(vidaictl({"config", "use-context", "b"}).status, 0);
    EXPECT_TRUE(std::filesystem::is_symlink(config()));
    EXPECT_EQ(context::load_contexts(folder() + "/real.yaml")->current, "b");
}

TEST_F(Contexts, AreMadeAndChangedByFlags) {
    write(config(), kTwo);
    EXPECT_EQ(vidaictl({"config", "set-context", "b", "--root", "/n/mesh.pub", "--identity",
                        "/n/operator.key"})
                  .status,
              0);
    const auto changed = context::load_contexts(config());
    ASSERT_TRUE(changed) << changed.error().message;
    EXPECT_EQ(*changed->find("b"),
              (context::Context{"b", "10.0.0.2:7420", "/n/operator.key", "/n/mesh.pub"}));
    EXPECT_EQ(changed->current, "a") << "it is not used for that";
    EXPECT_EQ(vidaictl({"config", "set-context", "b"}).status, kExitUsage) << "nothing is said";
    const Outcome half = vidaictl({"config", "set-context", "c", "--root", "/n/mesh.pub"});
    EXPECT_EQ(half.status, kExitUsage);
    EXPECT_THAT(half.err, HasSubstr("a new one needs --server, --identity and --root"));
    EXPECT_EQ(vidaictl({"config", "set-context", "c", "--root", "/n/mesh.pub", "--identity",
                        "/n/operator.key", "--server", "10.0.0.3:7420"})
                  .status,
              0);
    EXPECT_EQ(context::load_contexts(config())->contexts.size(), 3u);
}

TEST_F(Contexts, UsingOneThatIsNotThereChangesNothing) {
    const std::string file = folder() + "/none/config.yaml";
    EXPECT_EQ(vidaictl({"config", "use-context", "b", "--config", file.c_str()}).status,
              kExitNotFound);
    EXPECT_FALSE(std::filesystem::exists(folder() + "/none"));
}

TEST_F(Contexts, AreListedAndViewed) {
    write(config(), kTwo);
    EXPECT_EQ(vidaictl({"config", "get-contexts"}).out,
              "CURRENT  NAME  SERVER\n"
              "*        a     10.0.0.1:7420\n"
              "-        b     10.0.0.2:7420\n");
    EXPECT_THAT(vidaictl({"config", "get-contexts", "-o", "json"}).out,
                HasSubstr("\"items\": [\n    {\n      \"name\": \"a\""));
    const auto viewed = context::parse_contexts(vidaictl({"config", "view"}).out, "f");
    ASSERT_TRUE(viewed) << viewed.error().message;
    EXPECT_EQ(viewed->contexts, context::parse_contexts(kTwo, "f")->contexts);
}

}  // namespace
}  // namespace vidai::cli
