// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/batch.h"

#include <gtest/gtest.h>

#include "schema/records/usage_generated.h"
#include "tests/mesh/usage/events.h"

namespace vidai::mesh::usage {
namespace {

namespace fb = records::usage;

// A record of one event, of which only what a test is about is out of order.
struct Record {
    std::uint64_t first = 1;
    std::int64_t time = 1, input = 1, cost = 1, charged = 1;
    std::uint16_t caller = 0, callee = 0, request_bytes = 2;
    std::uint8_t outcome = 0, flags = 0;
    std::size_t rows = 1;
    std::size_t text = 1;

    std::size_t read() const {
        flatbuffers::FlatBufferBuilder out;
        const auto model = out.CreateString(std::string(text, 'm'));
        const std::vector callees = {fb::CreateCallee(out, model)};
        const std::vector callers = {fb::CreateCaller(out, model)};
        const std::vector all(rows, fb::Row(time, input, 0, 0, 0, 0, 0, 0, 0, cost, charged, caller,
                                            callee, request_bytes, outcome, flags));
        const auto requests = out.CreateVector(std::vector<std::uint8_t>(2 * rows, 'r'));
        const auto all_callers = out.CreateVector(callers);
        const auto all_callees = out.CreateVector(callees);
        out.Finish(fb::CreateBatch(out, first, all_callers, all_callees, requests,
                                   out.CreateVectorOfStructs(all)));
        return events_of({out.GetBufferPointer(), out.GetSize()}).size();
    }
};

TEST(Batch, ComesBackAsTheEventsThatItWasMadeOf) {
    std::vector<Event> events;
    for (std::uint64_t number = 7; number < 20; ++number) events.push_back(some_event(number));
    events[1].caller.team = "red";
    events[3].caller = {};
    events[4].callee.model = std::string("m\0n", 3);
    events[5].request.clear();
    events[6].estimated = true;
    events[7].priced = false;
    events[8].outcome = Outcome::kUnknown;
    events[9].request = "a longer one than those of the others";
    events[10].adjusts = 7;
    events[10].cost = {-42};
    events[10].billed = true;
    events[11].adjusts = 8;
    events[11].ceiling = true;
    events[12].tier = pricing::ServiceTier::kBatch;
    EXPECT_EQ(events_of(record_of(events)), events);
}

TEST(Batch, IsEmptyOnceItIsTaken) {
    Batch batch;
    batch.add(some_event(7));
    EXPECT_EQ(batch.events(), 1U);
    batch.take();
    EXPECT_EQ(batch.events(), 0U);
    EXPECT_EQ(batch.bytes(), 0U);
    Event other = some_event(3);
    other.caller.team = "red";
    batch.add(other);
    EXPECT_EQ(events_of(batch.take()), std::vector{other}) << "and knows nothing of the first";
}

TEST(Batch, OfTheLongestEventsStaysWithinItsBound) {
    std::vector<Event> events;
    for (std::size_t i = 0; i < kBatchEventsMax; ++i) {
        Event event = some_event(UINT64_MAX - kBatchEventsMax + i);
        std::string longest(kTextBytesMax, 'x');
        longest.replace(0, 4, std::to_string(1'000 + i));
        event.request = event.caller.user = event.caller.team = event.caller.project = longest;
        event.callee = {longest, longest, longest, longest};
        event.caller.key = KeyId(longest);
        event.cost = event.charged = {kCostMax};
        event.time = at_ms(kTimeMsMax);
        events.push_back(event);
    }
    const seal::Bytes bytes = record_of(events);
    EXPECT_LE(bytes.size(), kBatchBytesMax);
    EXPECT_EQ(events_of(bytes), events);
}

TEST(Batch, BeyondItsBoundsIsRefused) {
    ASSERT_EQ(Record{}.read(), 1U);
    ASSERT_EQ((Record{.rows = kBatchEventsMax}.read()), kBatchEventsMax);
    EXPECT_EQ((Record{.first = 0}.read()), 0U);
    EXPECT_EQ((Record{.first = UINT64_MAX}.read()), 0U) << "there is no number behind it";
    EXPECT_EQ((Record{.time = -1}.read()), 0U);
    EXPECT_EQ((Record{.time = kTimeMsMax + 1}.read()), 0U);
    EXPECT_EQ((Record{.input = -1}.read()), 0U);
    EXPECT_EQ((Record{.input = kTokensMax + 1}.read()), 0U);
    EXPECT_EQ((Record{.cost = -1}.read()), 0U);
    EXPECT_EQ((Record{.cost = kCostMax + 1}.read()), 0U);
    EXPECT_EQ((Record{.charged = -1}.read()), 0U);
    EXPECT_EQ((Record{.charged = kCostMax + 1}.read()), 0U);
    EXPECT_EQ((Record{.caller = 1}.read()), 0U) << "there is only one";
    EXPECT_EQ((Record{.callee = 1}.read()), 0U);
    EXPECT_EQ((Record{.request_bytes = 1}.read()), 0U) << "not all of what there is";
    EXPECT_EQ((Record{.request_bytes = 3}.read()), 0U) << "more than there is";
    EXPECT_EQ((Record{.outcome = kOutcomes}.read()), 0U);
    EXPECT_EQ((Record{.flags = 4}.read()), 0U) << "it does not say which event it adjusts";
    EXPECT_EQ((Record{.cost = -1}.read()), 0U) << "only what adjusts another takes something off";
    EXPECT_EQ((Record{.rows = 0}.read()), 0U);
    EXPECT_EQ((Record{.rows = kBatchEventsMax + 1}.read()), 0U);
    EXPECT_EQ((Record{.text = kTextBytesMax + 1}.read()), 0U);
    EXPECT_EQ((Record{.text = kBatchBytesMax}.read()), 0U);
}

TEST(Batch, CutAnywhereIsNoOther) {
    const std::vector<Event> events = {some_event(7), some_event(8)};
    const seal::Bytes bytes = record_of(events);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto read = events_of(seal::ByteView(bytes).first(size));
        EXPECT_TRUE(read.empty() || read == events) << size;  // padding at the end may be missing
    }
    EXPECT_TRUE(events_of(seal::ByteView(bytes).first(bytes.size() / 2)).empty());
}

TEST(Batch, IsReadNoFurtherThanItIsTaken) {
    int read = 0;
    const auto done =
        read_batch(record_of({some_event(7), some_event(8)}), [&](const Event&) -> Result<void> {
            ++read;
            return fail(ErrorCode::kCorrupt, "enough");
        });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().message, "enough");
    EXPECT_EQ(read, 1);
}

TEST(Clamp, LeavesWhatIsWithinItsBounds) {
    Event event = some_event(7);
    EXPECT_FALSE(clamp(event));
    EXPECT_EQ(event, some_event(7));
}

TEST(Clamp, TakesAPriceThatHasAlwaysHeldForNothingOdd) {
    Event event = some_event(7);
    event.price_from = WallTime::min();
    EXPECT_FALSE(clamp(event));
    EXPECT_EQ(event.price_from, at_ms(0));
}

TEST(Clamp, MakesARecordOfWhateverAProviderSays) {
    Event event = some_event(7);
    event.callee.model.assign(4'096, 'm');
    event.caller.key = KeyId(std::string(4'096, 'k'));
    event.tokens.output = {INT64_MAX};
    event.tokens.input = {-1};
    event.cost = event.charged = {INT64_MAX};
    event.time = WallTime::max();
    EXPECT_TRUE(clamp(event));
    EXPECT_EQ(event.callee.model.size(), kTextBytesMax);
    EXPECT_EQ(event.caller.key.str().size(), kTextBytesMax);
    EXPECT_EQ(event.tokens.output.value, kTokensMax);
    EXPECT_EQ(event.tokens.input.value, 0);
    EXPECT_EQ(event.cost.value, kCostMax);
    EXPECT_EQ(event.charged.value, kCostMax);
    EXPECT_EQ(events_of(record_of({event})), std::vector{event});
}

TEST(Clamp, CutsBetweenCharacters) {
    Event event = some_event(7);
    event.caller.team = std::string(kTextBytesMax - 1, 't') + "\xC3\xA4";
    EXPECT_TRUE(clamp(event));
    EXPECT_EQ(event.caller.team, std::string(kTextBytesMax - 1, 't'));
    event.caller.team.assign(kTextBytesMax + 9, '\x80');  // no UTF-8 at all
    EXPECT_TRUE(clamp(event));
    EXPECT_EQ(event.caller.team.size(), kTextBytesMax - 4);
}

}  // namespace
}  // namespace vidai::mesh::usage
