// SPDX-License-Identifier: Apache-2.0
// A node of a running mesh gets a new key: nobody takes it for another node, nobody misses it, and
// the old key can be revoked.
#include <filesystem>

#include <gtest/gtest.h>

#include "tests/mesh/rpc/nodes.h"

namespace vidai::mesh {
namespace {

using testing::Cluster;
using testing::eventually;
using testing::Node;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

// `a` and `c` hold the issuer key, `b` is certified by them.
struct Rotating : public ::testing::Test {
    Rotating() {
        MeshOptions first = calm("a");
        a = Cluster::start(first);
        MeshOptions other = calm("c");
        other.seeds = {a.address()};
        c = Cluster::start(other);
        b = Cluster::start(joiner());
        EXPECT_TRUE(all_alive());
    }
    // With time enough to be scheduled: a death is then no accident of a busy machine.
    MeshOptions calm(const std::string& name) const {
        MeshOptions options = cluster.options(name);
        options.membership.probe_interval = 1s;
        return options;
    }
    MeshOptions joiner() const {
        auto token = cluster.connect(a).token_create({"b", 1h, {}});
        EXPECT_TRUE(token.has_value()) << token.error().message;
        MeshOptions options = calm("b");
        options.root_file.clear();
        options.issuer_file.clear();
        options.enabled = false;
        if (token) options.join = std::string(token->text.reveal());
        return options;
    }
    bool all_alive() const {
        return eventually([&]() { return a.alive() == 3 && b.alive() == 3 && c.alive() == 3; },
                          60s);
    }
    KeyRotation rotate(const Node& node, const char* name) const {
        const auto done = cluster.connect(node).rotate_key(NodeId(name));
        EXPECT_TRUE(done.has_value()) << done.error().message;
        return done.value_or(KeyRotation{});
    }
    bool holds(const Node& node, const char* about, const std::string& fingerprint) const {
        auto client = cluster.connect(node);
        return eventually([&]() {
            const auto detail = client.node_show(NodeId(about));
            return detail && detail->key_fingerprint == fingerprint;
        });
    }
    // How often a connection was made anew beside the old one, at both of its ends together.
    static double renewals(const Node& node) {
        double sum = 0;
        for (const auto& family : node.mesh->metrics()) {
            for (const auto& sample : family.samples) {
                for (const auto& label : sample.labels) {
                    if (label.second == "renewed") sum += sample.value;
                }
            }
        }
        return sum;
    }
    void expect_no_alarm() const {
        for (const Node* node : {&a, &b, &c}) {
            for (const char* taken : {"same_node_id", "key_conflict"}) {
                EXPECT_FALSE(node->notices->has(Notice::Kind::kPeerRefused, taken));
                EXPECT_FALSE(node->notices->has(Notice::Kind::kTrouble, taken));
            }
            EXPECT_FALSE(node->notices->has(Notice::Kind::kMember, "dead"));
            EXPECT_FALSE(node->notices->has(Notice::Kind::kSuperseded));
        }
    }

