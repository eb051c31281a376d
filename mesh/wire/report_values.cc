// SPDX-License-Identifier: Apache-2.0
#include "mesh/wire/report_values.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "mesh/service.h"
#include "mesh/wire/message.h"

namespace vidai::mesh::wire {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kTextMax = 4'096;
constexpr unsigned kPeersMax = 16'384;
constexpr unsigned kCustodiansMax = 16;
constexpr unsigned kRefusalsMax = 256;  // reasons

std::unexpected<Error> malformed(const char* what) {
    return fail(ErrorCode::kProtocol, std::string("a node's report is malformed: ") + what, what);
}

std::int64_t to_ms(WallTime time) {
    return time.time_since_epoch().count();
}
WallTime from_ms(std::int64_t ms) {
    return WallTime(milliseconds(ms));
}
std::int64_t to_wire(const std::optional<milliseconds>& span) {
    return span ? span->count() : -1;
}
std::optional<milliseconds> from_wire(std::int64_t ms) {
    return ms < 0 ? std::nullopt : std::optional(milliseconds(ms));
}
std::string bounded(capnp::Text::Reader text) {
    return std::string(view_of(text).substr(0, kTextMax));
}

void write(const Member& member, proto::ReportedMember::Builder out) {
    out.setId(to_text(member.id.str()));
    out.setAddress(to_text(member.address));
    out.setStatus(static_cast<std::uint8_t>(member.status));
    out.setGeneration(member.generation.value);
    out.setIncarnation(member.incarnation.value);
    out.setConnected(member.connected);
    out.setRttUs(member.rtt ? member.rtt->count() : -1);
    out.setSinceMs(to_ms(member.since));
    out.setVersion(to_text(member.version));
    out.setCapabilities(member.capabilities);
    out.setAged(member.aged);
}

Result<Member> read(proto::ReportedMember::Reader in) {
    Member member;
    auto id = parse_node_id(view_of(in.getId()));
    if (!id) return malformed("id");
    if (in.getStatus() > static_cast<std::uint8_t>(MemberStatus::kLeft)) return malformed("status");
    member.id = std::move(*id);
    member.address = bounded(in.getAddress());
    member.status = static_cast<MemberStatus>(in.getStatus());
    member.generation = Generation{in.getGeneration()};
    member.incarnation = Incarnation{in.getIncarnation()};
    member.connected = in.getConnected();
    if (in.getRttUs() >= 0) member.rtt = std::chrono::microseconds(in.getRttUs());
    member.since = from_ms(in.getSinceMs());
    member.version = bounded(in.getVersion());
    member.capabilities = in.getCapabilities();
    member.aged = in.getAged();
    return member;
}

void write(const PeerReport& peer, proto::PeerReport::Builder out) {
    write(peer.member, out.initMember());
    out.setWireMin(peer.member.wire_min);
    out.setWireMax(peer.member.wire_max);
    out.setCertificateUntilMs(to_ms(peer.certificate_until));
    out.setSyncedAgoMs(to_wire(peer.synced_ago));
    out.setDigestMatch(static_cast<std::int8_t>(peer.digest_match ? *peer.digest_match : -1));
    out.setCountersHeardAgoMs(to_wire(peer.counters_heard_ago));
    out.setCountersOwedMs(peer.counters_owed.count());
    out.setClockOffsetKnown(peer.clock_offset.has_value());
    if (peer.clock_offset) out.setClockOffsetMs(peer.clock_offset->count());
}

Result<PeerReport> read(proto::PeerReport::Reader in) {
    auto member = read(in.getMember());
    if (!member) return fail(std::move(member).error());
    PeerReport peer;
    peer.member = std::move(*member);
    peer.member.wire_min = in.getWireMin();
    peer.member.wire_max = in.getWireMax();
    peer.certificate_until = from_ms(in.getCertificateUntilMs());
    peer.synced_ago = from_wire(in.getSyncedAgoMs());
    if (in.getDigestMatch() >= 0) peer.digest_match = in.getDigestMatch() != 0;
    peer.counters_heard_ago = from_wire(in.getCountersHeardAgoMs());
    peer.counters_owed = milliseconds(std::max<std::int64_t>(0, in.getCountersOwedMs()));
    if (in.getClockOffsetKnown()) peer.clock_offset = milliseconds(in.getClockOffsetMs());
    return peer;
}

void write(const IssuerReport& issuer, proto::Issuer::Builder out) {
    out.setFingerprint(to_text(issuer.fingerprint));
    out.setSinceMs(to_ms(issuer.since));
    out.setPattern(to_text(issuer.pattern));
}

IssuerReport read(proto::Issuer::Reader in) {
    return {bounded(in.getFingerprint()), from_ms(in.getSinceMs()), bounded(in.getPattern())};
}

void write(const MoneyReport& money, proto::Money::Builder out) {
    out.setBegun(money.begun);
    out.setFrozen(to_text(money.frozen));
    out.setDisowned(money.disowned);
    out.setOwned(static_cast<std::uint16_t>(money.owned));
    out.setUnowned(static_cast<std::uint16_t>(money.unowned));
    auto cut_off = out.initCutOff(static_cast<unsigned>(money.cut_off.size()));
    for (unsigned i = 0; i < cut_off.size(); ++i) cut_off.set(i, to_text(money.cut_off[i].str()));
    out.setCustodians(static_cast<std::uint8_t>(money.custodians));
    auto away = out.initAway(static_cast<unsigned>(money.away.size()));
    for (unsigned i = 0; i < away.size(); ++i) away.set(i, to_text(money.away[i]));
    out.setNeeded(static_cast<std::uint8_t>(money.needed));
    out.setWanted(static_cast<std::uint8_t>(money.wanted));
    out.setOthers(money.others);
}

Result<MoneyReport> read(proto::Money::Reader in) {
    MoneyReport money;
    money.begun = in.getBegun();
    money.frozen = bounded(in.getFrozen());
    money.disowned = in.getDisowned();
    money.owned = in.getOwned();
    money.unowned = in.getUnowned();
    if (in.getCutOff().size() > kCutOffMax) return malformed("budgets");
    for (const auto text : in.getCutOff()) {
        auto budget = parse_budget_id(view_of(text));
        if (!budget) return malformed("budget");
        money.cut_off.push_back(std::move(*budget));
    }
    money.custodians = in.getCustodians();
    if (in.getAway().size() > kCustodiansMax) return malformed("custodians");
    for (const auto name : in.getAway()) money.away.push_back(bounded(name));
    money.needed = in.getNeeded();
    money.wanted = in.getWanted();
    money.others = in.getOthers();
    return money;
}

void write(const RecordReport& usage, proto::Record::Builder out) {
    out.setLost(usage.lost);
    out.setInDoubt(usage.in_doubt);
    out.setInDoubtMs(static_cast<std::uint64_t>(usage.in_doubt_for.count()));
    out.setKeeper(usage.keeper);
    out.setDamaged(usage.damaged);
    out.setUnreadableBytes(usage.unreadable_bytes);
    out.setCopiesFailed(usage.copies_failed);
}

RecordReport read(proto::Record::Reader in) {
    constexpr std::uint64_t kLongest = std::uint64_t{1} << 40;  // ms, some decades
    return {.lost = in.getLost(),
            .in_doubt = in.getInDoubt(),
            .in_doubt_for = milliseconds(std::min(in.getInDoubtMs(), kLongest)),
            .keeper = in.getKeeper(),
            .damaged = in.getDamaged(),
            .unreadable_bytes = in.getUnreadableBytes(),
            .copies_failed = in.getCopiesFailed()};
}

}  // namespace

