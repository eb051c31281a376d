// SPDX-License-Identifier: Apache-2.0
// Guests: the connections of those who are no peers: operators, observers, and those who want a
// certificate. Each kind has places of its own, and where all are taken the one that has been
// silent for longest gives way, so that no kind, and nobody who only sits there, keeps an operator
// out. Mesh thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include <capnp/capability.h>
#include <kj/async-io.h>
#include <kj/function.h>
#include <kj/timer.h>

#include "mesh/clock.h"
#include "mesh/rpc/session.h"
#include "mesh/seal/certificate.h"
#include "mesh/seal/revoked.h"
#include "mesh/seal/roots.h"
#include "mesh/transport/sealed_stream.h"
#include "mesh/transport/traffic.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::rpc {

class Guests final : private kj::TaskSet::ErrorHandler {
  public:
    enum class Kind : std::uint8_t { kOperator, kObserver, kStranger };
    static constexpr std::array<std::size_t, 3> kPlaces{32, 16, 16};
    static constexpr std::size_t kPlacesMax = 64;  // of all kinds
    // Silent for so long, a guest makes place for another; and for so long, it is closed anyway.
    static constexpr Duration kGivesWay = std::chrono::seconds(10);
    static constexpr Duration kIdleMax = std::chrono::minutes(10);
    static constexpr Duration kStrangerIdleMax = std::chrono::minutes(1);

    // Told why this side ended a connection or turned one away. What is borrowed outlives it.
    using Refused = kj::Function<void(const std::string& who, const Error& why)>;
    Guests(kj::Timer& timer, const Clock& clock, transport::PeerTraffic& traffic, Refused refused);
    ~Guests() noexcept(false);

    // A connection whose handshake is done.
    void add(transport::Handshaken done, ::capnp::Capability::Client bootstrap, Kind kind);
    // The same of a node that comes under a retired root, to be certified anew.
    void add_returning(transport::Handshaken done, ::capnp::Capability::Client bootstrap);
    // One of the local socket: whoever may open that is an operator.
    void add_local(kj::Own<kj::AsyncIoStream> stream, ::capnp::Capability::Client bootstrap);

    // Ends those that are silent for too long, or whose certificate or root is past.
    void tick(MonoTime now, WallTime wall, const seal::Roots& roots);
    void close_revoked(const seal::RevokedKeys& revoked);
    void close_all_but_local();

  private:
    struct Guest {
        kj::Own<Session> session;
        const transport::SealedStream* stream = nullptr;  // the session's; not of the local socket
        seal::PeerIdentity who;                           // nobody, of the local socket
        Kind kind = Kind::kOperator;
        bool returning = false;  // under a retired root
        std::uint64_t heard = 0;
        MonoTime since;  // when it was seen to have said something
    };

    void taskFailed(kj::Exception&&) override {}
    void enter_sealed(transport::Handshaken done, ::capnp::Capability::Client bootstrap,
                      Guest guest);
    void enter(kj::Own<kj::AsyncIoStream> stream, ::capnp::Capability::Client bootstrap,
               Guest guest);
    bool make_room(Kind kind, MonoTime now);
    void listen(MonoTime now);
    void ended(std::uint64_t number);

    kj::Timer& timer_;
    const Clock& clock_;
    transport::PeerTraffic& traffic_;
    Refused refused_;
    std::uint64_t next_ = 0;
    std::map<std::uint64_t, Guest> guests_;
    kj::TaskSet tasks_;
};

}  // namespace vidai::mesh::rpc
