// SPDX-License-Identifier: Apache-2.0
// What a peer may have a node do for it, though its questions are small.
#include "mesh/rpc/peer_server.h"

#include <gtest/gtest.h>
#include <kj/async.h>

#include "mesh/rpc/peer_quota.h"

namespace vidai::mesh::rpc {
namespace {

constexpr MonoTime kNow{std::chrono::hours(1)};

// Counts what gets past the quota, at a time that stands still.
class Calls final : public PeerCalls {
  public:
    int signed_ = 0, looked_up = 0;

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
    state::Page page_for(const NodeId&, const wire::RegisterPull&) override { return {}; }
    limits::CellPage cells_for(const NodeId&, const limits::CellPull&) override { return {}; }
    std::uint64_t digest_now() override { return 0; }
    void on_turned_away(const NodeId&, const std::string&) override {}
    void on_malformed(const NodeId&, const Error&) override {}

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

}  // namespace
}  // namespace vidai::mesh::rpc
