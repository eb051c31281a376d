// SPDX-License-Identifier: Apache-2.0
// Counters, registers and what operators exchange.
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

#include "mesh/wire/counters.h"
#include "mesh/wire/message.h"
#include "mesh/wire/operator_values.h"
#include "mesh/wire/registers.h"
#include "tests/mesh/state/origins.h"

namespace vidai::mesh::wire {
namespace {

using state::testing::kNow;
using state::testing::Origins;

template <class Schema, class Value>
auto through_the_wire(const Value& value) {
    capnp::MallocMessageBuilder builder;
    write(value, builder.initRoot<Schema>());
    return read(builder.getRoot<Schema>().asReader());
}

CounterPush push() {
    return {{NodeId("a"),
             Generation{3},
             {{KeyId("ABCdef012345"), limits::CellKind::kTokens, 29'800'000, 7, 2},
              {KeyId("ABCdef012345"), limits::CellKind::kSpend, 0, 9, 0}}},
            kNow};
}

TEST(CounterWire, CarriesCells) {
    const auto read = through_the_wire<proto::CounterPush>(push());
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->batch, push().batch);
    EXPECT_EQ(read->sent, kNow);
}

TEST(CounterWire, RefusesBadKeysNodesKindsAndCrowds) {
    CounterPush bad = push();
    bad.batch.cells[0].key = KeyId("short");
    EXPECT_FALSE(through_the_wire<proto::CounterPush>(bad).has_value());
    bad = push();
    bad.batch.node = NodeId("");
    EXPECT_FALSE(through_the_wire<proto::CounterPush>(bad).has_value());
    bad = push();
    bad.batch.cells[0].kind = static_cast<limits::CellKind>(9);
    EXPECT_FALSE(through_the_wire<proto::CounterPush>(bad).has_value());
    bad = push();
    bad.batch.cells.assign(kCellsPerPush + 1, push().batch.cells[0]);
    EXPECT_FALSE(through_the_wire<proto::CounterPush>(bad).has_value());
}

// The difference to our clock would be none that a Duration holds.
TEST(CounterWire, RefusesTimesThatCannotBe) {
    for (const std::int64_t ms : {std::numeric_limits<std::int64_t>::max(),
                                  std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}}) {
        CounterPush bad = push();
        bad.sent = WallTime(std::chrono::milliseconds(ms));
        EXPECT_FALSE(through_the_wire<proto::CounterPush>(bad).has_value()) << ms;
        capnp::MallocMessageBuilder builder;
        auto page = builder.initRoot<proto::RegisterPage>();
        page.setClockMs(ms);
        EXPECT_FALSE(read(page.asReader()).has_value()) << ms;
    }
}

limits::SignedBatch signed_batch() {
    limits::SignedBatch said{push().batch, 7, {}};
    said.signature.fill(0xa5);
    return said;
}

TEST(CounterWire, CarriesSignedBatches) {
    limits::SignedBatch second = signed_batch();
    second.sequence = 8;
    second.batch.node = NodeId("b");
    const SignedBatches told{std::make_shared<const limits::SignedBatch>(signed_batch()),
                             std::make_shared<const limits::SignedBatch>(second)};
    const auto read = through_the_wire<proto::CounterRelay>(told);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    ASSERT_EQ(read->size(), 2u);
    EXPECT_EQ(*(*read)[0], signed_batch());
    EXPECT_EQ(*(*read)[1], second);
    EXPECT_EQ(limits::signed_bytes(*(*read)[1]), limits::signed_bytes(second));
}

TEST(CounterWire, RefusesCrowdsOfSignedBatchesAndSignaturesOfAnotherLength) {
    const auto one = std::make_shared<const limits::SignedBatch>(signed_batch());
    EXPECT_TRUE(through_the_wire<proto::CounterRelay>(SignedBatches(kBatchesPerRelay, one)));
    EXPECT_FALSE(through_the_wire<proto::CounterRelay>(SignedBatches(kBatchesPerRelay + 1, one)));
    limits::SignedBatch large = signed_batch();
    large.batch.cells.assign(kCellsPerPush / 2, push().batch.cells[0]);
    const auto half = std::make_shared<const limits::SignedBatch>(large);
    EXPECT_TRUE(through_the_wire<proto::CounterRelay>(SignedBatches{half, half}));
    EXPECT_FALSE(through_the_wire<proto::CounterRelay>(SignedBatches{half, half, one}));

    capnp::MallocMessageBuilder builder;
    auto out = builder.initRoot<proto::CounterRelay>();
    write(SignedBatches{one}, out);
    out.getBatches()[0].setSignature(to_data(seal::bytes_of(std::string(63, 'x'))));
    EXPECT_FALSE(read(out.asReader()).has_value());
}

