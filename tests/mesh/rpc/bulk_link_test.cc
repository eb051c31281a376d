// SPDX-License-Identifier: Apache-2.0
// Two real sessions over a link of a given rate, in real time: one node is told all that the other
// counts while both probe each other. What it prints are the figures of
// docs/reference/mesh-figures.md; what it demands is only that the sync ends and probes get
// through.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <kj/async-io.h>

#include "mesh/clock.h"
#include "mesh/limits/counter_puller.h"
#include "mesh/rpc/peer_server.h"
#include "mesh/rpc/session.h"
#include "mesh/wire/message.h"

namespace vidai::mesh::rpc {
namespace {

const Clock& time_of_tests() {
    static const std::shared_ptr<const Clock> clock = system_clock();
    return *clock;
}
MonoTime mono_now() {
    return time_of_tests().mono_now();
}
WallTime wall_now() {
    return time_of_tests().wall_now();
}

using namespace std::chrono_literals;
namespace ms = vidai::mesh::membership;

// What is written leaves at `bytes_per_second`, and everything behind it waits.
class SlowStream final : public kj::AsyncIoStream {
  public:
    SlowStream(kj::Own<kj::AsyncIoStream> inner, kj::Timer& timer, double bytes_per_second)
        : inner_(kj::mv(inner)), timer_(timer), bytes_per_second_(bytes_per_second) {}

    kj::Promise<std::size_t> tryRead(void* buffer, std::size_t min, std::size_t max) override {
        return inner_->tryRead(buffer, min, max);
    }
    kj::Promise<void> write(const void* buffer, std::size_t size) override {
        bytes += size;
        const auto takes =
            static_cast<std::int64_t>(1e9 * static_cast<double>(size) / bytes_per_second_);
        return timer_.afterDelay(takes * kj::NANOSECONDS).then([this, buffer, size]() {
            return inner_->write(buffer, size);
        });
    }
    kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override {
        auto whole = kj::heap<std::vector<kj::byte>>();
        for (const auto& piece : pieces) whole->insert(whole->end(), piece.begin(), piece.end());
        auto sent = write(whole->data(), whole->size());
        return sent.attach(kj::mv(whole));
    }
    kj::Promise<void> whenWriteDisconnected() override { return inner_->whenWriteDisconnected(); }
    void shutdownWrite() override { inner_->shutdownWrite(); }
    void abortRead() override { inner_->abortRead(); }

    std::size_t bytes = 0;

