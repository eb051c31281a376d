// SPDX-License-Identifier: Apache-2.0
// What a peer may have a node do for it, though its questions are small.
#include "mesh/rpc/peer_server.h"

#include <gtest/gtest.h>
#include <kj/async-io.h>
#include <kj/async.h>

#include "mesh/rpc/peer_quota.h"
#include "mesh/rpc/session.h"
#include "mesh/wire/message.h"
#include "tests/mesh/state/origins.h"

namespace vidai::mesh::rpc {
namespace {

constexpr MonoTime kNow{std::chrono::hours(1)};

// Counts what gets past the quota, at a time that stands still.
class Calls final : public PeerCalls {
  public:
    int signed_ = 0, looked_up = 0;
    state::Page page;  // its answers
    limits::CellPage cells;

    bool admits(const NodeId& from, transport::TrafficKind kind, std::uint64_t bytes) override {
        return quota_.take(from, kind, bytes, kNow);
    }
    bool holds(const state::RegisterName&, state::Hlc) override { return ++looked_up > 0; }
    seal::Bytes renew_for(const seal::PeerIdentity&) override {
        ++signed_;
        return {};
    }
    seal::Bytes rotate_for(const seal::PeerIdentity&, const seal::PublicKey&,
                           const seal::Signature&) override {
        ++signed_;
        return {};
    }
    void on_message(const NodeId&, const membership::Message&) override {}
    void on_counters(const NodeId&, const wire::CounterPush&) override {}
    void on_relayed(const NodeId&, const wire::SignedBatches&) override {}
    void on_registers(const NodeId&, wire::RegisterPage) override {}
    state::Page page_for(const NodeId&, const wire::RegisterPull&) override { return page; }
    limits::CellPage cells_for(const NodeId&, const limits::CellPull&) override { return cells; }
    std::uint64_t digest_now() override { return 0; }
    void on_money(const NodeId&, std::span<const seal::ByteView> said) override {
        for (const seal::ByteView one : said) money.emplace_back(one.begin(), one.end());
    }
    void on_keep_usage(const NodeId&, const wire::KeepUsage&) override { ++copies; }
    void on_usage_kept(const NodeId&, wire::UsageKept said) override { kept = std::move(said); }
    void on_turned_away(const NodeId&, const std::string&) override {}
    void on_malformed(const NodeId&, const Error&) override { ++malformed; }
    int copies = 0, malformed = 0;
    std::optional<wire::UsageKept> kept;
    std::vector<seal::Bytes> money;

  private:
    PeerQuota quota_;
};

class PeerServing : public ::testing::Test {
  protected:
    // KJ's own may throw when destroyed, and a test must not.
    const std::unique_ptr<kj::EventLoop> loop_ = std::make_unique<kj::EventLoop>();
    const std::unique_ptr<kj::WaitScope> scope_ = std::make_unique<kj::WaitScope>(*loop_);
    Calls calls_;
    transport::PeerTraffic traffic_;
    const std::shared_ptr<const Clock> clock_ = system_clock();

