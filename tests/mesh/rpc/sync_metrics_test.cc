// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/sync_metrics.h"

#include <memory>
#include <set>

#include <gtest/gtest.h>

namespace vidai::mesh::rpc {
namespace {

using namespace std::chrono_literals;

struct Inputs {
    membership::Counters membership;
    std::unique_ptr<Propagation> propagation = std::make_unique<Propagation>(WallTime(1h));
    std::map<NodeId, PeerSync> peers;
    transport::Traffic traffic;

    std::vector<MetricFamily> metrics() const {
        std::map<NodeId, const PeerSync*> syncs;
        for (const auto& [id, sync] : peers) syncs.emplace(id, &sync);
        return sync_metrics(
            {membership, *propagation, syncs, traffic, WallTime(5s), MonoTime(100s)});
    }
    // The sample of that family with exactly these label values, in order.
    const MetricSample* sample(const std::string& family, std::vector<std::string> values = {}) {
        families_ = metrics();
        for (const MetricFamily& each : families_) {
            if (each.name != family) continue;
            for (const MetricSample& one : each.samples) {
                std::vector<std::string> has;
                for (const auto& [label, value] : one.labels) has.push_back(value);
                if (has == values) return &one;
            }
        }
        return nullptr;
    }
    double value(const std::string& family, std::vector<std::string> values = {}) {
        const MetricSample* one = sample(family, std::move(values));
        return one == nullptr ? -1 : one->value;
    }

  private:
    std::vector<MetricFamily> families_;
};

TEST(SyncMetrics, SayWhoLagsByHowMuch) {
    Inputs in;
    (void)in.traffic.of(NodeId("a"));
    in.peers[NodeId("a")].compared(MonoTime(93s), true);
    in.peers[NodeId("a")].missed(MonoTime(98s));
    in.peers[NodeId("a")].clock(WallTime(10s), WallTime(12s), 0s);
    in.peers[NodeId("b")].compared(MonoTime(60s), false);
    in.peers[NodeId("c")];  // connected, nothing known yet
    EXPECT_EQ(in.value("vidai_mesh_sync_age_seconds", {"a"}), 7);
    EXPECT_EQ(in.value("vidai_mesh_sync_age_seconds", {"other"}), 40) << "b has no series";
    EXPECT_EQ(in.value("vidai_mesh_digest_mismatches"), 1);
    EXPECT_EQ(in.value("vidai_mesh_counters_owed_seconds"), 2);
    EXPECT_EQ(in.value("vidai_mesh_clock_skew_seconds"), 2);
    EXPECT_EQ(in.value("vidai_mesh_certificate_expiry_timestamp_seconds"), 5);
}

TEST(SyncMetrics, TakeTheDifferenceOfClocksOffAPropagation) {
    Inputs in;
    const WallTime now(2h);
    in.propagation->counters(now - 30ms, now, std::nullopt);
    in.propagation->counters(now + 970ms, now, 1s);  // the sender's clock is a second ahead
    in.propagation->counters(now + 5s, now, std::nullopt);
    in.propagation->register_written(now - 3s, now, -1s);
    in.propagation->register_written(WallTime(0s), now, 0s);  // before this process lived
    const MetricSample counters = *in.sample("vidai_mesh_propagation_seconds", {"counters"});
    EXPECT_EQ(counters.count, 3u);
    EXPECT_NEAR(counters.value, 0.060, 1e-9);
    for (const auto& [bound, count] : counters.buckets) {
        EXPECT_EQ(count, bound < 0.029 ? 1u : 3u) << bound;
    }
    const MetricSample registers = *in.sample("vidai_mesh_propagation_seconds", {"registers"});
    EXPECT_EQ(registers.count, 1u);
    EXPECT_NEAR(registers.value, 2, 1e-9);
}

TEST(SyncMetrics, CountBytesByPeerAndKindWithABoundedNumberOfSeries) {
    Inputs in;
    for (int i = 0; i < 1'000; ++i) {
        transport::PeerTraffic& peer = in.traffic.of(NodeId("n" + std::to_string(i)));
        peer.add_in(transport::TrafficKind::kCounters, 2);
        peer.wire_out += 3;
    }
    in.traffic.of(NodeId("n5")).add_out(transport::TrafficKind::kRegisters, 1);
    in.traffic.operators().wire_in += 7;
    const char* const kBytes = "vidai_mesh_message_bytes_total";
    EXPECT_EQ(in.value(kBytes, {"n5", "counters", "in"}), 16);
    EXPECT_EQ(in.value(kBytes, {"n5", "registers", "out"}), 8);
    EXPECT_EQ(in.value(kBytes, {"other", "counters", "in"}),
              16.0 * (1'000 - transport::kPeersNamed));
    EXPECT_EQ(in.value("vidai_mesh_wire_bytes_total", {"other", "out"}),
              3.0 * (1'000 - transport::kPeersNamed));
    EXPECT_EQ(in.value(kBytes, {"operators", "operator", "in"}), 7);
    std::size_t series = 0;
    for (const MetricFamily& family : in.metrics()) series += family.samples.size();
    EXPECT_LT(series, (2 * transport::kTrafficKinds + 4) * (transport::kPeersNamed + 2));
}

TEST(SyncMetrics, NeverWriteOneSeriesTwiceWhateverANodeIsCalled) {
    Inputs in;
    for (const char* name : {"other", "operators", "a"}) (void)in.traffic.of(NodeId(name));
    for (const MetricFamily& family : in.metrics()) {
        std::set<std::vector<std::pair<std::string, std::string>>> seen;
        for (const MetricSample& one : family.samples) {
            EXPECT_TRUE(seen.insert(one.labels).second) << family.name;
        }
    }
}

TEST(SyncMetrics, TellTheCausesOfSuspicions) {
    Inputs in;
    in.membership.suspicions_probe = 1;
    in.membership.suspicions_refused = 2;
    in.membership.suspicions_told = 3;
    EXPECT_EQ(in.value("vidai_mesh_suspicions_total", {"probe"}), 1);
    EXPECT_EQ(in.value("vidai_mesh_suspicions_total", {"refused"}), 2);
    EXPECT_EQ(in.value("vidai_mesh_suspicions_total", {"told"}), 3);
}

TEST(SyncMetrics, DocumentEachLabelOfEachFamily) {
    Inputs in;
    (void)in.traffic.of(NodeId("a"));
    in.peers[NodeId("a")].compared(MonoTime(93s), true);
    const auto catalogue = sync_metric_catalogue();
    const auto live = in.metrics();
    ASSERT_EQ(catalogue.size(), live.size());
    for (std::size_t i = 0; i < live.size(); ++i) {
        EXPECT_EQ(catalogue[i].name, live[i].name);
        EXPECT_TRUE(catalogue[i].samples.empty());
        ASSERT_FALSE(live[i].samples.empty()) << live[i].name;
        std::string labels;
        for (const auto& [label, value] : live[i].samples.front().labels) {
            labels += (labels.empty() ? "" : ", ") + label;
        }
        EXPECT_EQ(catalogue[i].labels, labels) << live[i].name;
    }
}

}  // namespace
}  // namespace vidai::mesh::rpc