    Cluster cluster;
    Node a, b, c;
};

TEST_F(Rotating, GivesANodeThatOthersCertifyANewKeyThatTheMeshTakesForItsOwn) {
    const auto before = cluster.connect(a).node_show(NodeId("b"));
    ASSERT_TRUE(before.has_value());
    const KeyRotation done = rotate(b, "b");
    EXPECT_EQ(done.old_fingerprint, before->key_fingerprint);
    EXPECT_NE(done.fingerprint, done.old_fingerprint);
    EXPECT_TRUE(holds(a, "b", done.fingerprint));
    EXPECT_TRUE(holds(c, "b", done.fingerprint));
    EXPECT_TRUE(eventually([&]() { return renewals(b) >= 2; })) << "to a and to c";
    EXPECT_TRUE(b.notices->has(Notice::Kind::kIdentity, "key_rotated"));
    EXPECT_TRUE(all_alive());
    // Once more, by way of connections that the new key made; and back from the disk.
    const KeyRotation again = rotate(b, "b");
    EXPECT_EQ(again.old_fingerprint, done.fingerprint);
    EXPECT_TRUE(holds(a, "b", again.fingerprint));
    expect_no_alarm();
    MeshOptions options = b.options;
    options.join.clear();
    b = {};
    b = Cluster::start(options);
    EXPECT_TRUE(all_alive());
    EXPECT_TRUE(holds(c, "b", again.fingerprint));
    EXPECT_TRUE(holds(b, "b", again.fingerprint));
    EXPECT_FALSE(a.notices->has(Notice::Kind::kPeerRefused, "same_node_id"));
}

TEST_F(Rotating, GivesANodeThatCertifiesItselfANewKeyToo) {
    const KeyRotation done = rotate(a, "a");
    EXPECT_TRUE(holds(b, "a", done.fingerprint));
    EXPECT_TRUE(holds(c, "a", done.fingerprint));
    EXPECT_TRUE(eventually([&]() { return renewals(a) >= 2; }));
    expect_no_alarm();
    // The others are still certified by it, and what it writes is believed.
    const KeyRotation other = rotate(b, "b");
    EXPECT_TRUE(holds(a, "b", other.fingerprint));
    const auto key = cluster.connect(a).key_create({});
    ASSERT_TRUE(key.has_value());
    EXPECT_TRUE(eventually([&]() { return b.has_key(key->record.id); }));
}

TEST_F(Rotating, LetsTheOldKeyBeRevokedAndKeepsWhatItSigned) {
    const auto key = cluster.connect(b).key_create({});
    ASSERT_TRUE(key.has_value());
    ASSERT_TRUE(eventually([&]() { return a.has_key(key->record.id); }));
    const KeyRotation done = rotate(b, "b");
    ASSERT_TRUE(holds(a, "b", done.fingerprint));
    ASSERT_TRUE(holds(c, "b", done.fingerprint));
    ASSERT_TRUE(eventually([&]() { return renewals(b) >= 2; }));
    RevokeRequest revoke;
    revoke.key = done.old_key;
    auto client = cluster.connect(a);
    const auto said = client.revoke(revoke);
    ASSERT_TRUE(said.has_value()) << said.error().message;
    const auto heard = client.acknowledged(*said);
    ASSERT_TRUE(heard.has_value()) << heard.error().message;
    EXPECT_TRUE(heard->missing.empty());
    EXPECT_FALSE(b.notices->has(Notice::Kind::kIdentity, "self_revoked"));
    EXPECT_TRUE(all_alive());
    MeshOptions newcomer = calm("d");
    newcomer.seeds = {a.address()};
    const Node d = Cluster::start(newcomer);
    EXPECT_TRUE(eventually([&]() { return d.has_key(key->record.id); }, 60s)) << "signed anew";
    EXPECT_FALSE(b.notices->has(Notice::Kind::kIdentity, "self_revoked"));
}

TEST_F(Rotating, IsRefusedWhereNobodyIsThereToCertify) {
    a = {};
    c = {};
    const auto before = cluster.connect(b).node_show(NodeId("b"));
    ASSERT_TRUE(eventually(
        [&]() {
            return b.status_of("a") == MemberStatus::kDead &&
                   b.status_of("c") == MemberStatus::kDead;
        },
        60s));
    const auto done = cluster.connect(b).rotate_key(NodeId("b"));
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code, ErrorCode::kUnavailable);
    EXPECT_TRUE(holds(b, "b", before->key_fingerprint));
}

TEST_F(Rotating, IsDoneByTheNodeItselfAlone) {
    const auto done = cluster.connect(a).rotate_key(NodeId("b"));
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code, ErrorCode::kConflict);
    EXPECT_FALSE(b.notices->has(Notice::Kind::kIdentity, "key_rotated"));
}

TEST_F(Rotating, LeavesACopyOfTheOldVolumeWithoutAVoice) {
    const std::string folder = b.options.data_dir, kept = cluster.path("kept");
    fs::copy(folder + "/identity", kept, fs::copy_options::recursive);
    const KeyRotation done = rotate(b, "b");
    ASSERT_TRUE(holds(a, "b", done.fingerprint));
    ASSERT_TRUE(holds(c, "b", done.fingerprint));
    MeshOptions options = b.options;
    options.join.clear();
    b = {};
    fs::remove_all(folder + "/identity");
    fs::copy(kept, folder + "/identity", fs::copy_options::recursive);
    b = Cluster::start(options);
    EXPECT_TRUE(eventually([&]() { return b.notices->has(Notice::Kind::kSuperseded); }, 60s));
    EXPECT_TRUE(holds(a, "b", done.fingerprint));
}

// How a node that joined by a token leaves an issuer that is to be revoked.
TEST_F(Rotating, GetsACertificateByTheNewIssuerAtOnce) {
    const auto before = cluster.connect(a).report();
    ASSERT_TRUE(before.has_value()) << before.error().message;
    EXPECT_FALSE(before->held.fingerprint.empty());
    EXPECT_EQ(before->certified_by, before->held);
    const auto next = rotate_issuer({.old_directory = cluster.path("init"),
                                     .new_directory = cluster.path("next"),
                                     .node_pattern = {}});
    ASSERT_TRUE(next.has_value()) << next.error().message;
    fs::rename(*next, cluster.files.issuer_file);  // of a and of c
    for (const Node* node : {&a, &c}) {
        auto client = cluster.connect(*node);  // one: an address may only knock so often
        EXPECT_TRUE(eventually(
            [&]() {
                const auto now = client.report();
                return now && now->certified_by.fingerprint != before->held.fingerprint;
            },
            60s));
    }
    const auto still = cluster.connect(b).report();
    EXPECT_EQ(still->certified_by, before->held) << "nothing asks it to";
    EXPECT_TRUE(still->held.fingerprint.empty());
    rotate(b, "b");
    const auto now = cluster.connect(b).report();
    EXPECT_EQ(now->certified_by, cluster.connect(a).report()->held);
    EXPECT_GT(now->certified_by.since, before->held.since);
    EXPECT_TRUE(eventually([&]() { return a.notices->has(Notice::Kind::kMemberKey, "rotated"); }));
    EXPECT_FALSE(a.notices->has(Notice::Kind::kMemberKey, "taken_over"));
}

}  // namespace
}  // namespace vidai::mesh
