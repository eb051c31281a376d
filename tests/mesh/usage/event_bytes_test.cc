// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/event_bytes.h"

#include <gtest/gtest.h>

#include "schema/records/usage_generated.h"
#include "tests/mesh/usage/events.h"

namespace vidai::mesh::usage {
namespace {

namespace fb = records::usage;

// A record of which only what the test is about is out of order.
seal::Bytes record(std::uint64_t number, std::int64_t input, std::int64_t cost,
                   std::uint8_t outcome, bool with_tokens = true, std::size_t text = 1,
                   std::int64_t time = 1) {
    flatbuffers::FlatBufferBuilder out;
    const auto model = out.CreateString(std::string(text, 'm'));
    const fb::Tokens tokens(input, 0, 0, 0, 0, 0, 0);
    out.Finish(fb::CreateEvent(out, number, time, 0, 0, 0, 0, 0, model, 0, 0,
                               with_tokens ? &tokens : nullptr, true, 0, cost, false, outcome));
    return {out.GetBufferPointer(), out.GetBufferPointer() + out.GetSize()};
}

TEST(EventBytes, ComeBackAsTheEventThatTheyWere) {
    const Event event = some_event(7);
    const auto read = decode_event(encode_event(event));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, event);
}

TEST(EventBytes, OfTheLongestEventStayWithinTheBound) {
    Event event = some_event(UINT64_MAX);
    const std::string longest(kTextBytesMax, 'x');
    event.request = event.user = event.team = event.project = longest;
    event.model = event.provider = event.protocol = longest;
    event.key = KeyId(longest);
    event.cost = {kCostMax};
    event.time = at_ms(kTimeMsMax);
    const seal::Bytes bytes = encode_event(event);
    EXPECT_LE(bytes.size(), kEventBytesMax);
    const auto read = decode_event(bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, event);
}

TEST(EventBytes, BeyondTheirBoundsAreRefused) {
    ASSERT_TRUE(decode_event(record(1, 1, 1, 0)));
    EXPECT_FALSE(decode_event(record(0, 1, 1, 0))) << "no number";
    EXPECT_FALSE(decode_event(record(1, -1, 1, 0)));
    EXPECT_FALSE(decode_event(record(1, kTokensMax + 1, 1, 0)));
    EXPECT_FALSE(decode_event(record(1, 1, -1, 0)));
    EXPECT_FALSE(decode_event(record(1, 1, kCostMax + 1, 0)));
    EXPECT_FALSE(decode_event(record(1, 1, 1, kOutcomes)));
    EXPECT_FALSE(decode_event(record(1, 1, 1, 0, false))) << "no tokens";
    EXPECT_FALSE(decode_event(record(1, 1, 1, 0, true, kTextBytesMax + 1)));
    EXPECT_FALSE(decode_event(record(1, 1, 1, 0, true, 1, -1)));
    EXPECT_FALSE(decode_event(record(1, 1, 1, 0, true, 1, kTimeMsMax + 1)));
    EXPECT_FALSE(decode_event(record(1, 1, 1, 0, true, kEventBytesMax)));
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
    event.model.assign(kEventBytesMax, 'm');
    event.key = KeyId(std::string(kEventBytesMax, 'k'));
    event.tokens.output = {INT64_MAX};
    event.tokens.input = {-1};
    event.cost = {INT64_MAX};
    event.time = WallTime::max();
    EXPECT_TRUE(clamp(event));
    EXPECT_EQ(event.model.size(), kTextBytesMax);
    EXPECT_EQ(event.tokens.output.value, kTokensMax);
    EXPECT_EQ(event.tokens.input.value, 0);
    EXPECT_EQ(event.cost.value, kCostMax);
    const auto read = decode_event(encode_event(event));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, event);
}

TEST(Clamp, CutsBetweenCharacters) {
    Event event = some_event(7);
    event.team = std::string(kTextBytesMax - 1, 't') + "\xC3\xA4";
    EXPECT_TRUE(clamp(event));
    EXPECT_EQ(event.team, std::string(kTextBytesMax - 1, 't'));
    event.team.assign(kTextBytesMax + 9, '\x80');  // no UTF-8 at all
    EXPECT_TRUE(clamp(event));
    EXPECT_EQ(event.team.size(), kTextBytesMax - 4);
}

TEST(EventBytes, CutAnywhereAreNoOtherEvent) {
    const Event event = some_event(7);
    const seal::Bytes bytes = encode_event(event);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto read = decode_event(seal::ByteView(bytes).first(size));
        // Padding at the end may be missing.
        EXPECT_TRUE(!read || *read == event) << size;
    }
    EXPECT_FALSE(decode_event(seal::ByteView(bytes).first(bytes.size() / 2)));
}

}  // namespace
}  // namespace vidai::mesh::usage
