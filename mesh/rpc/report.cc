// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/report.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string>
#include <utility>

#include "mesh/rpc/money_metrics.h"
#include "mesh/rpc/sync_metrics.h"
#include "schema/base/mutant.h"

namespace vidai::mesh::rpc {

namespace {

constexpr MemberStatus kStatuses[] = {MemberStatus::kJoining, MemberStatus::kAlive,
                                      MemberStatus::kSuspect, MemberStatus::kDead,
                                      MemberStatus::kLeft};

MemberStatus show(membership::Status status) {
    switch (status) {
        case membership::Status::kJoining:
            return MemberStatus::kJoining;
        case membership::Status::kAlive:
            return MemberStatus::kAlive;
        case membership::Status::kSuspect:
            return MemberStatus::kSuspect;
        case membership::Status::kDead:
            return VIDAI_MUTANT("dead-are-suspect") ? MemberStatus::kSuspect : MemberStatus::kDead;
        case membership::Status::kLeft:
            break;
    }
    return MemberStatus::kLeft;
}

MetricSample plain(std::uint64_t value) {
    return {{}, static_cast<double>(value)};
}
MetricSample labelled(const char* label, std::string_view which, std::uint64_t value) {
    return {{{label, std::string(which)}}, static_cast<double>(value)};
}

std::vector<MetricSample> by_status(const MeshView& view) {
    std::vector<MetricSample> samples;
    for (const MemberStatus status : kStatuses) {
        const auto count = std::count_if(view.members.begin(), view.members.end(),
                                         [&](const Member& m) { return m.status == status; });
        samples.push_back(
            labelled("status", member_status_name(status), static_cast<std::uint64_t>(count)));
    }
    return samples;
}

std::vector<MetricSample> by_reason(const Refusals& refusals) {
    std::vector<MetricSample> samples;
    for (const std::string_view reason : Refusals::reasons()) {
        samples.push_back(labelled("reason", reason, refusals.total(reason)));
    }
    return samples;
}

std::vector<MetricSample> by_failure(const Standing& standing) {
    std::vector<MetricSample> samples;
    for (std::size_t how = 0; how < kFailingNames.size(); ++how) {
        samples.push_back(
            labelled("failure", kFailingNames[how], standing.failed(static_cast<Failing>(how))));
    }
    return samples;
}

}  // namespace

std::vector<Member> show_members(const membership::Membership& core, MonoTime mono, WallTime wall) {
    std::vector<Member> members;
    for (membership::MemberView& held : core.members()) {
        Member member{std::move(held.id),
                      std::move(held.address),
                      show(held.status),
                      held.generation,
                      held.incarnation,
                      held.self,
                      held.connected,
                      std::nullopt,
                      wall,
                      held.wire.oldest,
                      held.wire.newest,
                      std::move(held.profile.software),
                      held.profile.capabilities,
                      held.aged};
        if (held.rtt > Duration{}) {
            member.rtt = std::chrono::ceil<std::chrono::microseconds>(held.rtt);
        }
        member.since = wall - std::chrono::duration_cast<std::chrono::milliseconds>(
                                  std::max(Duration{}, mono - held.since));
        members.push_back(std::move(member));
    }
    std::sort(members.begin(), members.end(),
              [](const Member& a, const Member& b) { return a.id < b.id; });
    return members;
}

namespace {

constexpr auto kCounter = MetricKind::kCounter;
constexpr auto kGauge = MetricKind::kGauge;

std::vector<MetricSample> by_kind(
    const std::array<std::uint64_t, transport::kTrafficKinds>& bytes) {
    std::vector<MetricSample> samples;
    for (std::size_t kind = 0; kind < transport::kTrafficKinds; ++kind) {
        samples.push_back(
            labelled("kind", std::string(transport::kTrafficKindNames[kind]), bytes[kind]));
    }
    return samples;
}

std::vector<MetricFamily> membership_metrics(const MetricInputs& in) {
    const membership::Counters& m = in.membership;
    const LinkCounters& l = in.links;
    return {
        {"vidai_mesh_members", "Members by the status this node holds them in.", kGauge,
         by_status(in.view)},
        {"vidai_mesh_connections", "Sealed connections to peers.", kGauge, {plain(in.connections)}},
        {"vidai_mesh_health",
         "Lifeguard's local health multiplier; 0 is well.",
         kGauge,
         {plain(in.health)}},
        {"vidai_mesh_probes_total",
         "Liveness probes by kind and outcome.",
         kCounter,
         {labelled("kind", "sent", m.probes), labelled("kind", "failed", m.probes_failed),
          labelled("kind", "indirect", m.indirect_probes), labelled("kind", "nack", m.nacks)}},
        {"vidai_mesh_verdicts_total",
         "What membership concluded.",
         kCounter,
         {labelled("verdict", "suspicion", m.suspicions),
          labelled("verdict", "refutation", m.refutations),
          labelled("verdict", "death", m.deaths)}},
        {"vidai_mesh_pauses_total",
         "Times this process did not run for a while.",
         kCounter,
         {plain(m.pauses)}},
        {"vidai_mesh_rumors_sent_total",
         "Membership rumors sent.",
         kCounter,
         {plain(m.rumors_sent)}},
        {"vidai_mesh_claims_rejected_total",
         "Members' claims that failed verification.",
         kCounter,
         {plain(m.claims_rejected)}},
        {"vidai_mesh_members_refused_total",
         "Members that were not taken in because the roster is full.",
         kCounter,
         {plain(m.members_refused)}},
        {"vidai_mesh_connections_parted_total",
         "Idle connections of a large mesh that this node gave up.",
         kCounter,
         {plain(m.links_parted)}},
        {"vidai_mesh_handshakes_total",
         "Handshakes by result.",
         kCounter,
         {labelled("result", "accepted", l.accepted), labelled("result", "dialled", l.dialled),
          labelled("result", "refused", l.refused), labelled("result", "shed", l.shed)}},
        {"vidai_mesh_connections_replaced_total",
         "Connections replaced by a newer one.",
         kCounter,
         {plain(l.replaced)}},
        {"vidai_mesh_malformed_total",
         "Messages of authenticated peers that were malformed, or answered what was not asked.",
         kCounter,
         {plain(in.malformed)}},
        {"vidai_mesh_quota_refused_bytes_total",
         "Bytes of authenticated peers that were not read, beyond what one may send.", kCounter,
         by_kind(in.over_quota)},
    };
}

std::vector<MetricFamily> state_metrics(const MetricInputs& in) {
    const ExchangeCounters& x = in.exchange;
    const double delay = std::chrono::duration<double>(in.view.delay).count();
    return {
        {"vidai_mesh_cells_total",
         "Counter cells received by what became of them.",
         kCounter,
         {labelled("result", "applied", x.cells_applied),
          labelled("result", "unchanged", x.cells_unchanged),
          labelled("result", "refused", x.cells_refused)}},
        {"vidai_mesh_counters_catch_ups_total",
         "Times a peer that had missed counters was told what had changed since.",
         kCounter,
         {plain(x.catch_ups)}},
        {"vidai_mesh_counters_delay_seconds",
         "How old peers' counters may be: the D' of published bounds.",
         kGauge,
         {{{}, delay}}},
        {"vidai_mesh_relayed_batches_total",
         "Signed batches of counters in a mesh too large for a connection to everybody, by what "
         "became of them here.",
         kCounter,
         {labelled("result", "signed", x.relays.signed_here),
          labelled("result", "verified", x.relays.verified),
          labelled("result", "repeated", x.relays.repeated),
          labelled("result", "refused", x.relays.refused),
          labelled("result", "passed_on", x.relays.passed_on),
          labelled("result", "dropped", x.relays.dropped)}},
        {"vidai_mesh_registers",
         "Replicated registers held, tombstones included.",
         kGauge,
         {plain(in.view.registers)}},
        {"vidai_mesh_register_merges_total",
         "Registers received by what became of them.",
         kCounter,
         {labelled("result", "applied", x.registers_applied),
          labelled("result", "known", x.registers_known),
          labelled("result", "refused", x.registers_refused)}},
        {"vidai_mesh_keys", "Client keys that are not revoked.", kGauge, {plain(in.live_keys)}},
        {"vidai_mesh_state_saves_total",
         "Saves of the state file by result.",
         kCounter,
         {labelled("result", "ok", in.saves), labelled("result", "failed", in.saves_failed)}},
    };
}

std::vector<MetricFamily> identity_metrics(const MetricInputs& in) {
    const LinkCounters& l = in.links;
    return {
        {"vidai_mesh_refusals_total",
         "Connections and statements turned away, on either side, by reason.", kCounter,
         by_reason(in.refusals)},
        {"vidai_mesh_dials_failed_total",
         "Attempts to connect to a peer or seed that failed: nobody listens there (refused), no "
         "answer, the handshake failed, or it closed the connection at once.",
         kCounter, by_failure(in.standing)},
        {"vidai_mesh_isolated",
         "1 while this node knows of other nodes, or has seeds, and is connected to none.",
         kGauge,
         {plain(in.standing.alone().empty() ? 0 : 1)}},
        {"vidai_mesh_reauthentications_total",
         "Connections renewed by a new handshake, and those whose time was over first.",
         kCounter,
         {labelled("result", "renewed", l.reauthenticated),
          labelled("result", "expired", l.expired)}},
    };
}

}  // namespace

std::vector<MetricFamily> mesh_metrics(const MetricInputs& in) {
    std::vector<MetricFamily> families = membership_metrics(in);
    std::ranges::move(state_metrics(in), std::back_inserter(families));
    std::ranges::move(identity_metrics(in), std::back_inserter(families));
    return families;
}

std::vector<MetricFamily> mesh_metric_catalogue() {
    const MeshView view;
    const membership::Counters membership;
    const LinkCounters links;
    const ExchangeCounters exchange;
    const Refusals refusals;
    const Standing standing{NodeId(), MonoTime()};
    auto families =
        mesh_metrics({view, membership, 0, links, exchange, 0, 0, 0, 0, 0, refusals, {}, standing});
    for (MetricFamily& family : families) {
        for (const auto& [label, value] : family.samples.front().labels) {
            family.labels += (family.labels.empty() ? "" : ", ") + label;
        }
        family.samples.clear();
    }
    std::ranges::move(sync_metric_catalogue(), std::back_inserter(families));
    std::ranges::move(money_metric_catalogue(), std::back_inserter(families));
    return families;
}

}  // namespace vidai::mesh::rpc
