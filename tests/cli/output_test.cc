// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "cli/exit_code.h"
#include "tests/cli/recorded.h"

namespace vidai::cli {
namespace {

using mesh::MemberStatus;
using testing::HasSubstr;

class Printed : public Shell {
  protected:
    Printed() {
        recording_.members = {recorded_member("n1", MemberStatus::kAlive),
                              recorded_member("n2", MemberStatus::kSuspect)};
        recording_.members[0].self = true;
        recording_.members[1].rtt = std::chrono::microseconds(412);
        recording_.members[1].incarnation = {2};
        recording_.members[1].wire_min = 1;
        recording_.members[1].wire_max = 2;
        recording_.members[1].version = "1.2.0";
        recording_.members[1].capabilities = 0b11 | 1ULL << 40;
    }
};

TEST_F(Printed, MembersAsATable) {
    const Outcome outcome = asked({"mesh", "members"});
    EXPECT_EQ(outcome.out,
              "NODE  STATUS   ADDRESS           RTT  SINCE\n"
              "n1    alive    127.0.0.1:7420      -     3m\n"
              "n2    suspect  127.0.0.1:7420  412us     3m\n");
    EXPECT_EQ(outcome.err, "");
    EXPECT_EQ(asked({"mesh", "members", "-o", "wide", "--no-headers"}).out,
              "n1  alive    127.0.0.1:7420      -  3m  3  0  -      -    -                         "
              "       -   yes\n"
              "n2  suspect  127.0.0.1:7420  412us  3m  3  2  1.2.0  1-2  "
              "root-statements,rotation,bit-40  "
              "no  no\n");
}

TEST_F(Printed, MembersForPrograms) {
    recording_.members.erase(recording_.members.begin());
    EXPECT_EQ(asked({"mesh", "members", "-o", "json"}).out,
              "{\n"
              "  \"items\": [\n"
              "    {\n"
              "      \"id\": \"n2\",\n"
              "      \"status\": \"suspect\",\n"
              "      \"address\": \"127.0.0.1:7420\",\n"
              "      \"generation\": 3,\n"
              "      \"incarnation\": 2,\n"
              "      \"self\": false,\n"
              "      \"connected\": false,\n"
              "      \"rtt_us\": 412,\n"
              "      \"since\": \"2026-11-22T07:13:06.123Z\",\n"
              "      \"aged\": false,\n"
              "      \"version\": \"1.2.0\",\n"
              "      \"wire_min\": 1,\n"
              "      \"wire_max\": 2,\n"
              "      \"capabilities\": [\n"
              "        \"root-statements\",\n"
              "        \"rotation\",\n"
              "        \"bit-40\"\n"
              "      ]\n"
              "    }\n"
              "  ]\n"
              "}\n");
    EXPECT_THAT(asked({"mesh", "members", "-o", "yaml"}).out,
                HasSubstr("items:\n  - id: n2\n    status: suspect\n"));
}

TEST_F(Printed, AMemberThatIsOnlyDialledNowAndThenAsAged) {
    recording_.members[1].status = MemberStatus::kDead;
    recording_.members[1].aged = true;
    EXPECT_THAT(asked({"mesh", "members"}).out, HasSubstr("n2    dead (aged)"));
    EXPECT_THAT(asked({"mesh", "members", "-o", "json"}).out, HasSubstr("\"aged\": true"));
}

TEST_F(Printed, EveryStatusHasItsWord) {
    const std::pair<MemberStatus, const char*> words[] = {{MemberStatus::kJoining, "joining"},
                                                          {MemberStatus::kAlive, "alive"},
                                                          {MemberStatus::kSuspect, "suspect"},
                                                          {MemberStatus::kDead, "dead"},
                                                          {MemberStatus::kLeft, "left"}};
    for (const auto& [status, word] : words) {
        recording_.members = {recorded_member("n", status)};
        EXPECT_THAT(asked({"mesh", "members", "--no-headers"}).out, HasSubstr(word));
    }
}

TEST_F(Printed, StatusWordsAreColouredOnATerminalAloneAndNeverInJson) {
    color_ = true;
    EXPECT_THAT(asked({"mesh", "members"}).out, HasSubstr("\033[33msuspect\033[0m"));
    EXPECT_THAT(asked({"mesh", "members", "-o", "json"}).out, testing::Not(HasSubstr("\033")));
}

TEST_F(Printed, TheMeshInShort) {
    mesh::MeshStatus& status = recording_.status;
    status.mesh.bytes.fill(0xab);
    status.node = NodeId("n1");
    status.version = "0.1.0";
    status.wire_min = status.wire_max = 1;
    status.members = 4;
    status.alive = 2;
    status.dead = 1;
    status.delay = std::chrono::milliseconds(55);
    status.registers = 4;
    status.digest = 0xfe'dcba'9876'5432;
    status.keys = 2;
    EXPECT_EQ(asked({"mesh", "status"}).out,
              "Mesh:       abababababababababababababababab\n"
              "Asked:      n1\n"
              "Version:    0.1.0\n"
              "Wire:       1-1\n"
              "Members:    4 (1 joining, 2 alive, 0 suspect, 1 dead, 0 left)\n"
              "Counters:   at most 55 ms old\n"
              "Registers:  4, digest 00fedcba98765432\n"
              "Keys:       2\n");
    const std::string json = asked({"mesh", "status", "-o", "json"}).out;
    EXPECT_THAT(json, HasSubstr("\"members\": 4,\n  \"joining\": 1,\n  \"alive\": 2,"));
    EXPECT_THAT(json, HasSubstr("\"delay_ms\": 55,"));
    EXPECT_THAT(json, HasSubstr("\"digest\": \"00fedcba98765432\","));
}

TEST_F(Printed, OneNode) {
    recording_.node.member = recorded_member("n1", MemberStatus::kDead);
    recording_.node.key_fingerprint = "ab:cd";
    EXPECT_EQ(asked({"node", "show", "n1"}).out,
              "Node:             n1\n"
              "Status:           dead\n"
              "Since:            3m (2026-11-22T07:13:06.123Z)\n"
              "Address:          127.0.0.1:7420\n"
              "Connected:        no\n"
              "Round trip:       -\n"
              "Generation:       3\n"
              "Incarnation:      0\n"
              "Program:          -\n"
              "Wire versions:    -\n"
              "Capabilities:     -\n"
              "Key:              -\n"
              "Key fingerprint:  ab:cd\n"
              "Certified by:     -\n"
              "Under the root:   -\n"
              "Certified until:  -\n");
    EXPECT_THAT(asked({"node", "show", "n1", "-o", "json"}).out,
                HasSubstr("\"key_fingerprint\": \"ab:cd\",\n  \"certificate_until\": null,"));
}

TEST_F(Printed, ANodeThatHasLeftOrIsDeadIsConnectedToNobody) {
    for (const MemberStatus gone : {MemberStatus::kLeft, MemberStatus::kDead}) {
        mesh::Member left = recorded_member("n1", gone);
        left.connected = true;  // its process, perhaps stopped, still holds the connection open
        left.rtt = std::chrono::microseconds(412);
        recording_.node.member = left;
        recording_.members = {left};
        EXPECT_THAT(asked({"node", "show", "n1"}).out, HasSubstr("Connected:        no\n"
                                                                 "Round trip:       -\n"));
        EXPECT_THAT(asked({"node", "show", "n1", "-o", "json"}).out,
                    HasSubstr("\"connected\": false,\n  \"rtt_us\": null,"));
        const std::string wide = asked({"mesh", "members", "-o", "wide"}).out;
        EXPECT_THAT(wide, testing::Not(HasSubstr("yes")));
        EXPECT_THAT(wide, testing::Not(HasSubstr("412us")));
    }
}

TEST_F(Printed, ANewKeyWithItsSecretOnStandardOutputAndTheWarningBeside) {
    const Outcome outcome = asked({"key", "create", "--name", "team a", "--models", "fast,deep",
                                   "--rpm", "60", "--tpm", "9007199254740992"});
    EXPECT_EQ(outcome.out,
              "Key:      sk-vidai-AbCdEf012345-s3cret\n"
              "Id:       AbCdEf012345\n"
              "Name:     team a\n"
              "Models:   fast,deep\n"
              "Limits:   60 requests a minute, 9007199254740992 tokens a minute\n"
              "Budgets:  none\n");
    EXPECT_EQ(outcome.err,
              "The key is shown this once; the mesh keeps only a hash of it.\n"
              "Its models are not looked up: a name that no node serves is no error.\n");
    EXPECT_EQ(recording_.created.models, (std::vector<std::string>{"fast", "deep"}));
    EXPECT_EQ(recording_.created.limits.requests_per_minute, 60U);
    EXPECT_FALSE(recording_.created.limits.concurrency);
}

TEST_F(Printed, ANewKeyAloneForAScript) {
    const Outcome outcome = asked({"key", "create", "--secret-only"});
    EXPECT_EQ(outcome.out, "sk-vidai-AbCdEf012345-s3cret\n");
    EXPECT_EQ(outcome.err, "The key is shown this once; the mesh keeps only a hash of it.\n");
    EXPECT_THAT(asked({"key", "create", "--secret-only", "-o", "json"}).out,
                HasSubstr("\"secret\": \"sk-vidai-AbCdEf012345-s3cret\""));
}

TEST_F(Printed, ANewKeyThatStandsUnderBudgets) {
    for (const std::vector<const char*>& flags :
         {std::vector<const char*>{"key", "create", "--budget", "team-a", "--budget", "org"},
          {"key", "create", "--budget=team-a,org"}}) {
        EXPECT_THAT(asked(flags).out, HasSubstr("Budgets:  team-a,org\n"));
        EXPECT_EQ(recording_.created.budgets, (std::vector{BudgetId("team-a"), BudgetId("org")}));
    }
    EXPECT_THAT(asked({"key", "create", "--budget", "team-a", "-o", "json"}).out,
                HasSubstr("\"budgets\": [\n    \"team-a\"\n  ]"));
    EXPECT_THAT(asked({"key", "create", "--no-budget"}).out, HasSubstr("Budgets:  none\n"));
    EXPECT_TRUE(recording_.created.budgets.empty());
}

TEST_F(Printed, ANewKeyForPrograms) {
    EXPECT_EQ(asked({"key", "create", "--concurrency", "4", "-o", "json"}).out,
              "{\n"
              "  \"id\": \"AbCdEf012345\",\n"
              "  \"name\": \"\",\n"
              "  \"secret\": \"sk-vidai-AbCdEf012345-s3cret\",\n"
              "  \"models\": [],\n"
              "  \"limits\": {\n"
              "    \"requests_per_minute\": null,\n"
              "    \"tokens_per_minute\": null,\n"
              "    \"concurrency\": 4\n"
              "  },\n"
              "  \"budgets\": [],\n"
              "  \"owner\": {\n"
              "    \"user\": \"\",\n"
              "    \"team\": \"\",\n"
              "    \"project\": \"\"\n"
              "  }\n"
              "}\n");
}

TEST_F(Printed, TheKeys) {
    EXPECT_EQ(asked({"key", "list"}).out, "");
    EXPECT_THAT(asked({"key", "list"}).err, HasSubstr("No keys yet"));
    EXPECT_EQ(asked({"key", "list", "-o", "json"}).out, "{\n  \"items\": []\n}\n");
    recording_.keys = {recorded_key(), recorded_key()};
    recording_.keys[1].revoked = true;
    recording_.keys[1].name = "\033[2Jtricky";
    recording_.keys[1].models.clear();
    recording_.keys[0].budgets = {BudgetId("org")};
    EXPECT_EQ(asked({"key", "list"}).out,
              "ID            NAME           STATUS   MODELS     RPM  TPM  BUDGETS  AGE\n"
              "AbCdEf012345  team a         active   fast,deep   60    -  org       5h\n"
              "AbCdEf012345  \\x1b[2Jtricky  revoked  all         60    -  none      5h\n");
    EXPECT_THAT(asked({"key", "list", "-o", "json"}).out,
                HasSubstr("\"created\": \"2026-11-22T02:16:06.123Z\",\n      \"revoked\": true"));
}

TEST_F(Printed, ARevokedKey) {
    EXPECT_EQ(asked({"key", "revoke", "AbCdEf012345"}).out,
              "Id:      AbCdEf012345\n"
              "Name:    team a\n"
              "Status:  revoked\n");
}

TEST_F(Printed, ARevokedKeyAndWhoHasHeardOfIt) {
    recording_.heard = {{NodeId("n1"), NodeId("n2")}, {}};
    const Outcome done = asked({"key", "revoke", "AbCdEf012345", "--wait"});
    EXPECT_THAT(done.out, HasSubstr("by 2 of 2 nodes of the roster: n1, n2"));
    EXPECT_EQ(recording_.acknowledging.kind, mesh::kKeyRegister);
    EXPECT_EQ(recording_.acknowledging.id, "AbCdEf012345");
    EXPECT_EQ(recording_.acknowledging.time, 7U);

    recording_.heard = {{NodeId("n1")}, {NodeId("n2")}};
    const Outcome late = asked({"key", "revoke", "AbCdEf012345", "--wait"});
    EXPECT_NE(late.status, kExitOk);
    EXPECT_THAT(late.err, HasSubstr("missing: n2"));
}

// Or it would take whoever has heard of the key for who has heard that it is revoked.
TEST_F(Printed, NobodyHasHeardOfARevocationThatTheNodeCannotName) {
    recording_.revoked_at = 0;
    recording_.heard = {{NodeId("n1")}, {}};
    const Outcome done = asked({"key", "revoke", "AbCdEf012345", "--wait"});
    EXPECT_NE(done.status, kExitOk);
    EXPECT_THAT(done.err, HasSubstr("the key is revoked and the other nodes are told, but"));
    EXPECT_EQ(asked({"key", "revoke", "AbCdEf012345"}).status, kExitOk);
}

TEST_F(Printed, TheLimitsOfAKey) {
    mesh::LimitReport& report = recording_.report;
    report.key = KeyId("AbCdEf012345");
    report.spend_own = {1'000};
    report.spend_known = {234};
    EXPECT_THAT(asked({"limit", "show", "AbCdEf012345"}).out, HasSubstr("Limits:  none\n"));
    mesh::LimitUse use;
    use.limit = 60;
    use.own = 20;
    use.known = 38;
    use.bound = 4;
    use.burst = 6;
    use.delay = std::chrono::milliseconds(55);
    use.nodes = 3;
    use.crashes = 1;
    report.limits = {use};
    EXPECT_EQ(
        asked({"limit", "show", "AbCdEf012345", "-o", "wide"}).out,
        "Key:     AbCdEf012345\n"
        "Name:    -\n"
        "Status:  active\n"
        "Mode:    optimistic\n"
        "Spend:   $0.001234 ($0.001000 here; soft: since each node's start)\n"
        "\n"
        "LIMIT                MAX  USED  HERE  ELSEWHERE  BOUND  BURST  DELAY  NODES  CRASHES\n"
        "requests_per_minute   60    58    20         38     +4      6   55ms      3        1\n");
    EXPECT_EQ(asked({"limit", "show", "AbCdEf012345", "-o", "json"}).out,
              "{\n"
              "  \"key\": \"AbCdEf012345\",\n"
              "  \"name\": \"\",\n"
              "  \"mode\": \"optimistic\",\n"
              "  \"revoked\": false,\n"
              "  \"limits\": [\n"
              "    {\n"
              "      \"kind\": \"requests_per_minute\",\n"
              "      \"limit\": 60,\n"
              "      \"own\": 20,\n"
              "      \"known\": 38,\n"
              "      \"bound\": 4,\n"
              "      \"burst\": 6,\n"
              "      \"delay_ms\": 55,\n"
              "      \"nodes\": 3,\n"
              "      \"crashes\": 1\n"
              "    }\n"
              "  ],\n"
              "  \"spend\": {\n"
              "    \"own_micro_usd\": 1000,\n"
              "    \"known_micro_usd\": 234,\n"
              "    \"soft\": true\n"
              "  }\n"
              "}\n");
}

TEST_F(Printed, ANewMeshWithWhatToDoNext) {
    const Outcome outcome = vidaictl(
        {"mesh", "init", "/srv/my mesh", "--operator", "ops", "--node-pattern", "vidai-*"});
    EXPECT_EQ(recording_.initialised.operator_name, "ops");
    EXPECT_EQ(recording_.initialised.node_pattern, "vidai-*");
    EXPECT_EQ(outcome.out,
              "Mesh:              a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\n"
              "Root fingerprint:  1234:5678\n"
              "Root, public:      /srv/my mesh/mesh.pub\n"
              "Root, secret:      /srv/my mesh/root.key  (keep offline)\n"
              "Issuer, secret:    /srv/my mesh/issuer.key\n"
              "Operator, secret:  /srv/my mesh/operator.key\n"
              "Context:           ops@a1a1a1a1 in " +
                  config() +
                  "\n"
                  "Server:            127.0.0.1:7420\n");
    EXPECT_EQ(outcome.err,
              "Move /srv/my mesh/root.key offline now: whoever holds it is the mesh, and no node "
              "needs it.\n"
              "Give each node the root and the issuer file. Next:\n"
              "  vidaid --node-id n1 --data-dir ./n1 --mesh-root '/srv/my mesh/mesh.pub' "
              "--mesh-issuer '/srv/my mesh/issuer.key'\n"
              "  vidaictl mesh members\n");
}

}  // namespace
}  // namespace vidai::cli