TEST(CounterWire, CarriesQuestionsAndPages) {
    limits::CellPull pull{7, {{NodeId("a"), Generation{3}, 9, 11}}, {}, {}, 200};
    auto asked = through_the_wire<proto::CellPull>(pull);
    ASSERT_TRUE(asked.has_value()) << asked.error().message;
    EXPECT_EQ(*asked, pull);
    pull.from = limits::CellCursor{NodeId("b"), Generation{1}, {4, 6}, true, KeyId("ABCdef012345")};
    pull.cells_max = 1'000'000;
    asked = through_the_wire<proto::CellPull>(pull);
    ASSERT_TRUE(asked.has_value());
    EXPECT_EQ(asked->from, pull.from);
    EXPECT_EQ(asked->cells_max, kCellsPerChunk) << "nobody is sent more at once";
    limits::CellPage page{{push().batch}, pull.from};
    page.batches[0].since = 2;
    page.batches[0].upto = page.batches[0].highest = 5;
    page.batches[0].whole = true;
    const auto told = through_the_wire<proto::CellPage>(page);
    ASSERT_TRUE(told.has_value()) << told.error().message;
    EXPECT_EQ(*told, page);
}

TEST(CounterWire, RefusesQuestionsAndPagesThatCannotBe) {
    limits::CellPull pull{7, {{NodeId("a"), Generation{3}, 9, 0}}, {}, {}, 0};
    EXPECT_FALSE(through_the_wire<proto::CellPull>(pull).has_value()) << "asks for nothing";
    pull.cells_max = 1;
    pull.have[0].node = NodeId("");
    EXPECT_FALSE(through_the_wire<proto::CellPull>(pull).has_value());
    pull = {7, {}, limits::CellCursor{NodeId("a"), {}, {}, false, KeyId("short")}, {}, 1};
    EXPECT_FALSE(through_the_wire<proto::CellPull>(pull).has_value());
    limits::CellPage page{{push().batch}, std::nullopt};
    page.batches[0].since = 5;
    EXPECT_FALSE(through_the_wire<proto::CellPage>(page).has_value()) << "ends before it begins";
    page.batches.assign(kBatchesPerPage + 1, {NodeId("a"), Generation{1}, {}});
    EXPECT_FALSE(through_the_wire<proto::CellPage>(page).has_value());
    page.batches.assign(2, push().batch);
    page.batches[1].cells.assign(kCellsPerPush - 1, push().batch.cells[0]);
    EXPECT_FALSE(through_the_wire<proto::CellPage>(page).has_value()) << "too many in all";
}

TEST(RegisterWire, CarriesAPageWithEachChainOnce) {
    const Origins mesh;
    const auto a = mesh.make("a"), b = mesh.make("b");
    std::vector<state::Register> held;
    for (int i = 0; i < 6; ++i) {
        held.push_back(state::testing::write(i % 2 ? a : b, "k" + std::to_string(i),
                                             state::Hlc::at(kNow), "value", i == 5));
    }
    state::Page page;
    for (const auto& each : held) page.registers.push_back(&each);
    page.next = state::Cursor{7, state::RegisterName{state::RegisterKind::kKey, "k5"}};

    capnp::MallocMessageBuilder builder;
    write(page, builder.initRoot<proto::RegisterPage>());
    const auto wire = builder.getRoot<proto::RegisterPage>().asReader();
    EXPECT_EQ(wire.getChains().size(), 2u);
    const auto read = wire::read(wire);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    ASSERT_EQ(read->registers.size(), held.size());
    state::RegisterVerifier verifier(mesh.trust());
    for (std::size_t i = 0; i < held.size(); ++i) {
        EXPECT_EQ(read->registers[i].statement, held[i].statement);
        EXPECT_TRUE(verifier.verify(read->registers[i], kNow).has_value());
    }
    ASSERT_TRUE(read->next.has_value());
    EXPECT_EQ(read->next->bucket, 7u);
    EXPECT_EQ(read->next->after, page.next->after);
}

