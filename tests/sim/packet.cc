// SPDX-License-Identifier: Apache-2.0
// The arithmetic of capnproto's encoding: words of 8 bytes, a tag word before a list of structs,
// texts with their NUL. A test holds it against what mesh/wire really packs.
#include "tests/sim/packet.h"

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace vidai::sim {
namespace {

using namespace mesh::membership;  // NOLINT(google-build-using-namespace)

constexpr std::size_t kWord = 8;
constexpr std::size_t kFrame = 2 * kWord;  // segment table and root pointer
// Message, Call, MessageTarget, Payload and the parameters' struct of rpc.capnp.
constexpr std::size_t kCall = kFrame + 13 * kWord;
constexpr std::size_t kReturn = kFrame + 7 * kWord;  // Message, Return, Payload
constexpr std::size_t kFinish = kFrame + 3 * kWord;  // Message, Finish
constexpr std::size_t kRecord = 2 + 17;              // length, and secretstream's tag and MAC
constexpr std::size_t kRecordPlaintext = 16 * 1024;

constexpr std::size_t words(std::size_t bytes) {
    return (bytes + kWord - 1) / kWord * kWord;
}
std::size_t text(const std::string& value) {
    return words(value.size() + 1);
}

constexpr std::size_t kVersion = 3 * kWord;

std::size_t size_of(const Claim& claim) {
    const bool described = !claim.profile.empty();
    return 9 * kWord + text(claim.id.str()) + words(claim.key.size()) + kVersion +
           text(claim.address) + words(claim.credential.size()) + words(claim.signature.size()) +
           words(claim.profile.size()) + (described ? words(claim.profile_signature.size()) : 0);
}
std::size_t size_of(const Accusation& accusation) {
    return 4 * kWord + text(accusation.subject.str()) + kVersion + text(accusation.accuser.str());
}
std::size_t size_of(const Digest& digest) {
    return 3 * kWord + text(digest.id.str()) + kVersion;
}
std::size_t size_of(const std::vector<Rumor>& rumors) {
    std::size_t size = kWord;
    for (const Rumor& rumor : rumors) {
        size += 2 * kWord;
        const auto* claim = std::get_if<ClaimRef>(&rumor);
        size += claim != nullptr ? size_of(**claim) : size_of(std::get<Accusation>(rumor));
    }
    return size;
}

std::size_t size_of(const Ping& ping) {
    return size_of(ping.target);
}
std::size_t size_of(const Ack&) {
    return 0;
}
std::size_t size_of(const IndirectPing& ping) {
    return text(ping.target.str());
}
std::size_t size_of(const Nack&) {
    return 0;
}
std::size_t size_of(const Gossip& gossip) {
    return size_of(gossip.rumors);
}
std::size_t size_of(const SyncRequest& request) {
    std::size_t size = text(request.first.str()) + text(request.end.str()) + kWord;
    for (const Digest& digest : request.digests) size += size_of(digest);
    return size;
}
std::size_t size_of(const SyncReply& reply) {
    std::size_t size = size_of(reply.rumors);
    for (const NodeId& id : reply.wanted) size += kWord + text(id.str());
    return size;
}
std::size_t size_of(const SyncDelta& delta) {
    return size_of(delta.rumors);
}
std::size_t size_of(const Goodbye&) {
    return 0;
}

std::size_t sealed(std::size_t bytes) {
    return bytes + kRecord * ((bytes + kRecordPlaintext - 1) / kRecordPlaintext);
}

}  // namespace

std::size_t packed_bytes(const Message& message) {
    constexpr std::size_t kMemberMessage = 5 * kWord;
    return kFrame + kMemberMessage +
           std::visit([](const auto& body) { return size_of(body); }, message);
}

namespace {

constexpr std::size_t kCellBatch = 7 * kWord;  // its struct: five words and two pointers
constexpr std::size_t kCellCursor = 6 * kWord;

std::size_t contents(const mesh::limits::CellBatch& batch) {
    std::size_t size = text(batch.node.str()) + kWord;
    for (const mesh::limits::Cell& cell : batch.cells) size += 5 * kWord + text(cell.key.str());
    return size;
}
std::size_t contents(const std::optional<mesh::limits::CellCursor>& cursor) {
    return cursor ? kCellCursor + text(cursor->node.str()) + text(cursor->after.str()) : 0;
}

}  // namespace

std::size_t packed_bytes(const mesh::limits::CellBatch& batch) {
    return kFrame + 3 * kWord + kCellBatch + contents(batch);
}

std::size_t packed_bytes(const std::vector<mesh::limits::SignedBatchRef>& relayed) {
    constexpr std::size_t kSignedBatch = 3 * kWord;  // a sequence and two pointers
    std::size_t size = kFrame + 2 * kWord + kWord;
    for (const mesh::limits::SignedBatchRef& said : relayed) {
        size += kSignedBatch + kCellBatch + contents(said->batch) + said->signature.size();
    }
    return size;
}

std::size_t packed_bytes(const mesh::limits::CellPull& pull) {
    std::size_t size = kFrame + 6 * kWord + kWord + contents(pull.from);
    if (pull.end) size += text(pull.end->node.str());
    for (const mesh::limits::OriginProgress& one : pull.have) {
        size += 4 * kWord + text(one.node.str());
    }
    return size;
}

std::size_t packed_bytes(const mesh::limits::CellPage& page) {
    std::size_t size = kFrame + 3 * kWord + kWord + contents(page.next);
    for (const mesh::limits::CellBatch& batch : page.batches) {
        size += kCellBatch + contents(batch);
    }
    return size;
}

namespace {

// About: a certificate's chain is told once a page and here not at all.
std::size_t packed_bytes(const std::vector<mesh::state::Register>& registers) {
    std::size_t size = kFrame + 6 * kWord + kWord;
    for (const mesh::state::Register& each : registers) {
        size += 3 * kWord + words(mesh::state::encode(each.statement).size()) + 8 * kWord;
    }
    return size;
}

}  // namespace

std::size_t wire_bytes(const Packet& packet) {
    constexpr std::size_t kAnswer = kReturn + kRecord;
    constexpr std::size_t kEnd = kFinish + kRecord;
    if (const auto* message = std::get_if<Message>(&packet)) {
        return sealed(kCall - kFrame + packed_bytes(*message)) + kAnswer + kEnd;
    }
    if (const auto* push = std::get_if<CounterPush>(&packet)) {
        return sealed(kCall - kFrame + packed_bytes(*push->batch)) + kEnd;
    }
    if (const auto* pull = std::get_if<CounterPull>(&packet)) {
        return sealed(kCall - kFrame + packed_bytes(*pull->pull)) + kEnd;
    }
    if (const auto* page = std::get_if<CounterPage>(&packet)) {
        return sealed(kReturn - kFrame + packed_bytes(*page->page));
    }
    if (const auto* relayed = std::get_if<CounterRelayed>(&packet)) {
        return sealed(kCall - kFrame + packed_bytes(*relayed->batches)) + kEnd;
    }
    if (const auto* push = std::get_if<RegisterPush>(&packet)) {
        return sealed(kCall - kFrame + packed_bytes(*push->registers)) + kAnswer + kEnd;
    }
    if (const auto* pull = std::get_if<RegisterPull>(&packet)) {
        constexpr std::size_t kCursor = 4 * kWord;
        return sealed(kCall + kCursor + kWord * pull->digest->buckets.size()) + kEnd;
    }
    if (const auto* page = std::get_if<RegisterPage>(&packet)) {
        return sealed(kReturn - kFrame + packed_bytes(*page->registers));
    }
    return kAnswer;
}

}  // namespace vidai::sim