    static seal::PeerIdentity noisy() {
        seal::PeerIdentity who;
        who.node = NodeId("noisy");
        return who;
    }
    proto::Peer::Client peer() { return kj::heap<PeerServer>(noisy(), calls_, traffic_, *clock_); }
    // How many of 10,000 the node answers.
    template <class Ask>
    int answered(Ask ask) {
        int count = 0;
        for (int i = 0; i < 10'000; ++i) {
            const bool fine = ask()
                                  .then([](auto&&) { return true; },
                                        [](kj::Exception&& e) {
                                            EXPECT_EQ(e.getType(), kj::Exception::Type::OVERLOADED);
                                            return false;
                                        })
                                  .wait(*scope_);
            count += fine ? 1 : 0;
        }
        return count;
    }
};

TEST_F(PeerServing, SignsABoundedNumberOfCertificatesAtOnce) {
    proto::Peer::Client client = peer();
    const int count = answered([&]() { return client.renewCertificateRequest().send(); });
    EXPECT_EQ(count, calls_.signed_);
    EXPECT_GE(count, 16) << "whoever asks a few times is heard";
    EXPECT_LE(count, 64);
}

TEST_F(PeerServing, SignsNoMoreForNextKeys) {
    proto::Peer::Client client = peer();
    const int count = answered([&]() {
        auto request = client.rotateKeyRequest();
        request.initKey(32);
        request.initProof(64);
        return request.send();
    });
    EXPECT_EQ(count, calls_.signed_);
    EXPECT_GE(count, 16);
    EXPECT_LE(count, 64);
}

TEST_F(PeerServing, SignsNoMoreForThoseUnderARetiredRoot) {
    proto::Peer::Client client = kj::heap<ReturnServer>(noisy(), calls_);
    const int count = answered([&]() { return client.renewCertificateRequest().send(); });
    EXPECT_GE(count, 16);
    EXPECT_LE(calls_.signed_, 64);
}

TEST_F(PeerServing, LooksUpABoundedNumberOfRegistersAtOnce) {
    proto::Peer::Client client = peer();
    const int count = answered([&]() { return client.holdsRequest().send(); });
    EXPECT_EQ(count, calls_.looked_up);
    EXPECT_GE(count, 1'000);
    EXPECT_LE(count, 4'096);
}

TEST_F(PeerServing, TakesABoundedNumberOfCopiesAtOnce) {
    proto::Peer::Client client = peer();
    const int count = answered([&]() {
        auto request = client.keepUsageRequest();
        request.initOrigin(32);
        request.initProof(64);
        return request.send();
    });
    EXPECT_EQ(count, calls_.copies);
    EXPECT_GE(count, 1'000);
    EXPECT_LE(count, 2'048);
}

TEST_F(PeerServing, RefusesWhatIsNoCopyOfUsage) {
    proto::Peer::Client client = peer();
    const auto keep = [&](unsigned origin, unsigned proof, unsigned batch) {
        auto request = client.keepUsageRequest();
        request.initOrigin(origin);
        request.initProof(proof);
        request.initBatch(batch);
        return request.send()
            .then([](auto&&) { return true; }, [](kj::Exception&&) { return false; })
            .wait(*scope_);
    };
    EXPECT_TRUE(keep(32, 64, wire::kUsageBatchMax));
    EXPECT_FALSE(keep(32, 64, wire::kUsageBatchMax + 1));
    EXPECT_FALSE(keep(31, 64, 0));
    EXPECT_FALSE(keep(32, 65, 0));
    EXPECT_EQ(calls_.copies, 1);
    EXPECT_EQ(calls_.malformed, 3);
}

TEST_F(PeerServing, HearsAllWordsOfACallInTheirOrder) {
    const auto said = [&](std::uint8_t more) {
        auto request = peer().tellMoneyRequest();
        request.setSaid(wire::to_data(seal::Bytes{0}));
        auto rest = request.initMore(more);
        for (std::uint8_t i = 0; i < more; ++i) rest.set(i, wire::to_data(seal::Bytes(2, i)));
        request.send().wait(*scope_);
    };
    said(0);  // as a program does that cannot say more at once
    said(2);
    EXPECT_EQ(calls_.money, (std::vector<seal::Bytes>{{0}, {0}, {0, 0}, {1, 1}}));
}

TEST_F(PeerServing, RefusesACallOfTooManyWords) {
    const auto taken = [&](unsigned more) {
        auto request = peer().tellMoneyRequest();
        request.initMore(more);
        return request.send()
            .then([](auto&&) { return true; }, [](kj::Exception&&) { return false; })
            .wait(*scope_);
    };
    EXPECT_TRUE(taken(kWordsTogether - 1));
    EXPECT_FALSE(taken(kWordsTogether));
    EXPECT_EQ(calls_.malformed, 1);
}

TEST_F(PeerServing, TakesRunsThatAreRuns) {
    proto::Peer::Client client = peer();
    const auto kept = [&](std::vector<usage::Span> runs) {
        auto request = client.usageKeptRequest();
        request.initOrigin(32);
        wire::write(runs, request.initRuns(static_cast<unsigned>(runs.size())));
        return request.send()
            .then([](auto&&) { return true; }, [](kj::Exception&&) { return false; })
            .wait(*scope_);
    };
    EXPECT_TRUE(kept({{1, 3}, {7, 7}, {4, 5}}));
    ASSERT_TRUE(calls_.kept);
    EXPECT_EQ(calls_.kept->held.spans(), (std::vector<usage::Span>{{1, 5}, {7, 7}}));
    EXPECT_FALSE(kept({{0, 3}}));
    EXPECT_FALSE(kept({{4, 3}}));
    EXPECT_FALSE(kept(std::vector<usage::Span>(wire::kUsageRunsMax + 1, {1, 1})));
    EXPECT_EQ(calls_.malformed, 3);
}

class Asking : public ::testing::Test {
  protected:
    Asking() {
        auto pipe = kj::newTwoWayPipe();
        them_ = session(kj::mv(pipe.ends[0]), ::capnp::rpc::twoparty::Side::SERVER);
        us_ = session(kj::mv(pipe.ends[1]), ::capnp::rpc::twoparty::Side::CLIENT);
    }
    // What is wrong with the answer.
    std::optional<ErrorCode> asked_for(std::size_t cells) {
        const auto page = us_->pull_counters({7, {}, {}, {}, cells}).wait(io_->waitScope);
        return page ? std::optional<ErrorCode>() : page.error().code;
    }
    std::optional<ErrorCode> asked_for_bytes(std::size_t bytes) {
        const auto page = us_->pull_registers({{}, {}, bytes}).wait(io_->waitScope);
        return page ? std::optional<ErrorCode>() : page.error().code;
    }
    Calls calls_;

  private:
    std::unique_ptr<Session> session(kj::Own<kj::AsyncIoStream> stream,
                                     ::capnp::rpc::twoparty::Side side) {
        seal::PeerIdentity who;
        who.node = NodeId("peer");
        return std::make_unique<Session>(
            kj::mv(stream), side, kj::heap<PeerServer>(who, calls_, traffic_, *clock_),
            wire::kPeerWordsMax, io_->provider->getTimer(), traffic_, *clock_);
    }
    const std::unique_ptr<kj::AsyncIoContext> io_ =
        std::make_unique<kj::AsyncIoContext>(kj::setupAsyncIo());
    transport::PeerTraffic traffic_;
    const std::shared_ptr<const Clock> clock_ = system_clock();
    std::unique_ptr<Session> us_, them_;
};

TEST_F(Asking, ForCountersTakesNoMoreThanThat) {
    const limits::Cell cell{KeyId("ABCdef012345"), limits::CellKind::kTokens, 7, 2, 1};
    calls_.cells.batches = {{NodeId("b"), Generation{1}, std::vector(100, cell)}};
    EXPECT_EQ(asked_for(100), std::nullopt);
    EXPECT_EQ(asked_for(50), ErrorCode::kProtocol);
    calls_.cells.batches[0].cells.assign(4'000, cell);
    EXPECT_EQ(asked_for(100), ErrorCode::kProtocol);
}

TEST_F(Asking, ForRegistersReadsNoMoreThanThat) {
    const state::testing::Origins mesh;
    const auto writer = mesh.make("a");
    const auto large = state::testing::write(writer, "k", state::Hlc::at(state::testing::kNow),
                                             std::string(40'000, 'v'));
    calls_.page.registers = {&large};
    EXPECT_EQ(asked_for_bytes(1'000), std::nullopt) << "one may be larger than was asked for";
    calls_.page.registers.assign(40, &large);
    EXPECT_EQ(asked_for_bytes(1'000), ErrorCode::kProtocol);
}

}  // namespace
}  // namespace vidai::mesh::rpc
