// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/peer_server.h"

#include <algorithm>
#include <utility>

#include "mesh/wire/membership.h"
#include "mesh/wire/message.h"

namespace vidai::mesh::rpc {

namespace {

// What small questions count as, since their bytes are not what they cost: an answer, and a
// signature with a line in the log. Some thousand of the former and 64 of the latter at once.
constexpr std::uint64_t kQuestionBytes = 1'024;
constexpr std::uint64_t kSignatureBytes = 64 * 1'024;
// A signature to verify, or runs of numbers to compare with those of all peers.
constexpr std::uint64_t kCopyBytes = 8 * 1'024;

// 0 for a message that capnproto cannot walk: it will be refused as malformed.
template <class Context>
std::uint64_t words_of(Context& context) {
    std::uint64_t words = 0;
    kj::runCatchingExceptions([&]() { words = context.getParams().totalSize().wordCount; });
    return words;
}

kj::Promise<void> over_quota() {
    return kj::Exception(kj::Exception::Type::OVERLOADED, __FILE__, __LINE__,
                         kj::str("beyond this peer's quota: tell it later"));
}

}  // namespace

kj::Promise<void> PeerServer::malformed(const Error& why) {
    calls_.on_malformed(from_, why);
    return kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__,
                         kj::heapString(why.message.data(), why.message.size()));
}

template <class Context>
bool PeerServer::admitted(transport::TrafficKind kind, Context& context, std::uint64_t least) {
    const std::uint64_t words = words_of(context);
    traffic_.add_in(kind, words);
    return calls_.admits(from_, kind, std::max(8 * words, least));
}

kj::Promise<void> PeerServer::deliver(DeliverContext context) {
    if (!admitted(transport::TrafficKind::kMembership, context)) return over_quota();
    const auto message =
        wire::guarded([&]() { return wire::read(context.getParams().getMessage()); });
    if (!message) return malformed(message.error());
    calls_.on_message(from_, *message);
    return kj::READY_NOW;
}

kj::Promise<void> PeerServer::pushCounters(PushCountersContext context) {
    if (!admitted(transport::TrafficKind::kCounters, context)) return over_quota();
    const auto push = wire::guarded([&]() { return wire::read(context.getParams().getPush()); });
    if (!push) return malformed(push.error());
    calls_.on_counters(from_, *push);
    return kj::READY_NOW;
}

kj::Promise<void> PeerServer::relayCounters(RelayCountersContext context) {
    if (!admitted(transport::TrafficKind::kCounters, context)) return over_quota();
    const auto told = wire::guarded([&]() { return wire::read(context.getParams().getRelay()); });
    if (!told) return malformed(told.error());
    calls_.on_relayed(from_, *told);
    return kj::READY_NOW;
}

kj::Promise<void> PeerServer::pushRegisters(PushRegistersContext context) {
    if (!admitted(transport::TrafficKind::kRegisters, context)) return over_quota();
    auto page = wire::guarded([&]() { return wire::read(context.getParams().getPage()); });
    if (!page) return malformed(page.error());
    calls_.on_registers(from_, std::move(*page));
    return kj::READY_NOW;
}

kj::Promise<void> PeerServer::pullRegisters(PullRegistersContext context) {
    if (!admitted(transport::TrafficKind::kRegisters, context)) return over_quota();
    const auto pull = wire::guarded([&]() { return wire::read(context.getParams().getPull()); });
    if (!pull) return malformed(pull.error());
    wire::write(calls_.page_for(peer_.node, *pull), calls_.digest_now(), clock_.wall_now(),
                context.getResults().initPage());
    traffic_.add_out(transport::TrafficKind::kRegisters,
                     context.getResults().asReader().totalSize().wordCount);
    return kj::READY_NOW;
}

