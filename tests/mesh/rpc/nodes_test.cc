// SPDX-License-Identifier: Apache-2.0
// Two and three whole nodes in one process.
#include "tests/mesh/rpc/nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mesh/limits/counter_table.h"

namespace vidai::mesh {
namespace {

using testing::Cluster;
using testing::eventually;
using testing::Node;
using namespace std::chrono_literals;

WallTime wall_now() {
    return std::chrono::time_point_cast<WallTime::duration>(
        WallTime(std::chrono::duration_cast<WallTime::duration>(
            std::chrono::system_clock::now().time_since_epoch())));
}

KeyCreateRequest limited(std::uint32_t requests) {
    KeyCreateRequest request;
    request.name = "test";
    request.limits.requests_per_minute = requests;
    return request;
}

TEST(Nodes, FindEachOtherThroughOneSeedAndAgreeOnTheMembers) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    const Node b = cluster.start("b", {a.address()});
    const Node c = cluster.start("c", {a.address()});
    for (const Node* node : {&a, &b, &c}) {
        ASSERT_TRUE(eventually([&]() { return node->alive() == 3; })) << node->notices->text();
        const auto view = node->mesh->view().load();
        EXPECT_EQ(view->members.size(), 3u);
        EXPECT_EQ(view->counting, 3u);
        EXPECT_EQ(view->self, node->mesh->self());
    }
    // Everybody is connected to everybody, and probes measure the way.
    EXPECT_TRUE(eventually([&]() {
        const auto view = c.mesh->view().load();
        for (const Member& m : view->members) {
            if (!m.self && !(m.connected && m.rtt)) return false;
        }
        return true;
    }));
}

TEST(Nodes, ShareAKeyAndItsRevocation) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    const Node b = cluster.start("b", {a.address()});
    ASSERT_TRUE(eventually([&]() { return a.alive() == 2 && b.alive() == 2; }));
    auto client = cluster.connect(a);
    const auto created = client.key_create(limited(60));
    ASSERT_TRUE(created.has_value()) << created.error().message;
    ASSERT_TRUE(eventually([&]() { return b.has_key(created->record.id); }));
    ASSERT_TRUE(a.has_key(created->record.id));
    EXPECT_EQ(a.mesh->view().load()->digest, b.mesh->view().load()->digest);

    auto other = cluster.connect(b);
    const auto revoked = other.key_revoke(created->record.id);
    ASSERT_TRUE(revoked.has_value()) << revoked.error().message;
    const std::string id = created->record.id.str();
    EXPECT_EQ(other.acknowledged({id, {}, kKeyRegister, id, revoked->time})->by.size(), 2u);
    EXPECT_FALSE(a.has_key(created->record.id)) << "who acknowledges it refuses the key";
    EXPECT_EQ(client.key_revoke(created->record.id)->time, revoked->time) << "twice is fine";
    EXPECT_TRUE(a.notices->has(Notice::Kind::kKeyChanged, "revoked"));
}

// All that it could hear it from are connected to the newer one.
TEST(Nodes, EndWhenAProcessFromACopyOfTheirDiskTakesTheirOnlyPeer) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    const Node b = cluster.start("b", {a.address()});
    ASSERT_TRUE(eventually([&]() { return a.alive() == 2 && b.alive() == 2; }));
    MeshOptions options = b.options;
    options.data_dir = cluster.path("copy");
    std::filesystem::create_directory(options.data_dir);
    for (const auto& entry : std::filesystem::directory_iterator(b.options.data_dir)) {
        if (entry.is_socket()) continue;
        std::filesystem::copy(entry,
                              std::filesystem::path(options.data_dir) / entry.path().filename(),
                              std::filesystem::copy_options::recursive);
    }
    const Node twin = Cluster::start(options);
    EXPECT_TRUE(eventually([&]() { return b.notices->has(Notice::Kind::kSuperseded); }, 60s))
        << b.notices->text();
    EXPECT_TRUE(eventually([&]() { return a.alive() == 2 && twin.alive() == 2; }))
        << twin.notices->text();
    EXPECT_FALSE(twin.notices->has(Notice::Kind::kSuperseded));
}

