// SPDX-License-Identifier: Apache-2.0
// The window over a modelled link: bulk as fast as the window lets it, and how long a probe that
// comes at any time waits behind it.
#include "mesh/rpc/bulk_window.h"

#include <deque>

#include <gtest/gtest.h>

namespace vidai::mesh::rpc {
namespace {

using namespace std::chrono_literals;

struct Link {
    double bytes_per_second;
    Duration round_trip;
};
struct Seen {
    Duration longest_wait{};  // behind bulk, once it has settled
    double bytes_per_second = 0;
};

Seen fill(const Link& link, Duration span) {
    BulkWindow window;
    struct Call {
        std::size_t bytes;
        MonoTime start, answered;
    };
    std::deque<Call> calls;
    MonoTime now{1h}, free_at{now};
    const MonoTime end = now + span, settled = now + span / 4;
    Seen seen;
    double bytes = 0;
    while (now < end) {
        while (!calls.empty() && calls.front().answered <= now) {
            const Call& call = calls.front();
            window.answered(call.bytes, now - call.start, now);
            window.end(call.bytes);
            if (now > settled) bytes += static_cast<double>(call.bytes);
            calls.pop_front();
        }
        while (window.room() > 0) {
            const std::size_t size = std::min(window.room(), window.chunk());
            const auto takes = std::chrono::duration_cast<Duration>(
                std::chrono::duration<double>(static_cast<double>(size) / link.bytes_per_second));
            free_at = std::max(free_at, now) + takes;
            calls.push_back({size, now, free_at + link.round_trip});
            window.begin(size);
        }
        if (now > settled) seen.longest_wait = std::max(seen.longest_wait, free_at - now);
        now += 1ms;
    }
    seen.bytes_per_second = bytes / std::chrono::duration<double>(end - settled).count();
    return seen;
}

TEST(BulkWindow, KeepsAProbeFromWaitingOnASlowLink) {
    const Seen seen = fill({50'000, 20ms}, 60s);
    EXPECT_LE(seen.longest_wait, 300ms);
    EXPECT_GE(seen.bytes_per_second, 30'000);
}

TEST(BulkWindow, FillsALinkThatIsFast) {
    const Seen ten_megabit = fill({1'250'000, 20ms}, 20s);
    EXPECT_LE(ten_megabit.longest_wait, 100ms);
    EXPECT_GE(ten_megabit.bytes_per_second, 900'000);
    const Seen far = fill({12'500'000, 100ms}, 20s);
    EXPECT_GE(far.bytes_per_second, 500'000) << "64 KiB a round trip";
}

TEST(BulkWindow, GoesOnOnALinkThatHardlyMoves) {
    const Seen seen = fill({2'000, 200ms}, 120s);
    EXPECT_GE(seen.bytes_per_second, 1'000);
    EXPECT_LE(seen.longest_wait, 4s) << "two chunks of the least window";
}

TEST(BulkWindow, LetsWhatIsLargerThanItselfThroughAlone) {
    BulkWindow window;
    EXPECT_TRUE(window.takes(40 * 1024));
    window.begin(100);
    EXPECT_FALSE(window.takes(40 * 1024));
    EXPECT_TRUE(window.takes(1024));
}

}  // namespace
}  // namespace vidai::mesh::rpc
