// SPDX-License-Identifier: Apache-2.0
#include "mesh/wire/membership.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mesh/wire/message.h"

namespace vidai::mesh::wire {

namespace {

namespace ms = vidai::mesh::membership;

template <class... Case>
struct Cases : Case... {
    using Case::operator()...;
};

std::unexpected<Error> malformed(const char* what) {
    return fail(ErrorCode::kProtocol, std::string("a membership message is malformed: ") + what,
                what);
}

template <std::size_t N>
bool read_fixed(capnp::Data::Reader in, std::array<std::uint8_t, N>& out) {
    if (in.size() != N) return false;
    std::copy(in.begin(), in.end(), out.begin());
    return true;
}

void write(const ms::Version& version, proto::Version::Builder out) {
    out.setSerial(version.serial);
    out.setGeneration(version.generation.value);
    out.setIncarnation(version.incarnation.value);
}

ms::Version read(proto::Version::Reader in) {
    return {in.getSerial(), Generation{in.getGeneration()}, Incarnation{in.getIncarnation()}};
}

// The wire has its own enums, so that ours may be reordered.
constexpr std::pair<ms::Status, proto::MemberStatus> kStatuses[] = {
    {ms::Status::kJoining, proto::MemberStatus::JOINING},
    {ms::Status::kAlive, proto::MemberStatus::ALIVE},
    {ms::Status::kSuspect, proto::MemberStatus::SUSPECT},
    {ms::Status::kDead, proto::MemberStatus::DEAD},
    {ms::Status::kLeft, proto::MemberStatus::LEFT},
};
constexpr std::pair<ms::Evidence, proto::Evidence> kEvidences[] = {
    {ms::Evidence::kSilent, proto::Evidence::SILENT},
    {ms::Evidence::kRefused, proto::Evidence::REFUSED},
};

template <class Table, class Ours>
auto to_wire(const Table& table, Ours ours) {
    for (const auto& [a, b] : table) {
        if (a == ours) return b;
    }
    return std::begin(table)->second;
}

template <class Table, class Theirs, class Ours>
bool from_wire(const Table& table, Theirs theirs, Ours& ours) {
    for (const auto& [a, b] : table) {
        if (b != theirs) continue;
        ours = a;
        return true;
    }
    return false;
}

void write(const ms::Claim& claim, proto::Claim::Builder out) {
    out.setId(to_text(claim.id.str()));
    out.setKey(to_data(claim.key));
    write(claim.version, out.initVersion());
    out.setLeft(claim.left);
    out.setAddress(to_text(claim.address));
    out.setWireOldest(claim.wire.oldest);
    out.setWireNewest(claim.wire.newest);
    out.setCredential(to_data(seal::bytes_of(claim.credential)));
    out.setSignature(to_data(claim.signature));
    if (claim.profile.empty()) return;
    out.setProfile(to_data(seal::bytes_of(claim.profile)));
    out.setProfileSignature(to_data(claim.profile_signature));
}

Result<ms::Claim> read(proto::Claim::Reader in) {
    ms::Claim claim;
    if (in.getAddress().size() > ms::kAddressBytesMax) return malformed("address");
    if (in.getCredential().size() > ms::kCredentialBytesMax) return malformed("credential");
    if (!read_fixed(in.getKey(), claim.key)) return malformed("key");
    if (!read_fixed(in.getSignature(), claim.signature)) return malformed("signature");
    if (in.getProfile().size() > ms::kProfileBytesMax) return malformed("profile");
    claim.profile = std::string(seal::text_of(bytes_of(in.getProfile())));
    if (!claim.profile.empty() && !read_fixed(in.getProfileSignature(), claim.profile_signature)) {
        return malformed("profile_signature");
    }
    auto id = parse_node_id(view_of(in.getId()));
    if (!id) return malformed("id");
    claim.id = std::move(*id);
    claim.version = read(in.getVersion());
    claim.left = in.getLeft();
    claim.address = text_of(in.getAddress());
    claim.wire = {in.getWireOldest(), in.getWireNewest()};
    claim.credential = std::string(seal::text_of(bytes_of(in.getCredential())));
    return claim;
}

void write(const ms::Accusation& accusation, proto::Accusation::Builder out) {
    out.setSubject(to_text(accusation.subject.str()));
    write(accusation.version, out.initVersion());
    out.setVerdict(to_wire(kStatuses, accusation.verdict));
    out.setEvidence(to_wire(kEvidences, accusation.evidence));
    out.setAccuser(to_text(accusation.accuser.str()));
}

Result<ms::Accusation> read(proto::Accusation::Reader in) {
    ms::Accusation accusation;
    auto subject = parse_node_id(view_of(in.getSubject()));
    auto accuser = parse_node_id(view_of(in.getAccuser()));
    if (!subject) return malformed("subject");
    if (!accuser) return malformed("accuser");
    if (!from_wire(kStatuses, in.getVerdict(), accusation.verdict)) return malformed("verdict");
    if (!from_wire(kEvidences, in.getEvidence(), accusation.evidence)) {
        return malformed("evidence");
    }
    accusation.subject = std::move(*subject);
    accusation.accuser = std::move(*accuser);
    accusation.version = read(in.getVersion());
    return accusation;
}

void write(const std::vector<ms::Rumor>& rumors, capnp::List<proto::Rumor>::Builder out) {
    for (unsigned i = 0; i < out.size(); ++i) {
        auto slot = out[i];
        std::visit(Cases{[&](const ms::ClaimRef& claim) { write(*claim, slot.initClaim()); },
                         [&](const ms::Accusation& a) { write(a, slot.initAccusation()); }},
                   rumors[i]);
    }
}

Result<std::vector<ms::Rumor>> read(capnp::List<proto::Rumor>::Reader in) {
    if (in.size() > ms::kRumorsPerMessage) return malformed("rumors");
    std::vector<ms::Rumor> rumors;
    for (const auto slot : in) {
        switch (slot.which()) {
            case proto::Rumor::CLAIM: {
                auto claim = read(slot.getClaim());
                if (!claim) return fail(std::move(claim).error());
                rumors.emplace_back(std::make_shared<const ms::Claim>(std::move(*claim)));
                break;
            }
            case proto::Rumor::ACCUSATION: {
                auto accusation = read(slot.getAccusation());
                if (!accusation) return fail(std::move(accusation).error());
                rumors.emplace_back(std::move(*accusation));
                break;
            }
            default:
                return malformed("rumor");
        }
    }
    return rumors;
}

void write(const ms::Digest& digest, proto::Digest::Builder out) {
    out.setId(to_text(digest.id.str()));
    write(digest.version, out.initVersion());
    out.setStatus(to_wire(kStatuses, digest.status));
    out.setDescribed(digest.described);
}

Result<ms::Digest> read(proto::Digest::Reader in) {
    ms::Digest digest;
    auto id = parse_node_id(view_of(in.getId()));
    if (!id) return malformed("id");
    if (!from_wire(kStatuses, in.getStatus(), digest.status)) return malformed("status");
    digest.id = std::move(*id);
    digest.version = read(in.getVersion());
    digest.described = in.getDescribed();
    return digest;
}

Result<ms::SyncRequest> read_sync(proto::MemberMessage::SyncRequest::Reader in) {
    ms::SyncRequest request;
    if (in.getDigests().size() > ms::kDigestsPerMessage) return malformed("digests");
    for (const auto slot : in.getDigests()) {
        auto digest = read(slot);
        if (!digest) return fail(std::move(digest).error());
        request.digests.push_back(std::move(*digest));
    }
    // Ends of a range; validate() knows which may be empty.
    if (in.getFirst().size() > 255 || in.getEnd().size() > 255) return malformed("range");
    request.first = NodeId(text_of(in.getFirst()));
    request.end = NodeId(text_of(in.getEnd()));
    return request;
}

Result<ms::SyncReply> read_reply(proto::MemberMessage::SyncReply::Reader in) {
    auto rumors = read(in.getRumors());
    if (!rumors) return fail(std::move(rumors).error());
    ms::SyncReply reply{std::move(*rumors), {}};
    if (in.getWanted().size() > ms::kDigestsPerMessage) return malformed("wanted");
    for (const auto name : in.getWanted()) {
        auto id = parse_node_id(view_of(name));
        if (!id) return malformed("wanted");
        reply.wanted.push_back(std::move(*id));
    }
    return reply;
}

// Only the rumors of it; `Message` is Gossip or SyncDelta.
template <class Message>
Result<ms::Message> read_rumors(capnp::List<proto::Rumor>::Reader in) {
    auto rumors = read(in);
    if (!rumors) return fail(std::move(rumors).error());
    return Message{std::move(*rumors)};
}

Result<ms::Message> read_any(proto::MemberMessage::Reader in) {
    switch (in.which()) {
        case proto::MemberMessage::PING: {
            auto target = read(in.getPing().getTarget());
            if (!target) return fail(std::move(target).error());
            return ms::Ping{in.getPing().getSeq(), std::move(*target)};
        }
        case proto::MemberMessage::ACK:
            return ms::Ack{in.getAck()};
        case proto::MemberMessage::INDIRECT_PING: {
            auto target = parse_node_id(view_of(in.getIndirectPing().getTarget()));
            if (!target) return malformed("target");
            return ms::IndirectPing{in.getIndirectPing().getSeq(), std::move(*target)};
        }
        case proto::MemberMessage::NACK:
            return ms::Nack{in.getNack()};
        case proto::MemberMessage::GOSSIP:
            return read_rumors<ms::Gossip>(in.getGossip());
        case proto::MemberMessage::SYNC_REQUEST: {
            auto request = read_sync(in.getSyncRequest());
            if (!request) return fail(std::move(request).error());
            return std::move(*request);
        }
        case proto::MemberMessage::SYNC_REPLY: {
            auto reply = read_reply(in.getSyncReply());
            if (!reply) return fail(std::move(reply).error());
            return std::move(*reply);
        }
        case proto::MemberMessage::SYNC_DELTA:
            return read_rumors<ms::SyncDelta>(in.getSyncDelta());
        case proto::MemberMessage::GOODBYE:
            return ms::Goodbye{};
    }
    return malformed("kind");
}

unsigned count(const auto& list) {
    return static_cast<unsigned>(list.size());
}

}  // namespace

void write(const membership::Message& message, proto::MemberMessage::Builder out) {
    std::visit(
        Cases{[&](const ms::Ping& m) {
                  auto ping = out.initPing();
                  ping.setSeq(m.seq);
                  write(m.target, ping.initTarget());
              },
              [&](const ms::Ack& m) { out.setAck(m.seq); },
              [&](const ms::IndirectPing& m) {
                  auto ping = out.initIndirectPing();
                  ping.setSeq(m.seq);
                  ping.setTarget(to_text(m.target.str()));
              },
              [&](const ms::Nack& m) { out.setNack(m.seq); },
              [&](const ms::Gossip& m) { write(m.rumors, out.initGossip(count(m.rumors))); },
              [&](const ms::SyncRequest& m) {
                  auto request = out.initSyncRequest();
                  request.setFirst(to_text(m.first.str()));
                  request.setEnd(to_text(m.end.str()));
                  auto digests = request.initDigests(count(m.digests));
                  for (unsigned i = 0; i < digests.size(); ++i) {
                      write(m.digests[i], digests[i]);
                  }
              },
              [&](const ms::SyncReply& m) {
                  auto reply = out.initSyncReply();
                  write(m.rumors, reply.initRumors(count(m.rumors)));
                  auto wanted = reply.initWanted(count(m.wanted));
                  for (unsigned i = 0; i < wanted.size(); ++i) {
                      wanted.set(i, to_text(m.wanted[i].str()));
                  }
              },
              [&](const ms::SyncDelta& m) { write(m.rumors, out.initSyncDelta(count(m.rumors))); },
              [&](const ms::Goodbye&) { out.setGoodbye(); }},
        message);
}

Result<membership::Message> read(proto::MemberMessage::Reader in) {
    return guarded([&]() -> Result<ms::Message> {
        auto message = read_any(in);
        if (!message) return message;
        if (auto valid = ms::validate(*message); !valid) return fail(std::move(valid).error());
        return message;
    });
}

seal::Bytes pack_claim(const membership::Claim& claim) {
    capnp::MallocMessageBuilder message;
    write(claim, message.initRoot<proto::Claim>());
    return flatten(message);
}

Result<membership::Claim> unpack_claim(seal::ByteView bytes) {
    return with_flat<proto::Claim>(bytes, [](proto::Claim::Reader in) -> Result<ms::Claim> {
        auto claim = read(in);
        if (!claim) return claim;
        if (auto valid = ms::validate(*claim); !valid) return fail(std::move(valid).error());
        return claim;
    });
}

}  // namespace vidai::mesh::wire