  private:
    kj::Own<kj::AsyncIoStream> inner_;
    kj::Timer& timer_;
    const double bytes_per_second_;
};

seal::PeerIdentity identity(const char* node) {
    seal::PeerIdentity who;
    who.node = NodeId(node);
    return who;
}

class Node final : public PeerCalls {
  public:
    Node(const char* name, std::size_t keys) : name_(name), store(table, name_, Generation{1}, {}) {
        for (std::size_t n = 0; n < keys; ++n) {
            const Slot slot = *store.bind(KeyId("abcdef" + std::to_string(100'000 + n)), kLimits);
            (void)table.admit(slot, kLimits, {1, Tokens{}}, wall_now());
        }
        while (!store.collect(mono_now(), wall_now(), 2, true).cells.empty()) {
        }
    }

    void start(kj::Own<kj::AsyncIoStream> stream, ::capnp::rpc::twoparty::Side side,
               kj::Timer& timer, const char* peer) {
        auto server = kj::heap<PeerServer>(identity(peer), *this, traffic_, time_of_tests());
        session = kj::heap<Session>(kj::mv(stream), side, kj::mv(server), wire::kPeerWordsMax,
                                    timer, traffic_, time_of_tests());
    }

    void probe() {
        sent_[++seq_] = mono_now();
        session->deliver(ms::Ping{seq_, {NodeId("x"), {}, ms::Status::kAlive}});
    }

    // One page after another, as the exchange asks for them.
    kj::Promise<void> pull_all(kj::Timer& timer, const NodeId& from) {
        const auto room = [this](const NodeId&) {
            const BulkWindow& bulk = session->bulk();
            return std::min(bulk.room(), bulk.chunk()) / wire::kCellBytes;
        };
        limits::CounterAsks asks = puller.on_interval(mono_now(), wall_now(), 2, room);
        if (asks.empty()) {
            return timer.afterDelay(10 * kj::MILLISECONDS).then([this, &timer, from]() {
                return pull_all(timer, from);
            });
        }
        ++pages;
        return session->pull_counters(asks[0].pull)
            .then([this, &timer, from,
                   token = asks[0].token](Result<limits::CellPage>&& page) -> kj::Promise<void> {
                if (!page) {
                    puller.on_failure(from, token, mono_now());
                    return pull_all(timer, from);
                }
                for (const limits::CellBatch& batch : page->batches) {
                    cells += store.merge(batch, mono_now(), wall_now()).applied;
                }
                if (puller.on_page(from, token, page->next, mono_now())) return kj::READY_NOW;
                return pull_all(timer, from);
            });
    }

    bool admits(const NodeId&, transport::TrafficKind, std::uint64_t) override { return true; }
    void on_message(const NodeId&, const ms::Message& message) override {
        if (const auto* ping = std::get_if<ms::Ping>(&message)) {
            session->deliver(ms::Ack{ping->seq});
        } else if (const auto* ack = std::get_if<ms::Ack>(&message)) {
            round_trips.push_back(mono_now() - sent_.at(ack->seq));
        }
    }
    limits::CellPage cells_for(const NodeId&, const limits::CellPull& pull) override {
        return store.page(pull);
    }
    void on_counters(const NodeId&, const wire::CounterPush&) override {}
    void on_relayed(const NodeId&, const wire::SignedBatches&) override {}
    void on_registers(const NodeId&, wire::RegisterPage) override {}
    state::Page page_for(const NodeId&, const wire::RegisterPull&) override { return {}; }
    std::uint64_t digest_now() override { return 0; }
    bool holds(const state::RegisterName&, state::Hlc) override { return false; }
    seal::Bytes renew_for(const seal::PeerIdentity&) override { return {}; }
    seal::Bytes rotate_for(const seal::PeerIdentity&, const seal::PublicKey&,
                           const seal::Signature&) override {
        return {};
    }
    void on_money(const NodeId&, std::span<const seal::ByteView>) override {}
    void on_keep_usage(const NodeId&, const wire::KeepUsage&) override {}
    void on_usage_kept(const NodeId&, wire::UsageKept) override {}
    void on_turned_away(const NodeId&, const std::string&) override {}
    void on_malformed(const NodeId&, const Error& why) override { ADD_FAILURE() << why.message; }

  private:
    using Slot = limits::Slot;
    static constexpr state::KeyLimits kLimits{1'000, {}, {}};
    const NodeId name_;
    transport::PeerTraffic traffic_;
    std::uint64_t seq_ = 0;
    std::map<std::uint64_t, MonoTime> sent_;

  public:
    limits::CounterTable table{16'384};
    limits::CounterStore store;
    limits::CounterPuller puller{store};
    kj::Own<Session> session;
    std::vector<Duration> round_trips;
    std::size_t cells = 0;
    int pages = 0;
};

struct Seen {
    double seconds = 0, p50_ms = 0, most_ms = 0;
    std::size_t cells = 0, probes = 0;
};

kj::Promise<void> probing(kj::Timer& timer, kj::Duration pause, Node& a, Node& b) {
    a.probe();
    b.probe();
    return timer.afterDelay(pause).then(
        [&timer, pause, &a, &b]() { return probing(timer, pause, a, b); });
}

Seen sync_over(double bytes_per_second, std::size_t keys,
               kj::Duration probe_pause = 50 * kj::MILLISECONDS) {
    auto io = kj::setupAsyncIo();
    kj::Timer& timer = io.provider->getTimer();
    Node full("full", keys), empty("empty", 0);
    auto pipe = kj::newTwoWayPipe();
    using Side = ::capnp::rpc::twoparty::Side;
    full.start(kj::heap<SlowStream>(kj::mv(pipe.ends[0]), timer, bytes_per_second), Side::CLIENT,
               timer, "empty");
    empty.start(kj::heap<SlowStream>(kj::mv(pipe.ends[1]), timer, bytes_per_second), Side::SERVER,
                timer, "full");
    auto probes = probing(timer, probe_pause, full, empty).eagerlyEvaluate(nullptr);
    empty.puller.on_connected(NodeId("full"), mono_now());
    const MonoTime start = mono_now();
    auto late = timer.afterDelay(50 * kj::SECONDS);
    empty.pull_all(timer, NodeId("full")).exclusiveJoin(kj::mv(late)).wait(io.waitScope);
    Seen seen;
    seen.seconds = std::chrono::duration<double>(mono_now() - start).count();
    seen.cells = empty.cells;
    std::vector<Duration> all = empty.round_trips;
    all.insert(all.end(), full.round_trips.begin(), full.round_trips.end());
    std::ranges::sort(all);
    seen.probes = all.size();
    if (!all.empty()) {
        seen.p50_ms = static_cast<double>(all[all.size() / 2].count()) / 1e6;
        seen.most_ms = static_cast<double>(all.back().count()) / 1e6;
    }
    std::printf(
        "%.0f kB/s: %zu cells in %d pages and %.2f s; %zu probes, round trip p50 %.1f ms, "
        "most %.1f ms\n",
        bytes_per_second / 1e3, seen.cells, empty.pages, seen.seconds, seen.probes, seen.p50_ms,
        seen.most_ms);
    // Calls that are under way end with their sessions, before the loop does.
    probes = nullptr;
    full.session = nullptr;
    empty.session = nullptr;
    return seen;
}

TEST(BulkLink, AFullSyncAtTenMegabitLeavesProbesAlone) {
    const Seen seen = sync_over(1'250'000, 12'000);
    EXPECT_EQ(seen.cells, 12'000u);
    EXPECT_GT(seen.probes, 0u);
    EXPECT_LT(seen.most_ms, 1'000);
}

// Once everything had to be taken within five seconds a message: here it never ended.
TEST(BulkLink, AFullSyncAtFiftyKilobytesASecondEnds) {
    const Seen seen = sync_over(50'000, 4'000);
    EXPECT_EQ(seen.cells, 4'000u);
    EXPECT_GT(seen.probes, 10u);
    EXPECT_LT(seen.most_ms, 3'000);
}

TEST(BulkLink, AFullSyncEndsOnALinkThatHardlyMoves) {
    // Probes as often as nodes make them: more often they would fill it themselves.
    EXPECT_EQ(sync_over(6'000, 400, 500 * kj::MILLISECONDS).cells, 400u);
}

}  // namespace
}  // namespace vidai::mesh::rpc
