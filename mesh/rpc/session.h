// SPDX-License-Identifier: Apache-2.0
// Session: capnproto RPC over one connection, in both directions: what we offer is `bootstrap`,
// what the other side offers are the calls below. Membership goes out at once; bulk (counters and
// registers) only while few bytes of it are under way, so that probes never queue behind it.
// Mesh thread. Destroyed before the event loop.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/timer.h>

#include "mesh/clock.h"
#include "mesh/membership/message.h"
#include "mesh/rpc/bulk_window.h"
#include "mesh/transport/bounded_network.h"
#include "mesh/transport/traffic.h"
#include "mesh/usage/numbers.h"
#include "mesh/wire/counters.h"
#include "mesh/wire/registers.h"
#include "schema/rpc/peer.capnp.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

inline constexpr std::size_t kDeliveriesMax = 512;      // unanswered; further ones are lost
inline constexpr std::size_t kMoneyBytesMax = 4 << 20;  // the same of words about money
inline constexpr std::int64_t kCallTimeoutSeconds = 5;

class Session final : private kj::TaskSet::ErrorHandler {
  public:
    Session(kj::Own<kj::AsyncIoStream> stream, ::capnp::rpc::twoparty::Side side,
            ::capnp::Capability::Client bootstrap, std::size_t words_max, kj::Timer& timer,
            transport::PeerTraffic& traffic, const Clock& clock);
    ~Session() noexcept(false);

    // Resolves once, when the connection is gone for whatever reason.
    kj::Promise<void> ended() { return network_.onDisconnect(); }

    // Why this side ended it, its param a refusal reason; nothing while it lives and otherwise.
    const std::optional<Error>& fault() const { return network_.fault(); }

    // Messages of the other side so far.
    std::uint64_t heard() const { return network_.heard(); }

    // Lost when too many are unanswered, as datagrams would be.
    void deliver(const membership::Message& message);

    const BulkWindow& bulk() const { return load_->bulk; }
    // False when the other side did not take it in time: it must be told later.
    kj::Promise<bool> push_counters(const wire::CounterPush& push);
    kj::Promise<bool> relay_counters(const wire::SignedBatches& batches);
    kj::Promise<bool> push_registers(const state::Page& page);
    // kUnavailable without an answer in time, kProtocol where that is not one to what was asked.
    kj::Promise<Result<wire::RegisterPage>> pull_registers(const wire::RegisterPull& pull);
    kj::Promise<Result<limits::CellPage>> pull_counters(const limits::CellPull& pull);
    // One call with all of that, one to kWordsTogether (peer_server.h) of them. Lost when too much
    // is unanswered: whoever says it says it again.
    void tell_money(std::span<const seal::Bytes> said);
    // A batch of this node's own events, to be kept; an empty one asks how much is. False: lost.
    kj::Promise<bool> keep_usage(const seal::PublicKey& origin, const seal::Signature& proof,
                                 seal::ByteView batch);
    // Lost when the other side does not take it in time.
    void usage_kept(const seal::PublicKey& origin, std::uint64_t floor,
                    const std::vector<usage::Span>& runs);
    // Why this connection is about to be closed; false when the other side did not hear it in time.
    kj::Promise<bool> turn_away(const std::string& reason);
    // Nothing when the other side holds no issuer key or does not answer in time.
    kj::Promise<seal::Bytes> renew_certificate();
    // The same for the key that is to follow this node's; the other side expects it from then on.
    kj::Promise<seal::Bytes> rotate_key(const seal::PublicKey& next, const seal::Signature& proof);
    // Whether the other side has that register in force; false when it does not answer in time.
    kj::Promise<bool> holds(const state::RegisterName& name, state::Hlc time);

    // The slowest push of the last one to two minutes, from call to answer.
    Duration push_time_max(MonoTime now) { return load_->push_time_max(now); }

  private:
    void taskFailed(kj::Exception&& e) override;
    static seal::Bytes chain_of(::capnp::Data::Reader data);
    // Shared with calls under way, whose promises may outlive the session.
    struct Load {
        std::size_t deliveries = 0;
        std::size_t money_bytes = 0;
        BulkWindow bulk;
        MonoTime minute;
        Duration slowest{}, slowest_before{};
        Duration push_time_max(MonoTime now);
    };
    template <class Request>
    kj::Promise<bool> push_timed(Request request);
    template <class T>
    kj::Promise<T> bulk(std::size_t bytes, kj::Promise<T> call, T failed);

    kj::Timer& timer_;
    transport::PeerTraffic& traffic_;  // outlives it
    const Clock& clock_;               // outlives the calls too
    const std::shared_ptr<Load> load_ = std::make_shared<Load>();
    kj::Own<kj::AsyncIoStream> stream_;
    transport::BoundedNetwork network_;
    ::capnp::RpcSystem<::capnp::rpc::twoparty::VatId> system_;
    proto::Peer::Client remote_;
    kj::TaskSet tasks_;
};

}  // namespace vidai::mesh::rpc