void write(const NodeReport& report, proto::NodeReport::Builder out) {
    out.setMesh(to_data(report.mesh.bytes));
    write(report.self, out.initSelf());
    out.setVersion(to_text(report.version));
    out.setWireMin(report.wire_min);
    out.setWireMax(report.wire_max);
    out.setClockMs(to_ms(report.clock));
    out.setCertificateUntilMs(to_ms(report.certificate_until));
    out.setHealth(report.health);
    out.setRegisters(report.registers);
    out.setDigest(report.digest);
    out.setDigestIntervalMs(report.digest_interval.count());
    out.setPushIntervalMs(report.push_interval.count());
    out.setNotReady(to_text(report.not_ready));
    out.setService(report.service ? 1 + static_cast<std::uint8_t>(*report.service) : 0);
    out.setAlone(to_text(report.alone));
    out.setUnsaved(to_text(report.unsaved));
    out.setKey(to_text(report.key));
    if (report.set_back) {
        out.setSetBackFrom(report.set_back->disk.value);
        out.setSetBackTo(report.set_back->known.value);
    }
    out.setRoot(to_text(report.root));
    out.setCertifiedRoot(to_text(report.certified_root));
    out.setIssuer(report.issuer);
    write(report.certified_by, out.initCertifiedBy());
    write(report.held, out.initHeldIssuer());
    if (report.money) write(*report.money, out.initMoney());
    if (report.usage) write(*report.usage, out.initUsage());
    auto refusals = out.initRefusals(static_cast<unsigned>(report.refusals.size()));
    for (unsigned i = 0; i < refusals.size(); ++i) {
        refusals[i].setReason(to_text(report.refusals[i].reason));
        refusals[i].setCount(report.refusals[i].count);
        refusals[i].setLast(to_text(report.refusals[i].last));
    }
    auto peers = out.initPeers(static_cast<unsigned>(report.peers.size()));
    for (unsigned i = 0; i < peers.size(); ++i) write(report.peers[i], peers[i]);
}

