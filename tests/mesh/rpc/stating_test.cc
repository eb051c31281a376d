// SPDX-License-Identifier: Apache-2.0
// What an operator's program believes before it signs: the members themselves, never the node that
// it happens to ask.
#include "mesh/rpc/stating.h"

#include <functional>

#include <gtest/gtest.h>

#include "mesh/seal/identity_store.h"
#include "mesh/wire/membership.h"
#include "mesh/wire/operator_values.h"
#include "tests/mesh/rpc/liar.h"
#include "tests/mesh/rpc/nodes.h"

namespace vidai::mesh {
namespace {

using testing::Cluster;
using testing::eventually;
using testing::Liar;
using testing::Node;
using Claim = membership::Claim;

seal::Roots roots_of(const Cluster& cluster) {
    return seal::Roots(seal::load_trust(cluster.files.root_file).value());
}

// What a node shows of `id`, and the same with another word in it.
NodeDetail shown(const Cluster& cluster, const Node& node, const std::string& id) {
    return cluster.connect(node).node_show(NodeId(id)).value();
}
NodeDetail altered(NodeDetail detail, const std::function<void(Claim&)>& change) {
    Claim claim = wire::unpack_claim(detail.word).value();
    change(claim);
    detail.word = wire::pack_claim(claim);
    return detail;
}

TEST(SubjectOfAFile, IsAnOperatorOrAnIssuerAndNothingElse) {
    const Cluster cluster;
    EXPECT_EQ(rpc::subject_of_file(cluster.files.operator_file)->name, "admin");
    EXPECT_TRUE(rpc::subject_of_file(cluster.files.issuer_file));
    for (const std::string& other : {cluster.files.root_file, cluster.files.root_secret_file}) {
        const auto refused = rpc::subject_of_file(other);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::kInvalidRequest);
        EXPECT_NE(refused.error().message.find("vidaictl mesh revoke NODE"), std::string::npos)
            << refused.error().message;
    }
}

TEST(ProvingAMember, TakesItsOwnSignedWordAndNothingElse) {
    const Cluster cluster, other;
    const Node a = cluster.start("a");
    const Node b = cluster.start("b", {a.address()});
    ASSERT_TRUE(eventually([&]() { return a.alive() == 2; }));
    const seal::Roots roots = roots_of(cluster);
    const NodeId id("b");
    NodeDetail detail = shown(cluster, a, "b");
    const auto proven = rpc::prove_member(roots, id, detail);
    ASSERT_TRUE(proven.has_value()) << proven.error().message;
    EXPECT_EQ(seal::to_hex(proven->key().bytes), detail.key);
    EXPECT_EQ(proven->serial(), detail.serial);
    EXPECT_EQ(proven->generation(), detail.member.generation);

    const auto refused = [&](const NodeDetail& told, const std::string& why) {
        const auto result = rpc::prove_member(roots, id, told);
        ASSERT_FALSE(result.has_value()) << why;
        EXPECT_EQ(result.error().code, ErrorCode::kProtocol);
        EXPECT_NE(result.error().message.find(why), std::string::npos) << result.error().message;
    };
    const Claim spare = wire::unpack_claim(shown(cluster, a, "a").word).value();
    refused(altered(detail, [](Claim& c) { ++c.version.generation.value; }), "has not signed");
    refused(altered(detail, [](Claim& c) { ++c.version.serial; }), "another id, key or serial");
    refused(altered(detail, [&](Claim& c) { c.key = spare.key; }), "another id, key or serial");
    refused(altered(detail, [&](Claim& c) { c.credential = spare.credential; }),
            "another id, key or serial");
    refused(altered(detail, [](Claim& c) { c.signature[0] ^= 1; }), "has not signed");
    refused(shown(cluster, a, "a"), "that of 'a'");
    NodeDetail silent = detail;
    silent.word.clear();
    refused(silent, "no word signed");
    silent.word.assign(40, 0xff);
    refused(silent, "malformed");
    EXPECT_FALSE(rpc::prove_member(roots_of(other), id, detail).has_value());
}

// Answers for `victim` with the word of somebody else's making; counts what it is told.
class Lying final : public proto::Operator::Server {
  public:
    Lying(NodeDetail detail, std::atomic<int>& announced)
        : detail_(std::move(detail)), announced_(announced) {}
    kj::Promise<void> nodeShow(NodeShowContext context) override {
        wire::write_outcome(Result<NodeDetail>(detail_), context.getResults().initOutcome());
        return kj::READY_NOW;
    }
    kj::Promise<void> announce(AnnounceContext context) override {
        ++announced_;
        Stated stated;
        stated.kind = 2;
        wire::write_outcome(Result<Stated>(stated), context.getResults().initOutcome());
        return kj::READY_NOW;
    }