// It certifies itself anew at each start, so that nobody takes it for its own past.
TEST(Nodes, GoOnAboveTheirLastStartWhenTheirIdentityIsPutBack) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    const std::filesystem::path identity = cluster.path("b") + "/identity";
    const std::filesystem::path backup = cluster.path("backup");
    for (std::uint64_t start = 1; start <= 4; ++start) {
        const Node b = cluster.start("b", {a.address()});
        ASSERT_TRUE(eventually([&]() { return a.alive() == 2 && b.alive() == 2; }));
        ASSERT_FALSE(b.notices->has(Notice::Kind::kTrouble, "set_back")) << b.notices->text();
        if (start > 1) continue;
        std::filesystem::copy(identity, backup, std::filesystem::copy_options::recursive);
    }
    std::filesystem::remove_all(identity);
    std::filesystem::rename(backup, identity);
    const auto generation_at = [](const Node& node, const std::string& of) {
        const auto view = node.mesh->view().load();
        for (const Member& m : view->members) {
            if (m.id.str() == of) return m.generation.value;
        }
        return std::uint64_t{0};
    };
    {
        const Node b = cluster.start("b", {a.address()});
        ASSERT_TRUE(eventually([&]() {
            return b.notices->has(Notice::Kind::kTrouble, "set_back");
        })) << b.notices->text();
        EXPECT_TRUE(eventually([&]() {
            return generation_at(a, "b") == 5 && generation_at(b, "b") == 5 && b.alive() == 2;
        }));
        const auto report = cluster.connect(b).report();
        ASSERT_TRUE(report && report->set_back);
        EXPECT_EQ(report->set_back->disk.value, 2U);
        EXPECT_EQ(report->set_back->known.value, 4U);
    }
    const Node next = cluster.start("b", {a.address()});
    ASSERT_TRUE(eventually([&]() { return generation_at(a, "b") == 6 && next.alive() == 2; }));
    EXPECT_FALSE(next.notices->has(Notice::Kind::kTrouble, "set_back")) << "its disk has it";
}

TEST(Nodes, GiveALateComerTheKeysThatWereThereBefore) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    auto client = cluster.connect(a);
    std::vector<KeyId> ids;
    ids.reserve(20);
    for (int i = 0; i < 20; ++i) ids.push_back(client.key_create(limited(10))->record.id);
    const Node b = cluster.start("b", {a.address()});
    EXPECT_TRUE(eventually([&]() {
        return std::all_of(ids.begin(), ids.end(), [&](const KeyId& id) { return b.has_key(id); });
    }));
}

TEST(Nodes, CountARequestOnOneNodeAgainstTheLimitOnTheOther) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    const Node b = cluster.start("b", {a.address()});
    ASSERT_TRUE(eventually([&]() { return a.alive() == 2 && b.alive() == 2; }));
    auto client = cluster.connect(a);
    const auto created = client.key_create(limited(5));
    ASSERT_TRUE(created.has_value());
    const KeyId id = created->record.id;
    ASSERT_TRUE(eventually([&]() { return a.has_key(id) && b.has_key(id); }));

    const auto admit = [&](const Node& node) {
        std::shared_ptr<const state::KeyTable> hold;
        const auto* entry = node.key(id, hold);
        return node.mesh->counters()
            .admit(*entry->slot, entry->record.limits, limits::Cost{}, wall_now())
            .admitted;
    };
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(admit(a));
    std::shared_ptr<const state::KeyTable> hold;
    const auto slot = *b.key(id, hold)->slot;
    ASSERT_TRUE(
        eventually([&]() { return b.mesh->counters().use(slot, wall_now()).requests_known >= 5; }));
    EXPECT_FALSE(admit(b));

    const auto report = cluster.connect(b).limit_show(id);
    ASSERT_TRUE(report.has_value()) << report.error().message;
    ASSERT_EQ(report->limits.size(), 1u);
    EXPECT_EQ(report->limits[0].limit, 5u);
    EXPECT_EQ(report->limits[0].own, 0u);
    EXPECT_EQ(report->limits[0].known, 5u);
    EXPECT_EQ(report->limits[0].nodes, 2u);
    // Never above (N - 1) L and what may have come while clocks differ, as far as a busy machine
    // can tell: at most all that came.
    EXPECT_LE(report->limits[0].bound, 10u);
    EXPECT_EQ(report->limits[0].crashes, 0u);
}

TEST(Nodes, TellAPeerThatConnectsLaterWhatWasCountedBefore) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    const KeyId id = cluster.connect(a).key_create(limited(100))->record.id;
    std::shared_ptr<const state::KeyTable> hold;
    ASSERT_TRUE(eventually([&]() { return a.has_key(id); }));
    const auto* entry = a.key(id, hold);
    for (int i = 0; i < 7; ++i) {
        ASSERT_TRUE(a.mesh->counters()
                        .admit(*entry->slot, entry->record.limits, limits::Cost{}, wall_now())
                        .admitted);
    }
    const Node b = cluster.start("b", {a.address()});
    ASSERT_TRUE(eventually([&]() { return b.has_key(id); }));
    std::shared_ptr<const state::KeyTable> there;
    const auto slot = *b.key(id, there)->slot;
    EXPECT_TRUE(
        eventually([&]() { return b.mesh->counters().use(slot, wall_now()).requests_known >= 7; }));
}

