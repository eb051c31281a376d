// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>

#include "schema/base/histogram.h"
#include "schema/base/mailbox.h"
#include "schema/base/rng.h"
#include "schema/base/secret.h"
#include "schema/base/snapshot.h"
#include "schema/base/time_text.h"
#include "schema/base/token_bucket.h"
#include "schema/base/wake_list.h"

namespace vidai {
namespace {

TEST(Histogram, EveryBucketHoldsItsOwnTopAndNotTheNextValue) {
    for (std::size_t b = 0; b + 1 < kHistogramBuckets; ++b) {
        const std::uint64_t top = histogram_bucket_top(b);
        ASSERT_EQ(histogram_bucket(top), b);
        ASSERT_EQ(histogram_bucket(top + 1), b + 1);
    }
    EXPECT_EQ(histogram_bucket(UINT64_MAX), kHistogramBuckets - 1);
}

TEST(Histogram, QuantilesAreWithinAThirtySecond) {
    Histogram h;
    for (std::uint64_t v = 1; v <= 100'000; ++v) h.record(v * 10);
    HistogramSum sum;
    h.add_to(sum);
    EXPECT_EQ(sum.count(), 100'000u);
    EXPECT_EQ(sum.max(), 1'000'000u);
    for (const double q : {0.5, 0.9, 0.99, 0.999}) {
        const double truth = q * 1'000'000;
        EXPECT_NEAR(static_cast<double>(sum.quantile(q)), truth, truth / 32) << q;
    }
    EXPECT_EQ(sum.quantile(1.0), 1'000'000u);
}

TEST(Histogram, MergedEqualsRecordedTogether) {
    Rng rng(7);
    Histogram one, two, both;
    for (int i = 0; i < 10'000; ++i) {
        const std::uint64_t v = rng.below(1u << 30);
        (i % 3 == 0 ? one : two).record(v);
        both.record(v);
    }
    HistogramSum merged, part, whole;
    one.add_to(merged);
    two.add_to(part);
    merged.merge(part);
    both.add_to(whole);
    for (const double q : {0.0, 0.1, 0.5, 0.99, 1.0}) {
        EXPECT_EQ(merged.quantile(q), whole.quantile(q));
    }
    EXPECT_EQ(merged.sum(), whole.sum());
}

TEST(Mailbox, KeepsOrderRefusesBeyondItsBoundAndWakes) {
    Mailbox<int> box(2);
    EXPECT_TRUE(box.push(1));
    EXPECT_TRUE(box.push(2));
    EXPECT_FALSE(box.push(3));
    pollfd waiting{box.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&waiting, 1, 0), 1);
    std::vector<int> got;
    box.drain(got);
    EXPECT_EQ(got, (std::vector<int>{1, 2}));
    EXPECT_EQ(::poll(&waiting, 1, 0), 0);
}

TEST(Mailbox, LosesNothingBetweenThreads) {
    constexpr int kEach = 20'000;
    Mailbox<int> box(1 << 20);
    std::vector<std::jthread> senders;
    for (int s = 0; s < 3; ++s) {
        senders.emplace_back([&box] {
            for (int i = 0; i < kEach; ++i) ASSERT_TRUE(box.push(int{i}));
        });
    }
    std::vector<int> got;
    while (got.size() < 3 * kEach) {
        pollfd waiting{box.fd(), POLLIN, 0};
        ASSERT_EQ(::poll(&waiting, 1, 10'000), 1) << "a wake-up was lost after " << got.size();
        box.drain(got);
    }
    EXPECT_EQ(got.size(), 3u * kEach);
}

TEST(Snapshot, ReadersSeeTheNewestValueAndOnlyWhenItMoved) {
    Snapshot<int> source(std::make_shared<const int>(1));
    SnapshotReader<int> reader(source);
    EXPECT_FALSE(reader.refresh());
    source.publish(std::make_shared<const int>(2));
    EXPECT_EQ(*reader, 1);
    EXPECT_TRUE(reader.refresh());
    EXPECT_EQ(*reader, 2);
}

TEST(Snapshot, IsConsistentAcrossThreads) {
    using Pair = std::pair<int, int>;
    Snapshot<Pair> source(std::make_shared<const Pair>(0, 0));
    std::jthread writer([&source](const std::stop_token& stop) {
        for (int i = 1; !stop.stop_requested(); ++i)
            source.publish(std::make_shared<const Pair>(i, -i));
    });
    SnapshotReader<Pair> reader(source);
    int last = 0;
    for (int i = 0; i < 50'000; ++i) {
        reader.refresh();
        ASSERT_EQ(reader->first, -reader->second);
        ASSERT_GE(reader->first, last);
        last = reader->first;
    }
}

TEST(Rng, OneSeedGivesOneSequenceForEver) {
    Rng rng(42);
    EXPECT_EQ(rng.next(), 1546998764402558742u);
    EXPECT_EQ(Rng(42).next(), Rng(42).next());
    EXPECT_NE(Rng(42).next(), Rng(43).next());
}

TEST(Rng, BelowIsUniform) {
    Rng rng(1);
    std::array<int, 7> seen{};
    for (int i = 0; i < 70'000; ++i) ++seen[rng.below(7)];
    for (const int n : seen) EXPECT_NEAR(n, 10'000, 500);
    EXPECT_EQ(rng.below(0), 0u);
    EXPECT_EQ(rng.below(1), 0u);
}

TEST(Secret, MovesAwayWithoutLeavingACopy) {
    Secret one(std::string("a canary that is longer than the small string buffer"));
    const Secret two = std::move(one);
    EXPECT_TRUE(one.empty());  // NOLINT(bugprone-use-after-move): that is the point
    EXPECT_EQ(two.reveal().substr(0, 8), "a canary");
}

TEST(TokenBucket, LetsABurstThroughAndThenSoMuchASecond) {
    using namespace std::chrono_literals;
    constexpr RateLimit kLimit{2, 5};
    constexpr MonoTime kStart{1h};
    TokenBucket bucket;
    EXPECT_TRUE(bucket.take(5, kLimit, kStart));
    EXPECT_FALSE(bucket.take(1, kLimit, kStart));
    EXPECT_FALSE(bucket.has(1, kLimit, kStart + 400ms));
    EXPECT_TRUE(bucket.has(1, kLimit, kStart + 500ms)) << "what was refused costs nothing";
    EXPECT_TRUE(bucket.take(1, kLimit, kStart + 500ms));
    EXPECT_FALSE(bucket.take(6, kLimit, kStart + 1h)) << "more than a burst is never let through";
    EXPECT_TRUE(bucket.take(5, kLimit, kStart + 1h));
    EXPECT_EQ(bucket.used_at(), kStart + 1h);
}

bool readable(const WakeFd& wake) {
    pollfd watched{wake.fd(), POLLIN, 0};
    return ::poll(&watched, 1, 0) == 1;
}

TEST(WakeList, SignalsAllThatAreInItWhetherTheyWaitOrNot) {
    WakeList list;
    WakeFd first, second, left;
    list.add(first);
    list.add(second);
    list.add(left);
    list.remove(left);
    EXPECT_FALSE(readable(first));
    list.signal();
    list.signal();
    EXPECT_TRUE(readable(first));
    EXPECT_TRUE(readable(second));
    EXPECT_FALSE(readable(left));
    first.clear();
    EXPECT_FALSE(readable(first)) << "one look answers all signals before it";
    EXPECT_TRUE(readable(second));
}

// One thread tells two of each of its steps, and they look only when told: neither misses the last.
TEST(WakeList, LosesNoSignalThatComesBetweenALookAndTheWaiting) {
    WakeList list;
    std::atomic<int> step{0};
    constexpr int kSteps = 2'000;
    const auto follow = [&] {
        WakeFd wake;
        list.add(wake);
        while (step.load() < kSteps) {
            pollfd watched{wake.fd(), POLLIN, 0};
            ASSERT_EQ(::poll(&watched, 1, 30'000), 1);
            wake.clear();
        }
        list.remove(wake);
    };
    std::thread one(follow), two(follow);
    for (int i = 0; i < kSteps; ++i) {
        ++step;
        list.signal();
    }
    one.join();
    two.join();
}

TEST(TimeText, IsATimeOfDayInUtcToTheMillisecond) {
    EXPECT_EQ(time_text(WallTime{}), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(time_text(WallTime(std::chrono::milliseconds(1'795'331'766'123))),
              "2026-11-22T07:16:06.123Z");
}

}  // namespace
}  // namespace vidai
