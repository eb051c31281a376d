// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/recorder.h"

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "tests/mesh/usage/events.h"
#include "tests/mesh/usage/temporary_store.h"

namespace vidai::mesh::usage {
namespace {

using Drafts = Recorder<std::unique_ptr<std::int64_t>>;  // the cost; can only be moved

void fill(const std::unique_ptr<std::int64_t>& cost, Event& event) {
    event = some_event(0);
    event.cost = MicroUsd{*cost};
}

struct RecorderTest : testing::Test {
    TemporaryStore folder;

    std::unique_ptr<Writer> writer() {
        return std::make_unique<Writer>(folder.open(), [](const Error&) {});
    }
    static Drafts::Surroundings surroundings() {
        return {fill, []() { return at_ms(2'000); }};
    }
};

TEST_F(RecorderTest, HasAllOnTheDiskThatWasRecordedBeforeAFlush) {
    Drafts recorder(writer(), surroundings(), 10);
    recorder.flush();
    for (std::int64_t cost = 1; cost <= 3; ++cost) {
        ASSERT_TRUE(recorder.record(std::make_unique<std::int64_t>(cost)));
        recorder.flush();
        EXPECT_EQ(folder.read().back().cost, MicroUsd{cost});
    }
    EXPECT_EQ(recorder.counts().written, 3U);
}

TEST_F(RecorderTest, WritesWhatWaitsBeforeItEnds) {
    {
        Drafts recorder(writer(), surroundings(), 10);
        ASSERT_TRUE(recorder.record(std::make_unique<std::int64_t>(7)));
    }
    ASSERT_EQ(folder.read().size(), 1U);
}

TEST_F(RecorderTest, WritesEachOnceThatManyThreadsRecord) {
    constexpr std::int64_t kThreads = 4, kEach = 500;
    {
        Drafts recorder(writer(), surroundings(), kThreads * kEach);
        std::vector<std::thread> threads;
        for (std::int64_t t = 0; t < kThreads; ++t) {
            threads.emplace_back([&recorder, t]() {
                for (std::int64_t i = 0; i < kEach; ++i) {
                    EXPECT_TRUE(recorder.record(std::make_unique<std::int64_t>(t * kEach + i)));
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
        Drafts recorder(writer(), surroundings(), kEvents);
        for (std::int64_t i = 0; i < kEvents; ++i) {
            EXPECT_TRUE(recorder.record(std::make_unique<std::int64_t>(i)));
            recorder.flush();
        }
    }
    over = true;
    reader.join();
    EXPECT_EQ(seen, static_cast<std::size_t>(kEvents));
}

TEST_F(RecorderTest, RefusesAndCountsWhatItsQueueCannotHold) {
    std::promise<void> reached, go_on;
    Drafts::Surroundings slow = surroundings();
    slow.fill = [&, first = true](const std::unique_ptr<std::int64_t>& cost, Event& event) mutable {
        if (std::exchange(first, false)) {
            reached.set_value();
            go_on.get_future().wait();
        }
        fill(cost, event);
    };
    {
        Drafts recorder(writer(), std::move(slow), 2);
        ASSERT_TRUE(recorder.record(std::make_unique<std::int64_t>(1)));
        reached.get_future().wait();  // its thread has taken the first, and the queue is empty
        EXPECT_TRUE(recorder.record(std::make_unique<std::int64_t>(2)));
        EXPECT_TRUE(recorder.record(std::make_unique<std::int64_t>(3)));
        EXPECT_FALSE(recorder.record(std::make_unique<std::int64_t>(4)));
        EXPECT_EQ(recorder.counts().refused, 1U);
        go_on.set_value();
        recorder.flush();
        EXPECT_EQ(recorder.counts().written, 3U);
    }
    EXPECT_EQ(folder.read().back().cost, MicroUsd{3});
}

}  // namespace
}  // namespace vidai::mesh::usage