Result<NodeReport> read(proto::NodeReport::Reader in) {
    NodeReport report;
    if (in.getMesh().size() != report.mesh.bytes.size()) return malformed("mesh");
    std::copy(in.getMesh().begin(), in.getMesh().end(), report.mesh.bytes.begin());
    auto self = read(in.getSelf());
    if (!self) return fail(std::move(self).error());
    report.self = std::move(*self);
    report.self.self = true;
    report.version = bounded(in.getVersion());
    report.wire_min = in.getWireMin();
    report.wire_max = in.getWireMax();
    report.clock = from_ms(in.getClockMs());
    report.certificate_until = from_ms(in.getCertificateUntilMs());
    report.health = in.getHealth();
    report.registers = in.getRegisters();
    report.digest = in.getDigest();
    report.digest_interval = milliseconds(in.getDigestIntervalMs());
    report.push_interval = milliseconds(in.getPushIntervalMs());
    report.not_ready = bounded(in.getNotReady());
    if (const unsigned said = in.getService(); said > 0 && said <= kServiceNames.size()) {
        report.service = static_cast<Service>(said - 1);  // a later program's own is not said
    }
    report.alone = bounded(in.getAlone());
    report.unsaved = bounded(in.getUnsaved());
    report.key = bounded(in.getKey());
    if (in.getSetBackFrom() > 0) {
        report.set_back = {Generation{in.getSetBackFrom()}, Generation{in.getSetBackTo()}};
    }
    report.root = bounded(in.getRoot());
    report.certified_root = bounded(in.getCertifiedRoot());
    report.issuer = in.getIssuer();
    report.certified_by = read(in.getCertifiedBy());
    report.held = read(in.getHeldIssuer());
    if (in.hasMoney()) {
        auto money = read(in.getMoney());
        if (!money) return fail(std::move(money).error());
        report.money = std::move(*money);
    }
    if (in.hasUsage()) report.usage = read(in.getUsage());
    if (in.getRefusals().size() > kRefusalsMax) return malformed("refusals");
    for (const auto refusal : in.getRefusals()) {
        report.refusals.push_back(
            {bounded(refusal.getReason()), refusal.getCount(), bounded(refusal.getLast())});
    }
    if (in.getPeers().size() > kPeersMax) return malformed("peers");
    for (const auto slot : in.getPeers()) {
        auto peer = read(slot);
        if (!peer) return fail(std::move(peer).error());
        report.peers.push_back(std::move(*peer));
    }
    return report;
}

void write(const Draining& draining, proto::Draining::Builder out) {
    out.setNode(to_text(draining.node.str()));
    out.setAlready(draining.already);
}

Result<Draining> read(proto::Draining::Reader in) {
    auto node = parse_node_id(view_of(in.getNode()));
    if (!node) return malformed("node");
    return Draining{std::move(*node), in.getAlready()};
}

}  // namespace vidai::mesh::wire