kj::Promise<void> PeerServer::pullCounters(PullCountersContext context) {
    if (!admitted(transport::TrafficKind::kCounters, context)) return over_quota();
    const auto pull = wire::guarded([&]() { return wire::read(context.getParams().getPull()); });
    if (!pull) return malformed(pull.error());
    wire::write(calls_.cells_for(from_, *pull), context.getResults().initPage());
    traffic_.add_out(transport::TrafficKind::kCounters,
                     context.getResults().asReader().totalSize().wordCount);
    return kj::READY_NOW;
}

kj::Promise<void> PeerServer::tellMoney(TellMoneyContext context) {
    if (!admitted(transport::TrafficKind::kMoney, context)) return over_quota();
    const auto asked = context.getParams();
    if (asked.getMore().size() >= kWordsTogether) {
        return malformed(
            {ErrorCode::kProtocol, "a call says more than 1024 words of money", "more"});
    }
    std::vector<seal::ByteView> said{wire::bytes_of(asked.getSaid())};
    for (const ::capnp::Data::Reader one : asked.getMore()) said.push_back(wire::bytes_of(one));
    calls_.on_money(from_, said);
    return kj::READY_NOW;
}

kj::Promise<void> PeerServer::keepUsage(KeepUsageContext context) {
    if (!admitted(transport::TrafficKind::kUsage, context, kCopyBytes)) return over_quota();
    const auto asked = wire::guarded([&]() { return wire::read(context.getParams()); });
    if (!asked) return malformed(asked.error());
    calls_.on_keep_usage(from_, *asked);
    return kj::READY_NOW;
}

kj::Promise<void> PeerServer::usageKept(UsageKeptContext context) {
    if (!admitted(transport::TrafficKind::kUsage, context, kCopyBytes)) return over_quota();
    auto said = wire::guarded([&]() { return wire::read(context.getParams()); });
    if (!said) return malformed(said.error());
    calls_.on_usage_kept(from_, std::move(*said));
    return kj::READY_NOW;
}

kj::Promise<void> PeerServer::renewCertificate(RenewCertificateContext context) {
    if (!admitted(transport::TrafficKind::kRegisters, context, kSignatureBytes)) {
        return over_quota();
    }
    context.getResults().setChain(wire::to_data(calls_.renew_for(peer_)));
    return kj::READY_NOW;
}

kj::Promise<void> PeerServer::rotateKey(RotateKeyContext context) {
    if (!admitted(transport::TrafficKind::kRegisters, context, kSignatureBytes)) {
        return over_quota();
    }
    const auto asked = context.getParams();
    seal::PublicKey next;
    seal::Signature proof;
    if (asked.getKey().size() != next.bytes.size() ||
        asked.getProof().size() != proof.bytes.size()) {
        return malformed({ErrorCode::kProtocol, "a message is malformed: key or proof", "key"});
    }
    std::ranges::copy(asked.getKey(), next.bytes.begin());
    std::ranges::copy(asked.getProof(), proof.bytes.begin());
    context.getResults().setChain(wire::to_data(calls_.rotate_for(peer_, next, proof)));
    return kj::READY_NOW;
}

// A reason that we do not know changes nothing, so it need not be well-formed.
kj::Promise<void> PeerServer::turnAway(TurnAwayContext context) {
    calls_.on_turned_away(from_, wire::text_of(context.getParams().getReason()));
    return kj::READY_NOW;
}

kj::Promise<void> ReturnServer::renewCertificate(RenewCertificateContext context) {
    if (!calls_.admits(peer_.node, transport::TrafficKind::kRegisters, kSignatureBytes)) {
        return over_quota();
    }
    context.getResults().setChain(wire::to_data(calls_.renew_for(peer_)));
    return kj::READY_NOW;
}

kj::Promise<void> PeerServer::holds(HoldsContext context) {
    if (!admitted(transport::TrafficKind::kRegisters, context, kQuestionBytes)) return over_quota();
    const auto asked = context.getParams();
    const state::RegisterName name{state::RegisterKind{asked.getKind()},
                                   wire::text_of(asked.getId())};
    context.getResults().setHeld(calls_.holds(name, state::Hlc{asked.getTime()}));
    return kj::READY_NOW;
}

}  // namespace vidai::mesh::rpc