TEST(Nodes, AreReadyOnceTheyDecideAsTheMeshDoes) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    EXPECT_EQ(a.mesh->not_ready(), "") << "who knows of nobody waits for nobody";
    const KeyId id = cluster.connect(a).key_create(limited(100))->record.id;
    std::shared_ptr<const state::KeyTable> hold;
    ASSERT_TRUE(eventually([&]() { return a.has_key(id); }));
    const auto* entry = a.key(id, hold);
    for (int i = 0; i < 7; ++i) {
        ASSERT_TRUE(a.mesh->counters()
                        .admit(*entry->slot, entry->record.limits, limits::Cost{}, wall_now())
                        .admitted);
    }
    MeshOptions patient = cluster.options("b");
    patient.seeds = {a.address()};
    patient.join_patience = 1h;
    const Node b = Cluster::start(patient);
    ASSERT_TRUE(eventually([&]() { return b.mesh->not_ready().empty(); })) << b.mesh->not_ready();
    ASSERT_TRUE(eventually([&]() { return b.has_key(id); }, 1s)) << "ready, so it is published";
    std::shared_ptr<const state::KeyTable> there;
    const auto slot = *b.key(id, there)->slot;
    EXPECT_EQ(b.mesh->counters().use(slot, wall_now()).requests_known, 7u);
}

TEST(Nodes, AreReadyAfterABoundedWaitWhenNobodyAnswers) {
    const Cluster cluster;
    MeshOptions alone = cluster.options("a");
    alone.seeds = {"127.0.0.1:1"};
    alone.join_patience = 1h;
    EXPECT_THAT(Cluster::start(alone).mesh->not_ready(), ::testing::HasSubstr("just started"));
    alone.join_patience = 100ms;
    const Node a = Cluster::start(alone);
    EXPECT_TRUE(eventually([&]() { return a.mesh->not_ready().empty(); }));
}

TEST(Nodes, KeepKeysWhenAllOfThemRestart) {
    const Cluster cluster;
    KeyId kept, revoked;
    {
        const Node a = cluster.start("a");
        const Node b = cluster.start("b", {a.address()});
        ASSERT_TRUE(eventually([&]() { return a.alive() == 2 && b.alive() == 2; }));
        auto client = cluster.connect(a);
        kept = client.key_create(limited(42))->record.id;
        revoked = client.key_create(limited(1))->record.id;
        ASSERT_TRUE(client.key_revoke(revoked).has_value());
        ASSERT_TRUE(eventually([&]() { return b.has_key(kept) && !b.has_key(revoked); }));
    }
    const Node b = cluster.start("b");
    ASSERT_TRUE(b.has_key(kept));  // before it has met anybody
    EXPECT_FALSE(b.has_key(revoked));
    std::shared_ptr<const state::KeyTable> hold;
    EXPECT_EQ(b.key(kept, hold)->record.limits.requests_per_minute, 42u);
    EXPECT_EQ(b.mesh->view().load()->members.size(), 2u) << "the roster is kept too";
}

TEST(Nodes, SeeOneLeaveOnPurpose) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    Node b = cluster.start("b", {a.address()});
    ASSERT_TRUE(eventually([&]() { return a.alive() == 2 && b.alive() == 2; }));
    b.mesh->leave(5s);
    EXPECT_TRUE(eventually([&]() { return a.status_of("b") == MemberStatus::kLeft; }));
    EXPECT_FALSE(b.mesh->not_ready().empty());
    b.mesh.reset();
    EXPECT_EQ(a.status_of("b"), MemberStatus::kLeft);
}

TEST(Nodes, NoticeACrashAndAReturn) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    Node b = cluster.start("b", {a.address()});
    const Node c = cluster.start("c", {a.address()});
    ASSERT_TRUE(eventually([&]() { return a.alive() == 3 && b.alive() == 3 && c.alive() == 3; }));
    const auto generation = [&]() {
        const auto view = a.mesh->view().load();
        for (const Member& m : view->members) {
            if (m.id.str() == "b") return m.generation.value;
        }
        return std::uint64_t{0};
    };
    const std::uint64_t before = generation();
    b.mesh.reset();  // without a word
    ASSERT_TRUE(eventually([&]() { return a.status_of("b") == MemberStatus::kDead; }))
        << a.notices->text();
    ASSERT_TRUE(eventually([&]() { return c.status_of("b") == MemberStatus::kDead; }));

    const Node again = cluster.start("b", {c.address()});
    EXPECT_TRUE(eventually([&]() { return a.alive() == 3 && c.alive() == 3; }))
        << a.notices->text();
    EXPECT_EQ(generation(), before + 1);
}

