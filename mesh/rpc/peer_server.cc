// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/peer_server.h"

#include <utility>

#include "mesh/rpc/clock.h"
#include "mesh/wire/membership.h"
#include "mesh/wire/message.h"

namespace vidai::mesh::rpc {

kj::Promise<void> PeerServer::malformed(const Error& why) {
    calls_.on_malformed(from_, why);
    return kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__,
                         kj::heapString(why.message.data(), why.message.size()));
}

kj::Promise<void> PeerServer::deliver(DeliverContext context) {
    const auto message =
        wire::guarded([&]() { return wire::read(context.getParams().getMessage()); });
    if (!message) return malformed(message.error());
    calls_.on_message(from_, *message);
    return kj::READY_NOW;
}

kj::Promise<void> PeerServer::pushCounters(PushCountersContext context) {
    const auto push = wire::guarded([&]() { return wire::read(context.getParams().getPush()); });
    if (!push) return malformed(push.error());
    calls_.on_counters(from_, *push);
    return kj::READY_NOW;
}

kj::Promise<void> PeerServer::pushRegisters(PushRegistersContext context) {
    auto page = wire::guarded([&]() { return wire::read(context.getParams().getPage()); });
    if (!page) return malformed(page.error());
    calls_.on_registers(from_, std::move(*page));
    return kj::READY_NOW;
}

kj::Promise<void> PeerServer::pullRegisters(PullRegistersContext context) {
    const auto pull = wire::guarded([&]() { return wire::read(context.getParams().getPull()); });
    if (!pull) return malformed(pull.error());
    wire::write(calls_.page_for(*pull), calls_.digest_now(), wall_now(),
                context.getResults().initPage());
    return kj::READY_NOW;
}

kj::Promise<void> PeerServer::holds(HoldsContext context) {
    const auto asked = context.getParams();
    const state::RegisterName name{state::RegisterKind{asked.getKind()},
                                   wire::text_of(asked.getId())};
    context.getResults().setHeld(calls_.holds(name, state::Hlc{asked.getTime()}));
    return kj::READY_NOW;
}

}  // namespace vidai::mesh::rpc
