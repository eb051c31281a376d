// SPDX-License-Identifier: Apache-2.0
#include "mesh/membership/message.h"

#include <string>
#include <type_traits>

namespace vidai::mesh::membership {
namespace {

std::unexpected<Error> bad(std::string what, std::string field) {
    return fail(ErrorCode::kProtocol, "membership message: " + std::move(what), std::move(field));
}

Result<void> check_id(const NodeId& id, const char* field) {
    if (Result<NodeId> parsed = parse_node_id(id.str()); !parsed) {
        return bad("not a node id", field);
    }
    return {};
}

Result<void> check(const Accusation& accusation) {
    if (auto ok = check_id(accusation.subject, "subject"); !ok) return ok;
    if (auto ok = check_id(accusation.accuser, "accuser"); !ok) return ok;
    if (accusation.subject == accusation.accuser) return bad("it accuses itself", "accuser");
    if (accusation.verdict != Status::kSuspect && accusation.verdict != Status::kDead) {
        return bad("an accusation says suspect or dead", "verdict");
    }
    if (accusation.evidence > Evidence::kRefused) return bad("unknown evidence", "evidence");
    return {};
}

Result<void> check(const std::vector<Rumor>& rumors, bool may_be_empty) {
    if (rumors.size() > kRumorsPerMessage) return bad("too many rumors", "rumors");
    if (rumors.empty() && !may_be_empty) return bad("no rumor", "rumors");
    for (const Rumor& rumor : rumors) {
        if (const auto* claim = std::get_if<ClaimRef>(&rumor)) {
            if (*claim == nullptr) return bad("an empty claim", "rumors");
            if (auto ok = validate(**claim); !ok) return ok;
        } else if (auto ok = check(std::get<Accusation>(rumor)); !ok) {
            return ok;
        }
    }
    return {};
}

Result<void> check(const Digest& digest) {
    if (digest.status > Status::kLeft) return bad("unknown status", "status");
    return check_id(digest.id, "digest");
}

Result<void> check(const SyncRequest& request) {
    if (!request.first.empty()) {
        if (auto ok = check_id(request.first, "first"); !ok) return ok;
    }
    if (!request.end.empty()) {
        if (auto ok = check_id(request.end, "end"); !ok) return ok;
        if (request.end <= request.first) return bad("an empty range", "end");
    }
    if (request.digests.size() > kDigestsPerMessage) return bad("too many digests", "digests");
    const NodeId* before = nullptr;
    for (const Digest& digest : request.digests) {
        if (auto ok = check(digest); !ok) return ok;
        if (digest.id < request.first || (!request.end.empty() && digest.id >= request.end)) {
            return bad("a digest out of range", "digests");
        }
        if (before != nullptr && digest.id <= *before)
            return bad("digests out of order", "digests");
        before = &digest.id;
    }
    return {};
}

Result<void> check(const SyncReply& reply) {
    if (auto ok = check(reply.rumors, true); !ok) return ok;
    if (reply.wanted.size() > kDigestsPerMessage) return bad("too many ids wanted", "wanted");
    for (const NodeId& id : reply.wanted) {
        if (auto ok = check_id(id, "wanted"); !ok) return ok;
    }
    return {};
}

Result<void> check(const Ping& ping) {
    return check(ping.target);
}
Result<void> check(const IndirectPing& ping) {
    return check_id(ping.target, "target");
}
Result<void> check(const Gossip& gossip) {
    return check(gossip.rumors, false);
}
Result<void> check(const SyncDelta& delta) {
    return check(delta.rumors, false);
}
Result<void> check(const Ack&) {
    return {};
}
Result<void> check(const Nack&) {
    return {};
}
Result<void> check(const Goodbye&) {
    return {};
}

}  // namespace

std::string_view message_name(const Message& message) {
    constexpr std::string_view kNames[] = {"ping",       "ack",        "indirect_ping",
                                           "nack",       "gossip",     "sync_request",
                                           "sync_reply", "sync_delta", "goodbye"};
    static_assert(std::size(kNames) == std::variant_size_v<Message>);
    return kNames[message.index()];
}

bool is_urgent(const Message& message) {
    return message.index() <= 3;
}
static_assert(std::is_same_v<std::variant_alternative_t<3, Message>, Nack>);

Result<void> validate(const Claim& claim) {
    if (auto ok = check_id(claim.id, "id"); !ok) return ok;
    if (claim.address.empty() || claim.address.size() > kAddressBytesMax) {
        return bad("an address of no or too many bytes", "address");
    }
    if (claim.credential.size() > kCredentialBytesMax) return bad("too large", "credential");
    if (claim.wire.oldest > claim.wire.newest) return bad("an empty range", "wire");
    if (!decode_profile(claim.profile)) return bad("malformed or too large", "profile");
    if (claim.profile.empty() && claim.profile_signature != SignatureBytes{}) {
        return bad("a signature of nothing", "profile_signature");
    }
    return {};
}

Result<void> validate(const Message& message) {
    return std::visit([](const auto& body) { return check(body); }, message);
}

}  // namespace vidai::mesh::membership
