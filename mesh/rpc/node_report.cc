// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/node_report.h"

#include <chrono>
#include <map>
#include <utility>

#include "mesh/seal/certificate.h"
#include "mesh/seal/encoding.h"

namespace vidai::mesh::rpc {

namespace {

using std::chrono::milliseconds;

milliseconds ms(Duration span) {
    return std::chrono::duration_cast<milliseconds>(span);
}

// The whole chain of our own: an issuer that expires ends us too.
WallTime own_expiry(const ReportInputs& in) {
    const auto identity = in.startup.roots->verify_recorded(in.wall, *in.certified.chain);
    if (identity) return identity->valid_until;
    return certificate_expiry(*in.certified.chain);
}

void add_sync(const PeerSync& sync, MonoTime now, PeerReport& out) {
    if (const auto at = sync.compared_at()) out.synced_ago = ms(now - *at);
    out.digest_match = sync.digests_equal();
    if (const auto at = sync.heard()) out.counters_heard_ago = ms(now - *at);
    if (const auto at = sync.owed_since()) out.counters_owed = ms(now - *at);
    if (const auto offset = sync.clock_offset()) out.clock_offset = ms(*offset);
}

IssuerReport issuer_report(const seal::Checked<seal::IssuerCertificate>& issuer) {
    if (!issuer) return {};
    return {seal::fingerprint(issuer->key), issuer->validity.not_before, issuer->node_pattern};
}

}  // namespace

WallTime certificate_expiry(seal::ByteView chain) {
    const auto leaf = seal::decode_leaf(chain);
    return leaf ? leaf->validity.not_after : WallTime{};
}

NodeReport make_report(const ReportInputs& in) {
    NodeReport report;
    report.mesh = in.startup.trust.mesh;
    report.version = in.startup.options.program_version;
    report.wire_min = kWire.min;
    report.wire_max = kWire.max;
    report.clock = in.wall;
    report.certificate_until = own_expiry(in);
    report.health = in.membership.health();
    report.registers = in.view.registers;
    report.digest = in.view.digest;
    report.digest_interval = in.startup.options.membership.sync_interval;
    report.push_interval = in.startup.options.push_interval;
    report.not_ready = in.not_ready;
    report.service = in.service;
    report.alone = in.alone;
    report.unsaved = in.unsaved;
    report.set_back = in.set_back;
    report.refusals = in.refusals.lately(in.mono);
    report.money = in.money;
    report.usage = in.usage;
    const seal::PublicKey newest = in.startup.roots->newest().root;
    report.root = seal::fingerprint(newest);
    report.certified_root = seal::fingerprint(in.certified.who.root);
    report.key = seal::fingerprint(in.certified.who.key);
    report.certified_by = issuer_report(seal::decode_issuer(*in.certified.chain));
    if (in.issuer) {
        const auto held =
            seal::verify_issuer({report.mesh, newest}, in.wall, in.issuer->certificate);
        report.issuer = held.has_value();
        report.held = issuer_report(held);
    }
    std::map<NodeId, WallTime> expiries;
    for (const membership::ClaimRef& claim : in.membership.claims()) {
        expiries.emplace(claim->id, certificate_expiry(seal::bytes_of(claim->credential)));
    }
    for (const Member& member : in.view.members) {
        if (member.self) {
            report.self = member;
            continue;
        }
        PeerReport peer;
        peer.member = member;
        peer.certificate_until = expiries[member.id];
        if (const PeerSync* sync = in.exchange.sync_with(member.id)) {
            add_sync(*sync, in.mono, peer);
        }
        report.peers.push_back(std::move(peer));
    }
    return report;
}

}  // namespace vidai::mesh::rpc
