// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "mesh/rpc/relaying.h"
#include "mesh/state/statement.h"
#include "tests/mesh/state/origins.h"

namespace vidai::mesh::rpc {
namespace {

using limits::Authorship;
using state::testing::kNow;
using state::testing::Origin;
using state::testing::Origins;

limits::SignedBatch counted_by(const std::string& node) {
    limits::SignedBatch said;
    said.batch = {NodeId(node), Generation{3}, {}, 0, 1, 1, true};
    said.batch.cells.push_back(
        {KeyId("ABCdef012345"), limits::CellKind::kRequests, 29'800'000, 7, 2});
    said.sequence = 1;
    return said;
}

// A node with a replica of its own, and what membership has told it of the others.
struct Member {
    Member(const Origins& origins, const Origin& self)
        : replica(std::make_shared<seal::Roots>(origins.trust()),
                  Author{self.node, self.key, self.chain}, Generation{1}, table, keys),
          crypto(relay_crypto(replica, [this](const NodeId& id) {
              const auto found = claims.find(id);
              return found == claims.end() ? nullptr : found->second;
          })) {}
    void meet(const Origin& other) {
        membership::Claim claim;
        claim.id = other.node;
        claim.key = other.key->public_key().bytes;
        claims[other.node] = std::make_shared<const membership::Claim>(std::move(claim));
    }
    limits::CounterTable table{8};
    Snapshot<state::KeyTable> keys{std::make_shared<const state::KeyTable>()};
    Replica replica;
    std::map<NodeId, membership::ClaimRef> claims;
    limits::RelayCrypto crypto;
};

struct RelayCryptoTest : testing::Test {
    Origins origins;
    Origin a = origins.make("a"), b = origins.make("b");
    Member of_a{origins, a}, of_b{origins, b};
    limits::SignedBatch by_b() const {
        limits::SignedBatch said = counted_by("b");
        said.signature = of_b.crypto.sign(said);
        return said;
    }
};

TEST_F(RelayCryptoTest, BelievesWhatTheKeyOfTheOriginSigned) {
    of_a.meet(b);
    EXPECT_EQ(of_a.crypto.verify(by_b()), Authorship::kGenuine);
}

TEST_F(RelayCryptoTest, SeesThatAnotherKeySigned) {
    of_a.meet(b);
    limits::SignedBatch lie = counted_by("b");
    lie.signature = of_a.crypto.sign(lie);
    EXPECT_EQ(of_a.crypto.verify(lie), Authorship::kForged);
    limits::SignedBatch changed = by_b();
    changed.batch.cells[0].charged += 1;
    EXPECT_EQ(of_a.crypto.verify(changed), Authorship::kForged);
}

TEST_F(RelayCryptoTest, DoesNotTakeASignatureThatWasMadeForSomethingElse) {
    of_a.meet(b);
    limits::SignedBatch other = counted_by("b");
    const std::string bytes = limits::signed_bytes(other);
    other.signature = b.key->sign(seal::Domain::kMemberRecord, seal::bytes_of(bytes)).bytes;
    EXPECT_EQ(of_a.crypto.verify(other), Authorship::kForged);
}

TEST_F(RelayCryptoTest, BlamesNobodyForANodeThatIsNotKnown) {
    EXPECT_EQ(of_a.crypto.verify(by_b()), Authorship::kUnknown);
}

}  // namespace
}  // namespace vidai::mesh::rpc
