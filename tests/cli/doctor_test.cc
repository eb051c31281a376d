// SPDX-License-Identifier: Apache-2.0
// The doctor's judgement as a table: a healthy mesh of three, one thing made wrong, what is found.
#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

#include "cli/doctor/diagnose.h"
#include "tests/cli/recorded.h"
#include "tests/cli/well.h"

namespace vidai::cli::doctor {
namespace {

using mesh::MemberStatus;
using namespace std::chrono_literals;

Facts healthy() {
    Facts facts;
    facts.asked = NodeId("a");
    facts.now = recorded_now();
    facts.nodes = {{NodeId("a"), "a:7420", well("a", {"b", "c"}), {}, 2ms, 0ms, false},
                   {NodeId("b"), "b:7420", well("b", {"a", "c"}), {}, 2ms, 0ms, false},
                   {NodeId("c"), "c:7420", well("c", {"a", "b"}), {}, 2ms, 0ms, false}};
    return facts;
}

mesh::NodeReport& report(Facts& facts, std::size_t node) {
    return *facts.nodes.at(node).report;
}
mesh::PeerReport& peer(Facts& facts, std::size_t node, std::size_t of) {
    return report(facts, node).peers.at(of > node ? of - 1 : of);
}
void unreachable(Facts& facts, std::size_t node) {
    facts.nodes.at(node).report.reset();
    facts.nodes.at(node).unreachable = {ErrorCode::kUnavailable, "cannot reach it", ""};
}
void held(Facts& facts, std::size_t about, MemberStatus status, std::chrono::milliseconds since) {
    for (std::size_t node = 0; node < facts.nodes.size(); ++node) {
        if (node == about || !facts.nodes[node].report) continue;
        mesh::Member& member = peer(facts, node, about).member;
        member.status = status;
        member.since = recorded_now() - since;
        if (status == MemberStatus::kDead) member.connected = false;
    }
}
void cut(Facts& facts, std::size_t a, std::size_t b) {
    peer(facts, a, b).member.connected = false;
    peer(facts, b, a).member.connected = false;
}

void out_of_service(Facts& facts, std::size_t node, mesh::Service service) {
    report(facts, node).service = service;
    report(facts, node).not_ready = "because";
}

mesh::MoneyReport& money(Facts& facts, std::size_t node) {
    for (auto& each : facts.nodes) {
        if (each.report->money) continue;
        each.report->money = {true, "", false, 341, 0, {}, 2, {}, 1, 2, 2};
    }
    return *report(facts, node).money;
}

mesh::RecordReport& usage(Facts& facts, std::size_t node) {
    for (auto& each : facts.nodes) {
        if (!each.report->usage) each.report->usage = {.keeper = true};
    }
    return *report(facts, node).usage;
}

struct Case {
    const char* name;
    std::function<void(Facts&)> spoil;
    Severity severity;
    const char* check;
    const char* where;
    const char* what;  // part of it
};

const Case kCases[] = {
    {"StoppedNode", [](Facts& f) { unreachable(f, 2); }, Severity::kWarning, "reach", "c",
     "others are connected to it"},
    {"NodeThatNobodyReaches",
     [](Facts& f) {
         unreachable(f, 2);
         peer(f, 0, 2).member.connected = false;
         peer(f, 1, 2).member.connected = false;
     },
     Severity::kError, "reach", "c", "does not answer"},
    {"AddressOfAnother", [](Facts& f) { report(f, 2).self.id = NodeId("b"); }, Severity::kError,
     "reach", "c", "answered by b"},
    {"DeadNode",
     [](Facts& f) {
         unreachable(f, 2);
         held(f, 2, MemberStatus::kDead, 3min);
     },
     Severity::kError, "members", "c", "held dead by a and b since 3 min ago"},
    {"Ghost",
     [](Facts& f) {
         unreachable(f, 2);
         held(f, 2, MemberStatus::kDead, 25h);
     },
     Severity::kWarning, "members", "c", "ghost: dead for 25 h"},
    {"DeadButAnswers", [](Facts& f) { held(f, 2, MemberStatus::kDead, 3min); }, Severity::kError,
     "members", "c", "but it answers"},
    {"Suspect", [](Facts& f) { held(f, 1, MemberStatus::kSuspect, 1s); }, Severity::kWarning,
     "members", "b", "suspected by a and c"},
    {"NotMetSinceTheStart", [](Facts& f) { held(f, 1, MemberStatus::kJoining, 5min); },
     Severity::kWarning, "members", "b", "has not been met"},
    {"LeftButRuns", [](Facts& f) { held(f, 1, MemberStatus::kLeft, 5min); }, Severity::kWarning,
     "members", "b", "has left in the view of a and c"},
    {"UnknownToOne", [](Facts& f) { report(f, 0).peers.pop_back(); }, Severity::kWarning, "members",
     "c", "not known to a"},
    {"LinkDown", [](Facts& f) { cut(f, 0, 1); }, Severity::kError, "links", "a <-> b",
     "have no connection"},
    {"HalfOpenLink", [](Facts& f) { peer(f, 1, 0).member.connected = false; }, Severity::kWarning,
     "links", "a <-> b", "a holds a connection that b does not"},
    {"Partition",
     [](Facts& f) {
         cut(f, 0, 2);
         cut(f, 1, 2);
     },
     Severity::kError, "links", "mesh", "{a and b} | {c}"},
    {"OtherRegisters", [](Facts& f) { report(f, 1).digest = 0xdef; }, Severity::kError, "registers",
     "mesh", "stay so: a and c: 5 (digest 0000000000000abc); b: 5"},
    {"MovingRegisters",
     [](Facts& f) {
         report(f, 1).digest = 0xdef;
         f.nodes[1].digest_moving = true;
     },
     Severity::kWarning, "registers", "mesh", "still moving"},
    {"StaleComparison", [](Facts& f) { peer(f, 1, 0).synced_ago = 31s; }, Severity::kWarning,
     "registers", "b <- a", "compared last 31 s ago"},
    {"NeverCompared", [](Facts& f) { peer(f, 1, 0).synced_ago.reset(); }, Severity::kWarning,
     "registers", "b <- a", "have not been compared"},
    {"CountersOwed", [](Facts& f) { peer(f, 0, 2).counters_owed = 2'100ms; }, Severity::kWarning,
     "counters", "a -> c", "not acknowledged counters for 2.1 s"},
    {"CountersOwedForLong", [](Facts& f) { peer(f, 0, 2).counters_owed = 10s; }, Severity::kError,
     "counters", "a -> c", "for 10 s"},
    {"ClockAhead", [](Facts& f) { f.nodes[0].clock_offset = 1'100ms; }, Severity::kWarning,
     "clocks", "a", "1.0 s ahead"},
    {"ClockFarBehind", [](Facts& f) { f.nodes[0].clock_offset = -10min; }, Severity::kError,
     "clocks", "a", "10 min behind"},
    {"CertificateSoon", [](Facts& f) { report(f, 2).certificate_until = recorded_now() + 47h; },
     Severity::kWarning, "certificates", "c", "expires in 47 h"},
    {"CertificateOver", [](Facts& f) { report(f, 2).certificate_until = recorded_now() - 1s; },
     Severity::kError, "certificates", "c", "has expired"},
    {"CertificateOfAStoppedNode",
     [](Facts& f) {
         unreachable(f, 2);
         peer(f, 0, 2).certificate_until = recorded_now() + 1h;
         peer(f, 1, 2).certificate_until = recorded_now() + 1h;
     },
     Severity::kWarning, "certificates", "c", "expires in 60 min"},
    {"OtherRoot", [](Facts& f) { report(f, 2).root = report(f, 2).certified_root = "ffff"; },
     Severity::kError, "roots", "mesh", "01234567 on a and b; ffff on c"},
    {"UnderAnOldRoot", [](Facts& f) { report(f, 1).certified_root = "ffff"; }, Severity::kWarning,
     "roots", "b", "certified under an old root"},
    {"ByAnOldIssuer",
     [](Facts& f) {
         report(f, 0).held = {"new", recorded_now(), "*"};
         report(f, 0).certified_by = report(f, 0).held;
         report(f, 1).certified_by = {"old", recorded_now() - 1h, "*"};
     },
     Severity::kWarning, "issuers", "b", "older than new on a"},
    {"WithAnOldIssuerFile",
     [](Facts& f) {
         report(f, 0).held = report(f, 0).certified_by = {"new", recorded_now(), "*"};
         report(f, 2).held = report(f, 2).certified_by = {"old", recorded_now() - 1h, "*"};
     },
     Severity::kWarning, "issuers", "c", "older than new on a"},
    {"NobodyCanCertify", [](Facts& f) { report(f, 0).issuer = false; }, Severity::kError, "roots",
     "mesh", "no node holds an issuer key"},
    {"OtherProgram", [](Facts& f) { report(f, 2).version = "1.3.0"; }, Severity::kInfo, "versions",
     "mesh", "1.2.0 on a and b; 1.3.0 on c"},
    {"OtherWire", [](Facts& f) { report(f, 2).wire_max = 3; }, Severity::kWarning, "versions",
     "mesh", "speak up to 2"},
    {"NoCommonWire",
     [](Facts& f) {
         report(f, 2).wire_min = 3;
         report(f, 2).wire_max = 4;
     },
     Severity::kError, "versions", "c <-> a", "no common wire"},
    {"OtherWireByGossip",
     [](Facts& f) {
         unreachable(f, 2);
         peer(f, 0, 2).member.connected = peer(f, 1, 2).member.connected = false;
         peer(f, 1, 2).member.wire_max = 1;
         peer(f, 0, 2).member.wire_max = 1;
     },
     Severity::kWarning, "versions", "mesh", "speak up to 1"},
    {"OtherProgramByGossip",
     [](Facts& f) {
         unreachable(f, 2);
         peer(f, 0, 2).member.version = peer(f, 1, 2).member.version = "1.1.0";
     },
     Severity::kInfo, "versions", "mesh", "1.1.0 on c; 1.2.0 on a and b"},
    {"CapabilityRests",
     [](Facts& f) { report(f, 0).self.capabilities = report(f, 1).self.capabilities = 1; },
     Severity::kInfo, "versions", "mesh", "'root-statements' rests: c cannot"},
    {"SlightlySlow", [](Facts& f) { report(f, 1).health = 1; }, Severity::kInfo, "health", "b",
     "multiplier 1"},
    {"Slow", [](Facts& f) { report(f, 1).health = 3; }, Severity::kWarning, "health", "b",
     "multiplier 3"},
    {"Alone", [](Facts& f) { report(f, 1).alone = "connected to nobody: no route"; },
     Severity::kError, "links", "b", "no route"},
    {"CannotWrite", [](Facts& f) { report(f, 1).unsaved = "No space left on device"; },
     Severity::kError, "health", "b", "No space left on device"},
    {"TurnedStrangersAway",
     [](Facts& f) {
         report(f, 1).refusals = {{"certificate_expired", 12, "192.0.2.1:1"}, {"late", 1, ""}};
     },
     Severity::kInfo, "refusals", "b",
     "in the last 10 min: certificate_expired 12 times (last 192.0.2.1:1) and late 1 time"},
    {"DiskPutBack",
     [](Facts& f) { report(f, 1).set_back = mesh::SetBack{Generation{3}, Generation{7}}; },
     Severity::kWarning, "health", "b", "this is its start 3, and the others knew of start 7"},
    {"OneKey", [](Facts& f) { report(f, 0).key = report(f, 2).key = "0123"; }, Severity::kError,
     "members", "a and c", "have one key, 0123"},
    {"NotReady", [](Facts& f) { report(f, 1).not_ready = "the disk is full"; }, Severity::kError,
     "health", "b", "the disk is full"},
    {"TheOnlyIssuerIsDead",
     [](Facts& f) {
         unreachable(f, 0);
         held(f, 0, MemberStatus::kDead, 3min);
         report(f, 2).certificate_until = recorded_now() + 60h;
     },
     Severity::kWarning, "roots", "mesh", "and the first, of c, expires at 2026-11-24T19:16:06"},
    {"CallsThatAreNotRecorded", [](Facts& f) { usage(f, 1).lost = 7; }, Severity::kWarning, "usage",
     "b", "could not record 7 calls"},
    {"ADamagedFileOfUsage",
     [](Facts& f) {
         usage(f, 1).damaged = 1;
         usage(f, 1).unreadable_bytes = 512;
     },
     Severity::kWarning, "usage", "b", "512 bytes were passed over"},
    {"CopiesThatADiskDoesNotTake", [](Facts& f) { usage(f, 2).copies_failed = 3; },
     Severity::kWarning, "usage", "c", "did not take 3 batches"},
    {"CallsThatNobodyKeepsCopiesOf",
     [](Facts& f) {
         usage(f, 0).in_doubt = 1;
         usage(f, 0).keeper = false;
     },
     Severity::kWarning, "usage", "a", "1 call that it made lie"},
    {"CopiesThatDoNotArrive",
     [](Facts& f) {
         usage(f, 0).in_doubt = 9;
         usage(f, 0).in_doubt_for = 3min;
     },
     Severity::kWarning, "usage", "a", "9 calls that it made lie on its volume alone, the first"},
    {"MoneyThatADiskFroze", [](Facts& f) { money(f, 1).frozen = "no space left"; },
     Severity::kError, "money", "b", "spends no money of any budget: no space left"},
    {"MoneyOfARolledBackVolume",
     [](Facts& f) {
         money(f, 1).frozen = "it was rolled back";
         money(f, 1).disowned = true;
     },
     Severity::kError, "money", "b", "it was rolled back"},
    {"MoneyFrozenBeforeTheFirstBudget",
     [](Facts& f) {
         report(f, 2).money.emplace();
         report(f, 2).money->frozen = "not its own";
     },
     Severity::kWarning, "money", "c", "not its own"},
    {"BudgetsWithoutAnOwner",
     [](Facts& f) {
         money(f, 0).unowned = money(f, 2).unowned = 341;
         money(f, 0).cut_off = {BudgetId("team-a"), BudgetId("team-b")};
         money(f, 2).cut_off = {BudgetId("team-b")};
     },
     Severity::kError, "money", "a and c",
     "341 of 1024 parts of all budgets, among them team-a and team-b:"},
    {"BudgetsWithoutAnOwnerThatNoKeyNames", [](Facts& f) { money(f, 0).unowned = 7; },
     Severity::kWarning, "money", "a", "owns 7 of 1024"},
    {"OneCustodianAway", [](Facts& f) { money(f, 1).away = {"c"}; }, Severity::kWarning, "money",
     "b", "1 of 2 nodes that keep copies of its log of budgets are there: c is not"},
    {"AllCustodiansAway", [](Facts& f) { money(f, 1).away = {"a", "c"}; }, Severity::kError,
     "money", "b", "a and c are not, so that it can lend no more"},
    {"NoCustodians", [](Facts& f) { money(f, 1).custodians = 0; }, Severity::kWarning, "money", "b",
     "nobody keeps a copy"},
    {"NoCustodiansInASmallMesh",
     [](Facts& f) {
         money(f, 1).custodians = 0;
         money(f, 1).others = 1;
     },
     Severity::kInfo, "money", "b", "nobody keeps a copy"},
    {"Revoked", [](Facts& f) { out_of_service(f, 1, mesh::Service::kRevoked); }, Severity::kError,
     "health", "b", "does not serve: because"},
    {"Draining", [](Facts& f) { out_of_service(f, 1, mesh::Service::kDraining); },
     Severity::kWarning, "health", "b", "does not serve: because"},
    {"Left", [](Facts& f) { out_of_service(f, 1, mesh::Service::kLeft); }, Severity::kInfo,
     "health", "b", "does not serve: because"},
};

class Doctor : public testing::TestWithParam<Case> {};

TEST_P(Doctor, Finds) {
    const Case& wrong = GetParam();
    Facts facts = healthy();
    wrong.spoil(facts);
    std::string all;
    bool found = false;
    for (const Finding& finding : diagnose(facts)) {
        all += std::string(severity_name(finding.severity)) + " " + std::string(finding.check) +
               " " + finding.where + ": " + finding.what + "\n";
        EXPECT_EQ(finding.todo.empty(), finding.severity == Severity::kOk) << finding.what;
        found |= finding.severity == wrong.severity && finding.check == wrong.check &&
                 finding.where == wrong.where && finding.what.find(wrong.what) != std::string::npos;
    }
    EXPECT_TRUE(found) << all;
}

INSTANTIATE_TEST_SUITE_P(Cases, Doctor, testing::ValuesIn(kCases),
                         [](const auto& at) { return std::string(at.param.name); });

TEST(Doctor, SaysOfEachCheckThatItProvedSomething) {
    const auto findings = diagnose(healthy());
    EXPECT_EQ(worst(findings), Severity::kOk);
    EXPECT_EQ(findings.size(), 11u);
    for (const Finding& finding : findings) EXPECT_FALSE(finding.what.empty()) << finding.check;
}

TEST(Doctor, ProvesMoneyOnceTheMeshHasAny) {
    Facts facts = healthy();
    money(facts, 0);
    const auto findings = diagnose(facts);
    EXPECT_EQ(worst(findings), Severity::kOk);
    EXPECT_TRUE(std::ranges::any_of(findings, [](const Finding& finding) {
        return finding.check == "money" && finding.what.find("on 3 nodes") != std::string::npos &&
               finding.what.find("kept by 2 others") != std::string::npos;
    }));
    for (auto& node : facts.nodes) node.report->money.emplace();  // it has none
    EXPECT_TRUE(std::ranges::none_of(
        diagnose(facts), [](const Finding& finding) { return finding.check == "money"; }));
}

// What mends a disk makes it worse where the volume is a copy.
TEST(Doctor, TellsADiskFromAVolumeThatIsNotItsOwn) {
    for (const bool disowned : {false, true}) {
        Facts facts = healthy();
        money(facts, 1).frozen = "because";
        money(facts, 1).disowned = disowned;
        for (const Finding& finding : diagnose(facts)) {
            if (finding.check != "money") continue;
            const bool starts = finding.todo.find("Mend that") != std::string::npos;
            EXPECT_NE(starts, disowned) << finding.todo;
        }
    }
}

TEST(Doctor, FindsNothingMoreThanWhatIsWrong) {
    Facts facts = healthy();
    peer(facts, 0, 1).counters_owed = 3s;
    int wrong = 0;
    for (const Finding& finding : diagnose(facts)) wrong += finding.severity != Severity::kOk;
    EXPECT_EQ(wrong, 1);
}

// Of a node that is out of the mesh only that is told, with advice that fits, and nothing that it
// remembers is held against the others.
TEST(Doctor, TellsOfANodeThatIsOutOnceAndWhatToDoWithIt) {
    const std::pair<mesh::Service, const char*> kOut[] = {
        {mesh::Service::kRevoked, "vidaictl mesh token create --node b"},
        {mesh::Service::kForgotten, "start it again"},
        {mesh::Service::kSuperseded, "ends by itself"},
        {mesh::Service::kLeft, "Nothing is to be mended"}};
    for (const auto& [service, todo] : kOut) {
        Facts facts = healthy();
        facts.asked = NodeId("b");
        out_of_service(facts, 1, service);
        mesh::NodeReport& out = report(facts, 1);
        out.alone = "connected to nobody";
        out.digest = 1;
        out.certificate_until = recorded_now() - 1h;
        out.root = "ffff";
        for (mesh::PeerReport& each : out.peers) {
            each.member.connected = false;
            each.member.status = MemberStatus::kDead;
        }
        report(facts, 0).peers.erase(report(facts, 0).peers.begin());      // b is unknown to a
        report(facts, 2).peers.erase(report(facts, 2).peers.begin() + 1);  // and to c
        EXPECT_FALSE(digests_differ(facts));
        EXPECT_FALSE(links_differ(facts));
        std::vector<Finding> wrong;
        for (const Finding& finding : diagnose(facts)) {
            if (finding.severity != Severity::kOk) wrong.push_back(finding);
        }
        ASSERT_EQ(wrong.size(), 1u) << mesh::service_name(service) << ": " << wrong.back().what;
        EXPECT_EQ(wrong.front().check, "health");
        EXPECT_NE(wrong.front().todo.find(todo), std::string::npos) << wrong.front().todo;
        EXPECT_NE(wrong.front().todo.find("--server a:7420"), std::string::npos);
        EXPECT_EQ(wrong.front().todo.find("when that is mended"), std::string::npos);
    }
}

// A process that is stopped keeps its connection, and acknowledges nothing.
TEST(Doctor, HasNothingToSayOfTheCountersOfOneThatIsHeldDead) {
    Facts facts = healthy();
    unreachable(facts, 2);
    held(facts, 2, MemberStatus::kDead, 3min);
    for (std::size_t node : {0U, 1U}) {
        peer(facts, node, 2).member.connected = true;
        peer(facts, node, 2).counters_owed = 20s;
    }
    for (const Finding& finding : diagnose(facts)) {
        EXPECT_FALSE(finding.check == "counters" && finding.severity != Severity::kOk)
            << finding.what;
    }
}

TEST(Doctor, CountsWhatIsTooMuchToList) {
    Facts facts = healthy();
    facts.nodes.clear();
    std::vector<std::string> names;
    for (int i = 10; i < 60; ++i) names.push_back("n" + std::to_string(i));
    for (const std::string& name : names) {
        auto& node = facts.nodes.emplace_back();
        node.id = NodeId(name);
        node.unreachable = Error{ErrorCode::kUnavailable, "nobody", ""};
    }
    std::size_t listed = 0;
    bool counted = false;
    for (const Finding& finding : diagnose(facts)) {
        if (finding.check != "reach") continue;
        ++listed;
        counted |= finding.what == "and 30 more like it";
    }
    EXPECT_EQ(listed, kFindingsPerCheck + 1);
    EXPECT_TRUE(counted);
}

using DoctorCommand = Shell;

TEST_F(DoctorCommand, EndsWithZeroWhenAllIsWell) {
    recording_.node_report = well("a", {});
    const Outcome done = asked({"mesh", "doctor"});
    EXPECT_EQ(done.status, 0) << done.out << done.err;
    EXPECT_NE(done.out.find("1 of 1 nodes answered"), std::string::npos) << done.out;
}

TEST_F(DoctorCommand, EndsWithItsOwnStatusWhenSomethingIsWrong) {
    recording_.node_report = well("a", {});
    recording_.node_report.not_ready = "the disk is full";
    const Outcome done = asked({"mesh", "doctor"});
    EXPECT_EQ(done.status, 6);
    EXPECT_NE(done.out.find("does not serve: the disk is full"), std::string::npos) << done.out;
    const Outcome json = asked({"mesh", "doctor", "-o", "json"});
    EXPECT_EQ(json.status, 6);
    EXPECT_NE(json.out.find("\"worst\": \"error\""), std::string::npos) << json.out;
}

TEST(Doctor, TakesAnIssuerForOthersForNoNewerOne) {
    Facts facts = healthy();
    facts.nodes[0].report->held = {"new", recorded_now(), "web-*"};
    facts.nodes[1].report->certified_by = {"old", recorded_now() - 1h, "*"};
    for (const Finding& finding : diagnose(facts)) {
        EXPECT_NE(finding.check, "issuers") << finding.what;
    }
}

}  // namespace
}  // namespace vidai::cli::doctor
