// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/recorder.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "tests/mesh/usage/events.h"
#include "tests/mesh/usage/temporary_store.h"

namespace vidai::mesh::usage {
namespace {

// Its texts live in what it holds, and nowhere else.
Draft draft_of(std::int64_t cost) {
    const auto texts = std::make_shared<const Event>(some_event(0));
    Draft draft;
    draft.holds = {texts};
    draft.time = texts->time;
    std::ranges::copy(texts->request, draft.request.begin());
    draft.request_bytes = static_cast<std::uint8_t>(texts->request.size());
    draft.key = texts->caller.key.str();
    draft.user = texts->caller.user;
    draft.team = texts->caller.team;
    draft.project = texts->caller.project;
    draft.model = texts->callee.model;
    draft.provider = texts->callee.provider;
    draft.target = texts->callee.target;
    draft.endpoint = texts->callee.endpoint;
    draft.tokens = texts->tokens;
    draft.priced = texts->priced;
    draft.price_from = texts->price_from;
    draft.cost = {cost};
    draft.estimated = texts->estimated;
    draft.charged = texts->charged;
    draft.outcome = texts->outcome;
    return draft;
}

WallTime now() {
    return at_ms(2'000);
}

struct RecorderTest : testing::Test {
    TemporaryStore folder;

    std::unique_ptr<Writer> writer() {
        return std::make_unique<Writer>(folder.open(), [](const Error&) {});
    }
};

TEST_F(RecorderTest, HasAllOnTheDiskThatWasRecordedBeforeAFlush) {
    Recorder recorder(writer(), now, 10);
    recorder.flush();
    for (std::int64_t cost = 1; cost <= 3; ++cost) {
        ASSERT_TRUE(recorder.record(draft_of(cost)));
        recorder.flush();
        EXPECT_EQ(folder.read().back().cost, MicroUsd{cost});
    }
    EXPECT_EQ(recorder.counts().written, 3U);
}

TEST_F(RecorderTest, WritesEachFieldOfADraft) {
    {
        Recorder recorder(writer(), now, 10);
        Draft bare;
        bare.time = at_ms(1);
        for (int i = 0; i < 2; ++i) {
            ASSERT_TRUE(recorder.record(draft_of(42)));
            ASSERT_TRUE(recorder.record(Draft(bare)));
        }
    }
    Event bare;
    bare.time = at_ms(1);
    const auto events = folder.read();
    ASSERT_EQ(events.size(), 4U);
    for (std::uint64_t i = 0; i < 4; ++i) {
        Event expected = i % 2 == 0 ? some_event(0) : bare;
        expected.number = i + 1;
        EXPECT_EQ(events[i], expected) << "and nothing of the one before";
    }
}

TEST_F(RecorderTest, WritesWhatWaitsBeforeItEnds) {
    {
        Recorder recorder(writer(), now, 10);
        ASSERT_TRUE(recorder.record(draft_of(7)));
    }
    ASSERT_EQ(folder.read().size(), 1U);
}

TEST_F(RecorderTest, WritesEachOnceThatManyThreadsRecord) {
    constexpr std::int64_t kThreads = 4, kEach = 500;
    {
        Recorder recorder(writer(), now, kThreads * kEach);
        std::vector<std::thread> threads;
        for (std::int64_t t = 0; t < kThreads; ++t) {
            threads.emplace_back([&recorder, t]() {
                for (std::int64_t i = 0; i < kEach; ++i) {
                    EXPECT_TRUE(recorder.record(draft_of(t * kEach + i)));
                    if (i % 100 == 0) recorder.flush();
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
    }
    std::set<std::int64_t> costs;
    const auto events = folder.read();
    for (const Event& event : events) costs.insert(event.cost.value);
    EXPECT_EQ(events.size(), static_cast<std::size_t>(kThreads * kEach));
    EXPECT_EQ(costs.size(), events.size());
}

// Each commit fills a file, so that files are made and grow while they are read.
TEST_F(RecorderTest, IsReadWholeWhileItWrites) {
    folder.options.segment_bytes = 1;
    constexpr std::int64_t kEvents = 100;
    std::atomic<bool> over{false};
    std::size_t seen = 0;
    std::thread reader([&]() {
        for (bool last = false; !last;) {
            last = over;
            const auto events = folder.read();
            ASSERT_GE(events.size(), seen) << "what was read once is there";
            seen = events.size();
            for (std::size_t i = 0; i < seen; ++i) ASSERT_EQ(events[i].number, i + 1);
        }
    });
    {
        Recorder recorder(writer(), now, kEvents);
        for (std::int64_t i = 0; i < kEvents; ++i) {
            EXPECT_TRUE(recorder.record(draft_of(i)));
            recorder.flush();
        }
    }
    over = true;
    reader.join();
    EXPECT_EQ(seen, static_cast<std::size_t>(kEvents));
}

TEST_F(RecorderTest, RefusesAndCountsWhatItsQueueCannotHold) {
    std::promise<void> reached, go_on;
    const auto slow = [&, first = true]() mutable {
        if (std::exchange(first, false)) {
            reached.set_value();
            go_on.get_future().wait();
        }
        return now();
    };
    {
        Recorder recorder(writer(), slow, 2);
        ASSERT_TRUE(recorder.record(draft_of(1)));
        reached.get_future().wait();  // its thread has taken the first, and the queue is empty
        EXPECT_TRUE(recorder.record(draft_of(2)));
        EXPECT_TRUE(recorder.record(draft_of(3)));
        EXPECT_FALSE(recorder.record(draft_of(4)));
        EXPECT_EQ(recorder.counts().refused, 1U);
        go_on.set_value();
        recorder.flush();
        EXPECT_EQ(recorder.counts().written, 3U);
    }
    EXPECT_EQ(folder.read().back().cost, MicroUsd{3});
}

TEST_F(RecorderTest, HasCorrectionsOnTheDiskBehindWhatWasRecorded) {
    Recorder recorder(writer(), now, 10);
    ASSERT_TRUE(recorder.record(draft_of(5)));
    Event correction = some_event(0);
    correction.adjusts = 1;
    correction.cost = {-3};
    EXPECT_EQ(recorder.adjust({correction, correction}), 0U);
    const auto events = folder.read();
    ASSERT_EQ(events.size(), 3U);
    EXPECT_EQ(events[1].adjusts, 1U);
    EXPECT_EQ(events[2].number, 3U);
    EXPECT_EQ(events[2].cost.value, -3);
}

TEST_F(RecorderTest, SaysHowManyCorrectionsTheDiskDidNotTake) {
    Recorder recorder(std::make_unique<Writer>(nullptr, [](const Error&) {}), now, 10);
    Event correction = some_event(0);
    correction.adjusts = 1;
    EXPECT_EQ(recorder.adjust({correction, correction}), 2U);
}

}  // namespace
}  // namespace vidai::mesh::usage
