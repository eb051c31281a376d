// SPDX-License-Identifier: Apache-2.0
#include "mesh/seeds/seed_names.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <kj/async.h>

#include "mesh/seeds/seed_turns.h"

namespace vidai::mesh::seeds {
namespace {

// A DNS answer (RFC 1035 section 4) to one question about `_m._tcp.x`.
class DnsAnswer {
  public:
    DnsAnswer() {
        for (const int n : {0x1234, 0x8180, 1, 0, 0, 0}) u16(n);  // one question, no answers yet
        name({"_m", "_tcp", "x"});
        u16(33);
        u16(1);
    }
    DnsAnswer& srv(int priority, int weight, int port, std::vector<std::string> host) {
        record(33);
        u16(priority);
        u16(weight);
        u16(port);
        name(host);
        return done();
    }
    DnsAnswer& cname(const std::vector<std::string>& target) {
        record(5);
        name(target);
        return done();
    }
    seal::Bytes bytes;

  private:
    void u16(int n) {
        bytes.push_back(static_cast<std::uint8_t>(n >> 8));
        bytes.push_back(static_cast<std::uint8_t>(n & 255));
    }
    void name(const std::vector<std::string>& labels) {
        for (const std::string& label : labels) {
            bytes.push_back(static_cast<std::uint8_t>(label.size()));
            bytes.insert(bytes.end(), label.begin(), label.end());
        }
        bytes.push_back(0);
    }
    void record(int type) {
        u16(0xc00c);  // the name of the question
        u16(type);
        u16(1);
        u16(0);
        u16(30);  // seconds to live
        length_at_ = bytes.size();
        u16(0);
    }
    DnsAnswer& done() {
        const std::size_t length = bytes.size() - length_at_ - 2;
        bytes[length_at_ + 1] = static_cast<std::uint8_t>(length);
        ++bytes[7];
        return *this;
    }
    std::size_t length_at_ = 0;
};

TEST(Seed, IsAHostAndPortOrTheNameOfSrvRecords) {
    for (const char* good : {"a:1", "10.0.0.1:7420", "[::1]:7420", "dnssrv+_mesh._tcp.vidai.svc"}) {
        EXPECT_TRUE(check_seed(good)) << good;
    }
    for (const char* bad :
         {"", "a", "a:0", "dnssrv+", "dnssrv+a:7420", "dnssrv+a b", "srv+a", "dnssrv+[::1]"}) {
        const auto checked = check_seed(bad);
        ASSERT_FALSE(checked) << bad;
        EXPECT_NE(checked.error().message.find("dnssrv+NAME"), std::string::npos);
    }
    EXPECT_FALSE(check_seed("dnssrv+" + std::string(254, 'a')));
}

TEST(Seed, WithAWrongSchemeIsToldTheRightOne) {
    const std::pair<const char*, const char*> kCases[] = {
        {"dnssvr+_mesh._tcp.x", "did you mean 'dnssrv+_mesh._tcp.x'?"},
        {"dnsrv+x", "did you mean 'dnssrv+x'?"},
        {"mseh:vidai-0:7420", "did you mean 'vidai-0:7420'?"},
        {"tcp://[::1]:7420", "did you mean '[::1]:7420'?"}};
    for (const auto& [seed, advice] : kCases) {
        const auto checked = check_seed(seed);
        ASSERT_FALSE(checked) << seed;
        EXPECT_NE(checked.error().message.find(advice), std::string::npos)
            << checked.error().message;
    }
    EXPECT_EQ(check_seed("x+y").error().message.find("did you mean"), std::string::npos);
}

TEST(SrvAnswer, GivesHostsPortsPrioritiesAndWeights) {
    const auto read = read_srv_answer(DnsAnswer()
                                          .cname({"other", "x"})
                                          .srv(1, 20, 7420, {"n1", "x"})
                                          .srv(2, 0, 7421, {"n2", "x"})
                                          .bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, (std::vector<SrvRecord>{{"n1.x", 7420, 1, 20}, {"n2.x", 7421, 2, 0}}));
}

TEST(SrvAnswer, SaysThatTheServiceIsNotThere) {
    const auto read = read_srv_answer(DnsAnswer().srv(0, 0, 1, {}).bytes);  // the target "."
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->empty());
}

TEST(SrvAnswer, IsBounded) {
    DnsAnswer answer;
    for (int i = 0; i < 100; ++i) answer.srv(0, 0, 7420, {"n"});
    EXPECT_EQ(read_srv_answer(answer.bytes)->size(), kSrvRecordsMax);
}

TEST(SrvAnswer, CutAnywhereIsDamagedOrHoldsLess) {
    const seal::Bytes whole = DnsAnswer().srv(1, 2, 3, {"n1"}).srv(1, 2, 3, {"n2"}).bytes;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(read_srv_answer(seal::ByteView(whole).first(size))) << size;
    }
}

