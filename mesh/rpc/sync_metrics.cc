// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/sync_metrics.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace vidai::mesh::rpc {

namespace {

constexpr auto kCounter = MetricKind::kCounter;
constexpr auto kGauge = MetricKind::kGauge;

// Upper bounds of the propagation histogram, in milliseconds: the precision of the stamps.
constexpr std::uint64_t kBoundsMs[] = {1,   2,    5,    10,   25,     50,     100,   250,
                                       500, 1000, 2500, 5000, 10'000, 30'000, 60'000};

double seconds(Duration span) {
    return std::chrono::duration<double>(span).count();
}

MetricSample sample(std::vector<std::pair<std::string, std::string>> labels, double value) {
    return {std::move(labels), value, {}, 0};
}
MetricSample sample(std::vector<std::pair<std::string, std::string>> labels, std::uint64_t value) {
    return sample(std::move(labels), static_cast<double>(value));
}

MetricSample histogram(const char* kind, const Histogram& recorded) {
    HistogramSum sum;
    recorded.add_to(sum);
    MetricSample out = sample({{"kind", kind}}, static_cast<double>(sum.sum()) * 1e-9);
    for (const std::uint64_t ms : kBoundsMs) {
        out.buckets.emplace_back(static_cast<double>(ms) * 1e-3,
                                 sum.count_at_or_below(ms * 1'000'000));
    }
    out.count = sum.count();
    return out;
}

MetricFamily traffic_by_kind(const transport::Traffic& traffic) {
    MetricFamily family{"vidai_mesh_message_bytes_total",
                        "Messages by peer and purpose, without envelope and seal; operator: "
                        "everything of operators over the mesh port, sealed.",
                        kCounter,
                        {},
                        "peer, kind, direction"};
    const auto add = [&](std::string_view peer, const transport::PeerTraffic& one) {
        for (std::size_t kind = 0; kind < transport::kTrafficKinds; ++kind) {
            const std::string name(transport::kTrafficKindNames[kind]);
            for (const auto& [direction, bytes] :
                 {std::pair("in", one.in[kind]), std::pair("out", one.out[kind])}) {
                family.samples.push_back(
                    sample({{"peer", std::string(peer)}, {"kind", name}, {"direction", direction}},
                           bytes));
            }
        }
    };
    for (const auto& [peer, one] : traffic.named()) add(peer.str(), one);
    add(transport::kOtherPeers, traffic.other());
    const transport::PeerTraffic& operators = traffic.operators();
    for (const auto& [direction, bytes] :
         {std::pair("in", operators.wire_in), std::pair("out", operators.wire_out)}) {
        family.samples.push_back(
            sample({{"peer", "operators"}, {"kind", "operator"}, {"direction", direction}}, bytes));
    }
    return family;
}

MetricFamily traffic_on_the_wire(const transport::Traffic& traffic) {
    MetricFamily family{"vidai_mesh_wire_bytes_total",
                        "All that connections to peers carried after their handshake, sealed.",
                        kCounter,
                        {},
                        "peer, direction"};
    const auto add = [&](const std::string& peer, const transport::PeerTraffic& one) {
        family.samples.push_back(sample({{"peer", peer}, {"direction", "in"}}, one.wire_in));
        family.samples.push_back(sample({{"peer", peer}, {"direction", "out"}}, one.wire_out));
    };
    for (const auto& [peer, one] : traffic.named()) add(peer.str(), one);
    add(std::string(transport::kOtherPeers), traffic.other());
    return family;
}

// Per connected peer; those without a name of their own by the worst of them.
MetricFamily sync_ages(const SyncMetricInputs& in) {
    MetricFamily family{"vidai_mesh_sync_age_seconds",
                        "Since a connected peer last answered with all registers that this node "
                        "lacked.",
                        kGauge,
                        {},
                        "peer"};
    Duration worst{};
    for (const auto& [peer, sync] : in.peers) {
        if (!sync->compared_at()) continue;
        const Duration age = in.now - *sync->compared_at();
        if (in.traffic.is_named(peer)) {
            family.samples.push_back(sample({{"peer", peer.str()}}, seconds(age)));
        } else {
            worst = std::max(worst, age);
        }
    }
    family.samples.push_back(
        sample({{"peer", std::string(transport::kOtherPeers)}}, seconds(worst)));
    return family;
}

struct Worst {
    std::uint64_t mismatches = 0;
    Duration owed{}, skew{};
};

Worst worst_of(const SyncMetricInputs& in) {
    Worst worst;
    for (const auto& [peer, sync] : in.peers) {
        if (sync->digests_equal() == false) ++worst.mismatches;
        if (const auto since = sync->owed_since()) {
            worst.owed = std::max(worst.owed, in.now - *since);
        }
        if (const auto offset = sync->clock_offset()) {
            worst.skew = std::max(worst.skew, std::chrono::abs(*offset));
        }
    }
    return worst;
}

std::vector<MetricFamily> without_peers(const SyncMetricInputs& in) {
    const membership::Counters& m = in.membership;
    const Propagation& p = in.propagation;
    const Worst worst = worst_of(in);
    const double expiry =
        std::chrono::duration<double>(in.certificate_until.time_since_epoch()).count();
    return {{"vidai_mesh_suspicions_total",
             "Members that became suspect, by why: own probes failed, a fresh dial was refused "
             "after their connection had closed, or another member said so.",
             kCounter,
             {sample({{"cause", "probe"}}, m.suspicions_probe),
              sample({{"cause", "refused"}}, m.suspicions_refused),
              sample({{"cause", "told"}}, m.suspicions_told)},
             "cause"},
            {"vidai_mesh_propagation_seconds",
             "How old news was when it was applied here, clock differences taken off: a peer's "
             "counters since it sent them, a register since it was written.",
             MetricKind::kHistogram,
             {histogram("counters", p.of_counters()), histogram("registers", p.of_registers())},
             "kind"},
            {"vidai_mesh_digest_mismatches",
             "Connected peers that held other registers when they were last compared.",
             kGauge,
             {sample({}, worst.mismatches)},
             ""},
            {"vidai_mesh_counters_owed_seconds",
             "The longest that a connected peer has not acknowledged counters.",
             kGauge,
             {sample({}, seconds(worst.owed))},
             ""},
            {"vidai_mesh_clock_skew_seconds",
             "The greatest difference to a connected peer's clock, either way.",
             kGauge,
             {sample({}, seconds(worst.skew))},
             ""},
            {"vidai_mesh_certificate_expiry_timestamp_seconds",
             "When this node's certificate expires, in seconds since 1970.",
             kGauge,
             {sample({}, expiry)},
             ""}};
}

}  // namespace

std::vector<MetricFamily> sync_metrics(const SyncMetricInputs& in) {
    std::vector<MetricFamily> families = without_peers(in);
    families.push_back(sync_ages(in));
    families.push_back(traffic_by_kind(in.traffic));
    families.push_back(traffic_on_the_wire(in.traffic));
    return families;
}

std::vector<MetricFamily> sync_metric_catalogue() {
    const membership::Counters membership;
    const auto propagation = std::make_unique<Propagation>(WallTime{});  // large
    const transport::Traffic traffic;
    auto families = sync_metrics({membership, *propagation, {}, traffic, {}, {}});
    for (MetricFamily& family : families) family.samples.clear();
    return families;
}

}  // namespace vidai::mesh::rpc