  private:
    const NodeDetail detail_;
    std::atomic<int>& announced_;
};

TEST(AnOperator, SignsNoMemberAwayByTheWordOfTheNodeThatItAsks) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    const Node b = cluster.start("b", {a.address()});
    ASSERT_TRUE(eventually([&]() { return a.alive() == 2; }));
    // Asked for b it shows the key of a.
    NodeDetail lie = shown(cluster, a, "a");
    const NodeDetail truth = shown(cluster, a, "b");
    lie.member = truth.member;
    lie.member.status = MemberStatus::kDead;
    lie.member.self = false;
    std::atomic<int> announced = 0;
    const Liar liar(cluster, [&]() { return kj::heap<Lying>(lie, announced); });
    auto client = liar.connect();
    RevokeRequest revoking;
    revoking.node = NodeId("b");
    const auto revoked = client.revoke(revoking);
    ASSERT_FALSE(revoked.has_value());
    EXPECT_EQ(revoked.error().code, ErrorCode::kProtocol) << revoked.error().message;
    EXPECT_NE(revoked.error().message.find("does not prove"), std::string::npos);
    const auto forgotten = client.forget({NodeId("b")});
    ASSERT_FALSE(forgotten.has_value());
    EXPECT_EQ(forgotten.error().code, ErrorCode::kProtocol) << forgotten.error().message;
    EXPECT_EQ(announced, 0) << "nothing was signed";
    // And it sees beforehand what a node that does not lie would have it sign.
    revoking.dry_run = true;
    const auto honest = cluster.connect(a).revoke(revoking);
    ASSERT_TRUE(honest.has_value()) << honest.error().message;
    EXPECT_EQ(honest->key, truth.key);
    EXPECT_EQ(cluster.connect(a).members()->size(), 2u) << "nothing was done";
}

// Answers about a member only once sixteen questions stand.
class Crowd final : public proto::Operator::Server {
  public:
    static constexpr int kMembers = 32;
    explicit Crowd(std::atomic<int>& most) : most_(most) {}
    kj::Promise<void> members(MembersContext context) override {
        std::vector<Member> all;
        for (int i = 0; i < kMembers; ++i) all.push_back(member("n" + std::to_string(i)));
        wire::write_outcome(Result<std::vector<Member>>(all), context.getResults().initOutcome());
        return kj::READY_NOW;
    }
    kj::Promise<void> nodeShow(NodeShowContext context) override {
        NodeDetail detail;
        detail.member = member(context.getParams().getNode().cStr());
        wire::write_outcome(Result<NodeDetail>(detail), context.getResults().initOutcome());
        auto held = kj::newPromiseAndFulfiller<void>();
        waiting_.push_back(kj::mv(held.fulfiller));
        most_ = std::max(most_.load(), static_cast<int>(waiting_.size()));
        if (waiting_.size() < 16) return kj::mv(held.promise);
        for (auto& one : waiting_) one->fulfill();
        waiting_.clear();
        return kj::mv(held.promise);
    }

  private:
    static Member member(const std::string& id) {
        Member member;
        member.id = NodeId(id);
        return member;
    }
    std::atomic<int>& most_;
    std::vector<kj::Own<kj::PromiseFulfiller<void>>> waiting_;
};

TEST(AnOperator, AsksAboutSixteenMembersAtATime) {
    const Cluster cluster;
    std::atomic<int> most = 0;
    const Liar crowd(cluster, [&]() { return kj::heap<Crowd>(most); });
    const auto all = crowd.connect().nodes_show();
    ASSERT_TRUE(all.has_value()) << all.error().message;
    EXPECT_EQ(all->size(), static_cast<std::size_t>(Crowd::kMembers));
    EXPECT_EQ((*all)[17].member.id.str(), "n17");
    EXPECT_EQ(most, 16);
}

}  // namespace
}  // namespace vidai::mesh
