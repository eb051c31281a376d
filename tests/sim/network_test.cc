// SPDX-License-Identifier: Apache-2.0
// The model of loss beside the kernel's TCP. Measured once on Linux 6.18: connections between two
// network namespaces, iptables dropping 30 % of packets each way at random, 150 bytes each way
// every 250 ms (20 connections, 150 s) or 50 ms (10 connections, 80 s), TCP_NODELAY, a user timeout
// of 10 s; half of them died meanwhile. The model is milder than the kernel with few messages and
// harsher with many, within a factor of three up to a second.
#include "tests/sim/network.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace vidai::sim {
namespace {

using mesh::membership::Dial;
using mesh::membership::DialFailure;
using mesh::membership::LinkEnd;
using mesh::membership::Message;
using mesh::membership::Ping;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Pairs of nodes that ping each other every 250 ms, and how late each ping was.
class Pingers : private Receiver {
  public:
    Pingers(std::uint32_t pairs, double loss, Duration every)
        : names_(2 * pairs),
          network_(scheduler_, *this,
                   {.latency = milliseconds(1), .loss = loss, .user_timeout = seconds(10)},
                   2 * pairs, 7),
          every_(every) {
        for (std::uint32_t i = 0; i < 2 * pairs; ++i) {
            names_[i] = NodeId("n" + std::to_string(i));
            network_.start(i);
        }
        for (std::uint32_t i = 0; i < 2 * pairs; i += 2) dial(i);
        run(seconds(20));
        for (std::uint32_t i = 0; i < 2 * pairs; ++i) ping(i);
    }

    void run(Duration span) {
        const MonoTime end = scheduler_.now() + span;
        while (scheduler_.run_one(end)) {
        }
    }
    double later_than(Duration delay) const {
        const auto late = std::count_if(delays_.begin(), delays_.end(),
                                        [&](Duration had) { return had > delay; });
        return static_cast<double>(late) / static_cast<double>(delays_.size());
    }
    std::uint32_t died() const { return died_; }

  private:
    void dial(std::uint32_t from) {
        network_.dial(from, {names_[from + 1].str(), names_[from + 1], seconds(30)});
    }
    void ping(std::uint32_t from) {
        sent_.push_back(scheduler_.now());
        network_.send(from, from ^ 1, Message(Ping{sent_.size() - 1, {}}));
        scheduler_.after(every_, [this, from] { ping(from); });
    }
    void connected(std::uint32_t, std::uint32_t) override {}
    void disconnected(std::uint32_t node, std::uint32_t, LinkEnd) override {
        ++died_;
        dial(node & ~1U);
    }
    void dial_failed(std::uint32_t node, const Dial&, DialFailure) override { dial(node); }
    void arrived(std::uint32_t, std::uint32_t, const Packet& packet) override {
        const auto& ping = std::get<Ping>(std::get<Message>(packet));
        delays_.push_back(scheduler_.now() - sent_[ping.seq]);
    }
    std::optional<std::uint32_t> owner(std::uint32_t, const std::string& address) override {
        return static_cast<std::uint32_t>(std::stoul(address.substr(1)));
    }
    const NodeId& name(std::uint32_t node) const override { return names_[node]; }

    Scheduler scheduler_;
    std::vector<NodeId> names_;
    Network network_;
    std::vector<MonoTime> sent_;
    std::vector<Duration> delays_;
    std::uint32_t died_ = 0;
    Duration every_;
};

TEST(Loss, DelaysAsTheKernelsTcpDoes) {
    struct {
        Duration every;
        double late, half, one, three, six;  // shares that the kernel had
    } const measured[] = {{milliseconds(250), 0.47, 0.23, 0.125, 0.031, 0.009},
                          {milliseconds(50), 0.51, 0.25, 0.15, 0.051, 0.016}};
    for (const auto& kernel : measured) {
        Pingers pingers(100, 0.3, kernel.every);
        pingers.run(seconds(150));
        const auto near = [&](Duration delay, double share, double factor) {
            const double got = pingers.later_than(delay);
            EXPECT_GT(got, share / factor) << delay / milliseconds(1);
            EXPECT_LT(got, share * factor) << delay / milliseconds(1);
        };
        near(milliseconds(100), kernel.late, 1.3);
        near(milliseconds(500), kernel.half, 2.5);
        near(milliseconds(1000), kernel.one, 3);
        near(milliseconds(3000), kernel.three, 4.5);
        EXPECT_LT(pingers.later_than(milliseconds(6000)), kernel.six * 2);
        EXPECT_GT(pingers.died(), 5U);
        EXPECT_LT(pingers.died(), 120U);
    }
}

TEST(Loss, OfNothingDelaysNothing) {
    Pingers pingers(10, 0, milliseconds(250));
    pingers.run(seconds(150));
    EXPECT_EQ(pingers.later_than(milliseconds(2)), 0);
    EXPECT_EQ(pingers.died(), 0U);
}

// Who hears of a dial, and no more.
class Hears : public Receiver {
  public:
    void connected(std::uint32_t, std::uint32_t) override { ++connects; }
    void disconnected(std::uint32_t, std::uint32_t, LinkEnd) override {}
    void dial_failed(std::uint32_t, const Dial&, DialFailure why) override {
        failures.push_back(why);
    }
    void arrived(std::uint32_t, std::uint32_t, const Packet&) override {}
    std::optional<std::uint32_t> owner(std::uint32_t, const std::string&) override { return 1; }
    const NodeId& name(std::uint32_t node) const override { return names[node]; }

    NodeId names[2] = {NodeId("a"), NodeId("b")};
    int connects = 0;
    std::vector<DialFailure> failures;
};

TEST(Dials, ThatSomebodyElseAnswersDoNotConnect) {
    Scheduler scheduler;
    Hears heard;
    Network network(scheduler, heard, {.latency = milliseconds(1)}, 2, 7);
    network.start(0);
    network.start(1);
    const auto dial = [&](const NodeId& expected) {
        network.dial(0, {"b:1", expected, seconds(3)});
        while (scheduler.run_one(scheduler.now() + seconds(5))) {
        }
    };
    dial(NodeId("c"));
    EXPECT_EQ(heard.failures, std::vector{DialFailure::kRejected});
    EXPECT_EQ(heard.connects, 0);
    EXPECT_FALSE(network.connected(0, 1));
    dial(NodeId("b"));
    EXPECT_EQ(heard.connects, 2);
    EXPECT_TRUE(network.connected(0, 1));
}

}  // namespace
}  // namespace vidai::sim