TEST(SeedTurns, GiveEachAddressOneBeforeAnyGetsItsSecond) {
    std::vector<SeedAddress> found;
    for (int i = 0; i < 40; ++i) found.push_back({"10.0.0." + std::to_string(i) + ":1"});
    SeedTurns turns(7);
    const auto nobody = [](const std::string&) { return false; };
    for (int round = 0; round < 3; ++round) {
        std::set<std::string> had;
        for (const std::size_t expected : {16u, 16u, 8u}) {
            const auto turn = turns.next("seed", found, nobody);
            EXPECT_EQ(turn.size(), expected);
            had.insert(turn.begin(), turn.end());
        }
        EXPECT_EQ(had.size(), found.size());
    }
}

TEST(SeedTurns, LeaveOutWhoIsKnown) {
    SeedTurns turns(7);
    const std::vector<SeedAddress> found = {{"a:1"}, {"b:1"}};
    const auto a = [](const std::string& where) { return where == "a:1"; };
    EXPECT_EQ(turns.next("seed", found, a), std::vector<std::string>{"b:1"});
    EXPECT_EQ(turns.next("seed", found, a), std::vector<std::string>{"b:1"});
    EXPECT_TRUE(turns.next("seed", found, [](const std::string&) { return true; }).empty());
}

TEST(SeedTurns, FollowPriorityThenWeight) {
    std::vector<SeedAddress> found = {{"spare:1", 2, 100}};
    for (int i = 0; i < 16; ++i) found.push_back({"light" + std::to_string(i) + ":1", 1, 1});
    for (int i = 0; i < 16; ++i) found.push_back({"heavy" + std::to_string(i) + ":1", 1, 99});
    int heavy = 0, first = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        SeedTurns turns(seed);
        const auto turn = turns.next("seed", found, [](const std::string&) { return false; });
        ASSERT_EQ(turn.size(), SeedTurns::kPerDial);
        first += turn[0].starts_with("heavy") ? 1 : 0;
        for (const std::string& where : turn) {
            EXPECT_NE(where, "spare:1");
            heavy += where.starts_with("heavy") ? 1 : 0;
        }
    }
    EXPECT_GT(first, 90);
    EXPECT_GT(heavy, 1'400);
}

TEST(SeedTurns, ForgetAddressesThatAreGone) {
    SeedTurns turns(7);
    const auto nobody = [](const std::string&) { return false; };
    EXPECT_EQ(turns.next("seed", {{"old:1"}}, nobody), std::vector<std::string>{"old:1"});
    EXPECT_EQ(turns.next("seed", {{"new:1"}}, nobody), std::vector<std::string>{"new:1"});
    EXPECT_EQ(turns.next("seed", {{"old:1"}}, nobody), std::vector<std::string>{"old:1"});
}

TEST(ResolverThread, AnswersOnTheAskersThread) {
    kj::EventLoop loop;
    kj::WaitScope scope(loop);
    ResolverThread resolver;
    EXPECT_EQ(*resolver.resolve("127.0.0.1:7420").wait(scope),
              std::vector<SeedAddress>{{"127.0.0.1:7420"}});
    const auto named = resolver.resolve("localhost:7420").wait(scope);
    ASSERT_TRUE(named);
    EXPECT_NE(std::ranges::find(*named, SeedAddress{"127.0.0.1:7420"}), named->end());
    const auto wrong = resolver.resolve("nobody.invalid:7420").wait(scope);
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().param, kSeedUnresolved);
}

TEST(ResolverThread, MayEndWithQuestionsOpen) {
    kj::EventLoop loop;
    kj::WaitScope scope(loop);
    auto resolver = std::make_unique<ResolverThread>();
    auto one = resolver->resolve("localhost:1");
    {
        auto dropped = resolver->resolve("localhost:2");
    }
    resolver.reset();
}

}  // namespace
}  // namespace vidai::mesh::seeds
