// SPDX-License-Identifier: Apache-2.0
// Relays that tell each other, with a keyed hash in place of signatures, in virtual time.
#include "mesh/limits/counter_relay.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace vidai::mesh::limits {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kWall{std::chrono::minutes(30'000'000)};
constexpr MonoTime kMono{1h};
constexpr std::size_t kPlenty = 1'000'000;
const state::KeyLimits kLimits{1'000'000, {}, {}};

KeyId key(std::size_t n) {
    return KeyId("abcdef" + std::to_string(100'000 + n));
}

BatchSignature hash_by(const NodeId& who, const SignedBatch& said) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : who.str() + signed_bytes(said)) {
        hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
    }
    BatchSignature out{};
    for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(hash >> (8 * i));
    return out;
}

RelayCrypto crypto_of(const NodeId& self) {
    return {[self](const SignedBatch& said) { return hash_by(self, said); },
            [](const SignedBatch& said) {
                if (said.batch.node == NodeId("stranger")) return Authorship::kUnknown;
                const bool good = said.signature == hash_by(said.batch.node, said);
                return good ? Authorship::kGenuine : Authorship::kForged;
            }};
}

struct Node {
    Node(const std::string& id, const RelayOptions& options, std::uint64_t seed)
        : name(id), relay(store, crypto_of(name), options, seed) {}
    void charge(std::size_t keys, std::size_t from = 0) {
        for (std::size_t n = from; n < from + keys; ++n) {
            const Slot slot = *store.bind(key(n), kLimits);
            ASSERT_TRUE(table.admit(slot, kLimits, {1, Tokens{}}, kWall).admitted);
        }
        while (!store.collect(kMono, kWall, 1, true).cells.empty()) {
        }
    }
    // How many cells of `origin` it holds.
    std::size_t held(const NodeId& origin) const {
        std::size_t count = 0;
        for (const CellBatch& batch : store.all_cells(kWall)) {
            if (batch.node == origin) count += batch.cells.size();
        }
        return count;
    }
    NodeId name;
    CounterTable table{1'024};
    CounterStore store{table, name, Generation{1}, {}};
    CounterRelay relay;
};

// Nodes on a ring, each connected to those up to `reach` away on either side.
struct Ring {
    Ring(std::size_t count, std::size_t reach, RelayOptions options) {
        for (std::size_t i = 0; i < count; ++i) {
            nodes.push_back(std::make_unique<Node>("n" + std::to_string(i), options, i));
        }
        for (std::size_t i = 0; i < count; ++i) {
            for (std::size_t by = 1; by <= reach; ++by) {
                nodes[i]->relay.on_connected(nodes[(i + by) % count]->name);
                nodes[i]->relay.on_connected(nodes[(i + count - by) % count]->name);
            }
        }
    }
    // One push interval of all; how many batches were told.
    std::size_t interval() {
        now += 50ms;
        RelayCalls all;
        std::vector<NodeId> from;
        for (const auto& node : nodes) {
            const auto size = static_cast<std::uint32_t>(nodes.size());
            for (RelayCall& call : node->relay.on_interval(now, kWall, size, room)) {
                all.push_back(std::move(call));
                from.push_back(node->name);
            }
        }
        std::size_t told = 0;
        for (std::size_t i = 0; i < all.size(); ++i) {
            for (const SignedBatchRef& said : all[i].batches) {
                (void)named(all[i].to).relay.on_relay(from[i], said, now, kWall);
                ++told;
            }
        }
        return told;
    }
    Node& named(const NodeId& name) {
        return **std::ranges::find_if(nodes, [&](const auto& n) { return n->name == name; });
    }
    MonoTime now = kMono;
    std::vector<std::unique_ptr<Node>> nodes;
    CounterRelay::Room room = [](const NodeId&) { return kPlenty; };
};

// Signed by `by`, about `origin`.
SignedBatchRef batch_of(const NodeId& origin, std::uint64_t sequence, const NodeId& by,
                        Generation generation = Generation{1}) {
    SignedBatch said;
    said.batch = {origin, generation, {}, sequence - 1, sequence, sequence, true};
    said.batch.cells.push_back({key(0), CellKind::kRequests, 30'000'000, sequence, 0});
    said.sequence = sequence;
    said.signature = hash_by(by, said);
    return std::make_shared<const SignedBatch>(std::move(said));
}

struct RelayTest : testing::Test {
    Node node{"self", {.full_mesh_max = 2, .fanout = 3}, 7};
    const NodeId a{"a"}, b{"b"};
    MonoTime now = kMono;
    void SetUp() override {
        for (const char* peer : {"a", "b", "c", "d", "e"}) node.relay.on_connected(NodeId(peer));
        (void)interval();
    }
    RelayCalls interval(std::uint32_t nodes = 1'000, std::size_t room = kPlenty) {
        now += 50ms;
        return node.relay.on_interval(now, kWall, nodes, [room](const NodeId&) { return room; });
    }
    MergeCount hear(const NodeId& from, const SignedBatchRef& said) {
        return node.relay.on_relay(from, said, now, kWall);
    }
};

TEST(Relays, TellEverybodyWhatOneOfThemHasCounted) {
    Ring ring(60, 6, {.full_mesh_max = 10, .fanout = 12});
    (void)ring.interval();
    ring.nodes[0]->charge(3);
    std::size_t told = 0;
    for (int i = 0; i < 12; ++i) told += ring.interval();
    for (const auto& node : ring.nodes) EXPECT_EQ(node->held(NodeId("n0")), 3u) << node->name.str();
    // Each tells it once, to twelve, and then it is over.
    EXPECT_LE(told, 60u * 12);
    EXPECT_EQ(ring.interval(), 0u);
}

TEST(Relays, SayNothingWhereEverybodyIsConnected) {
    Ring ring(10, 4, {.full_mesh_max = 10});
    (void)ring.interval();
    ring.nodes[0]->charge(3);
    EXPECT_EQ(ring.interval(), 0u);
    EXPECT_EQ(ring.nodes[0]->relay.counters().signed_here, 0u);
    EXPECT_EQ(ring.nodes[0]->relay.hops(), 0u);
}

TEST(Relays, TellMoreThanFitsIntoABatchInSeveralAndNoneClaimsToBeAll) {
    Ring ring(2, 1, {.full_mesh_max = 1, .fanout = 1, .cells_max = 16});
    (void)ring.interval();
    ring.nodes[0]->charge(40);
    for (int i = 0; i < 10; ++i) (void)ring.interval();
    EXPECT_EQ(ring.nodes[1]->held(NodeId("n0")), 40u);
    // The numbers say that something may lack, so that the next question asks.
    const CellPull asks = ring.nodes[1]->store.question(kWall, std::nullopt, 100);
    const auto of = std::ranges::find(asks.have, NodeId("n0"), &OriginProgress::node);
    ASSERT_NE(of, asks.have.end());
    EXPECT_EQ(of->have, 0u);
}

TEST_F(RelayTest, PassesOnOnceAndNotToWhomItCameFromNorToItsOrigin) {
    EXPECT_EQ(hear(a, batch_of(b, 1, b)).applied, 1u);
    EXPECT_EQ(hear(NodeId("c"), batch_of(b, 1, b)).applied, 0u);
    std::size_t told = 0;
    for (const RelayCall& call : interval()) {
        EXPECT_NE(call.to, a);
        EXPECT_NE(call.to, b);
        told += call.batches.size();
    }
    EXPECT_GE(told, 1u);
    EXPECT_LE(told, 3u);
    (void)hear(NodeId("d"), batch_of(b, 1, b));
    EXPECT_TRUE(interval().empty());
    EXPECT_EQ(node.relay.counters().repeated, 2u);
}

TEST_F(RelayTest, BelievesOnlyWhatTheOriginSigned) {
    const MergeCount count = hear(a, batch_of(b, 1, a));
    EXPECT_EQ(count.applied, 0u);
    EXPECT_EQ(count.refused, 1u);
    EXPECT_EQ(node.held(b), 0u);
    EXPECT_TRUE(interval().empty());
    // Nor does the lie stand in the way of the truth.
    EXPECT_EQ(hear(NodeId("c"), batch_of(b, 1, b)).applied, 1u);
}

TEST_F(RelayTest, EveryFieldIsSigned) {
    const SignedBatch said = *batch_of(b, 5, b);
    std::vector<SignedBatch> others(9, said);
    others[0].batch.generation = Generation{2};
    others[1].batch.since += 1;
    others[2].batch.upto += 1;
    others[3].batch.highest += 1;
    others[4].batch.whole = false;
    others[5].sequence += 1;
    others[6].batch.cells[0].charged += 1;
    others[7].batch.cells[0].window += 1;
    others[8].batch.cells.push_back(said.batch.cells[0]);
    for (const SignedBatch& other : others) EXPECT_NE(signed_bytes(other), signed_bytes(said));
}

TEST_F(RelayTest, DoesNotListenToAForgerForAWhile) {
    for (std::uint64_t i = 1; i <= 8; ++i) (void)hear(a, batch_of(b, i, a));
    const std::uint64_t verified = node.relay.counters().verified;
    EXPECT_EQ(hear(a, batch_of(b, 9, b)).applied, 0u);
    EXPECT_EQ(node.relay.counters().verified, verified) << "nor is anything spent on it";
    now += 61s;
    EXPECT_EQ(hear(a, batch_of(b, 9, b)).applied, 1u);
}

TEST_F(RelayTest, BlamesNobodyForWhomMembershipDoesNotKnowYet) {
    const NodeId stranger("stranger");
    for (std::uint64_t i = 1; i <= 50; ++i) {
        EXPECT_EQ(hear(a, batch_of(stranger, i, stranger)).refused, 1u);
    }
    EXPECT_EQ(node.held(stranger), 0u);
    EXPECT_EQ(hear(a, batch_of(b, 1, b)).applied, 1u) << "its teller is listened to";
}

TEST_F(RelayTest, HearsAnOriginNoMoreOftenThanItMaySign) {
    std::size_t applied = 0;
    for (std::uint64_t i = 1; i <= 100; ++i) applied += hear(a, batch_of(b, i, b)).applied;
    EXPECT_EQ(applied, 4u);
    now += node.relay.spacing();
    EXPECT_EQ(hear(a, batch_of(b, 101, b)).applied, 1u);
}

TEST_F(RelayTest, HearsWhatWasOvertakenAndNothingOfAnEarlierLife) {
    EXPECT_EQ(hear(a, batch_of(b, 9, b)).applied, 1u);
    EXPECT_EQ(hear(a, batch_of(b, 7, b)).unchanged, 1u) << "new, and says less";
    EXPECT_EQ(hear(a, batch_of(b, 1, b, Generation{2})).applied, 1u);
    const std::uint64_t repeated = node.relay.counters().repeated;
    EXPECT_EQ(hear(a, batch_of(b, 10, b)).applied, 0u);
    EXPECT_EQ(node.relay.counters().repeated, repeated + 1);
}

TEST_F(RelayTest, TellsFewerWhenThereIsMuch) {
    RelayOptions tight{
        .full_mesh_max = 2, .fanout = 3, .cells_per_second = 100, .cells_burst = 100};
    Node small("small", tight, 1);
    for (const char* peer : {"a", "b", "c", "d", "e"}) small.relay.on_connected(NodeId(peer));
    const CounterRelay::Room plenty = [](const NodeId&) { return kPlenty; };
    std::size_t told = 0;
    for (int second = 0; second < 10; ++second) {
        now += 1s;
        (void)small.relay.on_interval(now, kWall, 1'000, plenty);
        for (int i = 0; i < 100; ++i) {
            const NodeId origin("o" + std::to_string(i));
            const auto sequence = static_cast<std::uint64_t>(second + 1);
            (void)small.relay.on_relay(a, batch_of(origin, sequence, origin), now, kWall);
        }
        for (const RelayCall& call : small.relay.on_interval(now, kWall, 1'000, plenty)) {
            for (const SignedBatchRef& said : call.batches) {
                told += said->batch.cells.size() + kSignedBatchCells;
            }
        }
    }
    EXPECT_LE(told, 10u * 100);
    EXPECT_GE(told, 5u * 100);
    EXPECT_GT(small.relay.counters().dropped, 0u);
}

TEST_F(RelayTest, TellsNobodyWhoHasNoRoom) {
    (void)hear(a, batch_of(b, 1, b));
    EXPECT_TRUE(interval(1'000, 2).empty());
}

TEST_F(RelayTest, ForgetsWhoIsNotConnected) {
    for (const char* peer : {"a", "b", "c", "e"}) node.relay.on_disconnected(NodeId(peer));
    (void)hear(a, batch_of(b, 1, b));
    const RelayCalls calls = interval();
    ASSERT_EQ(calls.size(), 1u);
    EXPECT_EQ(calls[0].to, NodeId("d"));
}

TEST_F(RelayTest, RemembersNoMoreOriginsThanItMay) {
    Node small("small", {.full_mesh_max = 2, .origins_max = 2}, 1);
    small.relay.on_connected(a);
    (void)small.relay.on_interval(now, kWall, 1'000, [](const NodeId&) { return kPlenty; });
    for (const char* name : {"x", "y", "z"}) {
        now += 1s;
        (void)small.relay.on_relay(a, batch_of(NodeId(name), 1, NodeId(name)), now, kWall);
    }
    // The oldest was forgotten, so it is heard again; its cells are no news.
    EXPECT_EQ(small.relay.on_relay(a, batch_of(NodeId("x"), 1, NodeId("x")), now, kWall).unchanged,
              1u);
}

TEST_F(RelayTest, SpacesSigningSoThatTheWholeMeshCanBeVerified) {
    (void)interval(1'000);
    EXPECT_EQ(node.relay.spacing(), 500ms);
    EXPECT_EQ(node.relay.hops(), 8u);
    std::uint64_t batches = 0;
    for (int i = 0; i < 40; ++i) {
        node.charge(1, static_cast<std::size_t>(i));
        (void)interval(1'000);
        batches = node.relay.counters().signed_here;
    }
    EXPECT_LE(batches, 5u) << "in two seconds";
    EXPECT_GE(batches, 4u);
}

}  // namespace
}  // namespace vidai::mesh::limits