TEST(Nodes, ShowTheirMetricsByTheCatalogue) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    const auto catalogue = Mesh::metric_catalogue();
    const auto metrics = a.mesh->metrics();
    ASSERT_EQ(metrics.size(), catalogue.size());
    for (std::size_t i = 0; i < metrics.size(); ++i) {
        EXPECT_EQ(metrics[i].name, catalogue[i].name);
        EXPECT_FALSE(metrics[i].samples.empty()) << metrics[i].name;
        EXPECT_TRUE(metrics[i].name.starts_with("vidai_mesh_") ||
                    metrics[i].name.starts_with("vidai_budget_") ||
                    metrics[i].name.starts_with("vidai_usage_"))
            << metrics[i].name;
        EXPECT_EQ(metrics[i].kind == MetricKind::kCounter, metrics[i].name.ends_with("_total"));
    }
}

TEST(Nodes, EnforceALimitMadeOnOneNodeOverTheMesh) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    const Node b = cluster.start("b", {a.address()});
    ASSERT_TRUE(eventually([&]() { return a.alive() == 2 && b.alive() == 2; }));
    auto on_a = cluster.connect(a), on_b = cluster.connect(b);
    KeyCreateRequest request;
    request.owner.team = "ml";
    const KeyId id = on_a.key_create(request)->record.id;
    state::LimitRecord wanted;
    wanted.name = "ml";
    wanted.scope.equal[2] = "ml";
    wanted.unit = state::LimitUnit::kConcurrency;
    wanted.amount = 3;
    auto made =
        eventually([&]() { return on_a.limit_change(LimitOp::kCreate, wanted).has_value(); });
    ASSERT_TRUE(made) << "both nodes have said what they can";
    EXPECT_EQ(on_a.limit_change(LimitOp::kCreate, wanted).error().code, ErrorCode::kAlreadyExists);

    std::shared_ptr<const state::KeyTable> hold;
    const auto applied = [&](const Node& node) -> std::vector<state::AppliedLimit> {
        if (!node.has_key(id)) return {};
        return node.key(id, hold)->limits;
    };
    ASSERT_TRUE(eventually([&]() { return applied(a).size() == 1 && applied(b).size() == 1; }));
    const auto admit = [&](const Node& node) {
        const limits::Clause clause{*applied(node)[0].slot,
                                    limits::LimitKind::kConcurrency,
                                    false,
                                    false,
                                    hold->limits()[0].amount,
                                    0};
        return node.mesh->counters().admit(0, std::span(&clause, 1), {}, wall_now());
    };
    const limits::Decision first = admit(a);
    EXPECT_TRUE(first.admitted && admit(a).admitted);
    const auto known = [&]() {
        return b.mesh->counters().use(*applied(b)[0].slot, wall_now()).in_flight_known;
    };
    ASSERT_TRUE(eventually([&]() { return known() == 2; }));
    EXPECT_TRUE(admit(b).admitted);
    EXPECT_FALSE(admit(b).admitted);
    a.mesh->counters().keep(first.ticket);
    ASSERT_TRUE(eventually([&]() { return known() == 1; }));

    const auto standing = on_b.limit_standing("ml");
    ASSERT_TRUE(standing.has_value()) << standing.error().message;
    ASSERT_EQ(standing->counters.size(), 1u);
    EXPECT_EQ(standing->counters[0].use.own, 1u);
    EXPECT_EQ(standing->counters[0].use.known, 1u);
    wanted.amount = 7;
    const auto set = on_b.limit_change(LimitOp::kSet, wanted);
    ASSERT_TRUE(set.has_value()) << set.error().message;
    const auto amount_on_a = [&]() { return on_a.limit_standing("ml")->limit.amount; };
    EXPECT_TRUE(eventually([&]() { return amount_on_a() == 7; }));
    const Stated said{"ml", {}, kLimitRegister, set->limit.id, set->time};
    EXPECT_EQ(on_b.acknowledged(said)->by.size(), 2u);

    ASSERT_TRUE(on_a.limit_change(LimitOp::kDelete, wanted).has_value());
    EXPECT_TRUE(eventually([&]() { return applied(a).empty() && applied(b).empty(); }));
    EXPECT_TRUE(on_b.limit_list()->empty());
    EXPECT_TRUE(on_b.limit_change(LimitOp::kCreate, wanted).has_value())
        << "its name is free again";
}

}  // namespace
}  // namespace vidai::mesh
