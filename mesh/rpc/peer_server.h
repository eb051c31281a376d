// SPDX-License-Identifier: Apache-2.0
// What a peer may call on us, checked and handed on. It answers in the turn in which it was asked.
// Mesh thread.
#pragma once

#include <cstdint>
#include <span>

#include "mesh/clock.h"
#include "mesh/membership/message.h"
#include "mesh/seal/certificate.h"
#include "mesh/state/register_set.h"
#include "mesh/transport/traffic.h"
#include "mesh/wire/counters.h"
#include "mesh/wire/registers.h"
#include "mesh/wire/usage.h"
#include "schema/rpc/peer.capnp.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::rpc {

inline constexpr std::size_t kWordsTogether = 1'024;  // of money, in one call

class PeerCalls {
  public:
    // Whether so many bytes of this peer may be read, before anything of them is.
    virtual bool admits(const NodeId& from, transport::TrafficKind kind, std::uint64_t bytes) = 0;
    virtual void on_message(const NodeId& from, const membership::Message& message) = 0;
    virtual void on_counters(const NodeId& from, const wire::CounterPush& push) = 0;
    virtual void on_relayed(const NodeId& from, const wire::SignedBatches& batches) = 0;
    virtual void on_registers(const NodeId& from, wire::RegisterPage page) = 0;
    // Valid until the registers change.
    virtual state::Page page_for(const NodeId& from, const wire::RegisterPull& pull) = 0;
    virtual limits::CellPage cells_for(const NodeId& from, const limits::CellPull& pull) = 0;
    virtual std::uint64_t digest_now() = 0;  // of all registers held
    virtual bool holds(const state::RegisterName& name, state::Hlc time) = 0;
    // A new chain for that peer; nothing without an issuer key.
    virtual seal::Bytes renew_for(const seal::PeerIdentity& peer) = 0;
    // For the key that it says is its next one; nothing where that is not to be believed either.
    virtual seal::Bytes rotate_for(const seal::PeerIdentity& peer, const seal::PublicKey& next,
                                   const seal::Signature& proof) = 0;
    virtual void on_money(const NodeId& from, std::span<const seal::ByteView> said) = 0;
    virtual void on_keep_usage(const NodeId& from, const wire::KeepUsage& asked) = 0;
    virtual void on_usage_kept(const NodeId& from, wire::UsageKept said) = 0;
    // It closes this connection, and says why.
    virtual void on_turned_away(const NodeId& by, const std::string& reason) = 0;
    virtual void on_malformed(const NodeId& from, const Error& why) = 0;

  protected:
    ~PeerCalls() = default;
};

class PeerServer final : public proto::Peer::Server {
  public:
    // All outlive it.
    PeerServer(seal::PeerIdentity peer, PeerCalls& calls, transport::PeerTraffic& traffic,
               const Clock& clock)
        : peer_(std::move(peer)),
          from_(peer_.node),
          calls_(calls),
          traffic_(traffic),
          clock_(clock) {}

    kj::Promise<void> deliver(DeliverContext context) override;
    kj::Promise<void> pushCounters(PushCountersContext context) override;
    kj::Promise<void> relayCounters(RelayCountersContext context) override;
    kj::Promise<void> pushRegisters(PushRegistersContext context) override;
    kj::Promise<void> pullRegisters(PullRegistersContext context) override;
    kj::Promise<void> pullCounters(PullCountersContext context) override;
    kj::Promise<void> holds(HoldsContext context) override;
    kj::Promise<void> renewCertificate(RenewCertificateContext context) override;
    kj::Promise<void> rotateKey(RotateKeyContext context) override;
    kj::Promise<void> turnAway(TurnAwayContext context) override;
    kj::Promise<void> tellMoney(TellMoneyContext context) override;
    kj::Promise<void> keepUsage(KeepUsageContext context) override;
    kj::Promise<void> usageKept(UsageKeptContext context) override;

  private:
    kj::Promise<void> malformed(const Error& why);
    // Counts what has come, as `least` bytes at least; false when beyond the peer's quota.
    template <class Context>
    bool admitted(transport::TrafficKind kind, Context& context, std::uint64_t least = 0);
    const seal::PeerIdentity peer_;
    const NodeId& from_;
    PeerCalls& calls_;
    transport::PeerTraffic& traffic_;
    const Clock& clock_;
};

// For a node that was off while the root rolled over: it may be certified anew, nothing else.
class ReturnServer final : public proto::Peer::Server {
  public:
    ReturnServer(seal::PeerIdentity peer, PeerCalls& calls)
        : peer_(std::move(peer)), calls_(calls) {}
    kj::Promise<void> renewCertificate(RenewCertificateContext context) override;

  private:
    const seal::PeerIdentity peer_;
    PeerCalls& calls_;
};

}  // namespace vidai::mesh::rpc