TEST(RegisterWire, RefusesAChainThatIsNotThereAndABucketBeyondTheLast) {
    capnp::MallocMessageBuilder builder;
    auto page = builder.initRoot<proto::RegisterPage>();
    page.initRegisters(1)[0].setChain(0);
    EXPECT_FALSE(read(page.asReader()).has_value());

    RegisterPull pull;
    pull.from.bucket = state::kBuckets;
    EXPECT_FALSE(through_the_wire<proto::RegisterPull>(pull).has_value());
    pull.from.bucket = 255;
    pull.digest.buckets[255] = 42;
    const auto read = through_the_wire<proto::RegisterPull>(pull);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->digest, pull.digest);
}

TEST(OperatorWire, KeepsAFailuresCode) {
    for (int i = 0; i < kErrorCodeCount; ++i) {
        const Error error{static_cast<ErrorCode>(i), "what and what to do", "field"};
        EXPECT_EQ(through_the_wire<proto::Fault>(error), error);
    }
    capnp::MallocMessageBuilder builder;
    auto fault = builder.initRoot<proto::Fault>();
    fault.setCode("of_the_future");
    fault.setMessage("m");
    EXPECT_EQ(read(fault.asReader()).code, ErrorCode::kInternal);
}

TEST(OperatorWire, CarriesAKeyWithoutItsHash) {
    state::KeyRecord key;
    key.id = KeyId("ABCdef012345");
    key.name = "n";
    key.hash.fill(3);
    key.models = {"a", "b"};
    key.limits.requests_per_minute = 0;  // not the same as unlimited
    key.limits.tokens_per_minute = 1'000'000'000'000;
    key.created = kNow;
    key.revoked = true;
    key.budgets = {BudgetId("team-a"), BudgetId("org")};
    const auto read = through_the_wire<proto::Key>(key);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    key.hash = {};
    EXPECT_EQ(*read, key);
}

TEST(OperatorWire, RefusesLimitsOutOfRange) {
    for (const std::int64_t bad : {std::int64_t{-2}, std::int64_t{1} << 40}) {
        capnp::MallocMessageBuilder builder;
        auto request = builder.initRoot<proto::KeyRequest>();
        request.initLimits().setRequestsPerMinute(bad);
        const auto read = wire::read(request.asReader());
        ASSERT_FALSE(read.has_value());
        EXPECT_EQ(read.error().code, ErrorCode::kInvalidRequest);
        EXPECT_EQ(read.error().param, "requests_per_minute");
    }
}

TEST(OperatorWire, CarriesAMemberAndAReport) {
    Member member{NodeId("a"), "1.2.3.4:5", MemberStatus::kDead, Generation{4}, Incarnation{5},
                  false,       true,        std::nullopt,        kNow,          1,
                  2,           "1.2.3",     1ULL << 63,          true};
    EXPECT_EQ(*through_the_wire<proto::MemberList>(std::vector<Member>{member}),
              std::vector<Member>{member});
    member.rtt = std::chrono::microseconds(17);
    EXPECT_EQ(*through_the_wire<proto::MemberList>(std::vector<Member>{member}),
              std::vector<Member>{member});

    LimitReport report;
    report.key = KeyId("ABCdef012345");
    report.limits.push_back({LimitKind::kTokens, 9, 1, 2, 3, 4, std::chrono::milliseconds(5), 6});
    report.spend_own = {7};
    const auto read = through_the_wire<proto::LimitReport>(report);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->limits[0].bound, 3u);
    EXPECT_EQ(read->limits[0].nodes, 6u);
    EXPECT_EQ(read->spend_own, MicroUsd{7});
    EXPECT_EQ(read->mode, "optimistic");
}

}  // namespace
}  // namespace vidai::mesh::wire
