// SPDX-License-Identifier: Apache-2.0
// SealedStream: what capnproto sees of a mesh connection after its handshake. Bytes written become
// sealed records, bytes read have been opened, authenticated and seen by the FrameGuard first; a
// refusal ends the connection. Mesh thread (or the operator client's loop).
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include <kj/async-io.h>

#include "mesh/clock.h"
#include "mesh/seal/record.h"
#include "mesh/transport/handshaking.h"
#include "mesh/transport/traffic.h"
#include "mesh/wire/frame_guard.h"
#include "schema/vocabulary/error.h"

namespace vidai::mesh::transport {

class SealedStream final : public kj::AsyncIoStream {
  public:
    // `done`: a handshake, whose last message goes out with the first record. `words_max`: of one
    // message from the other side. `clock` outlives it.
    SealedStream(Handshaken done, std::size_t words_max, const Clock& clock);

    // Counts what it carries from now on into `traffic`, which outlives it.
    void meter(PeerTraffic& traffic) { traffic_ = &traffic; }

    // Why it ended, its param a refusal reason; nothing while it lives or when the other side
    // closed it.
    const std::optional<Error>& fault() const { return fault_; }
    bool timed_out() const { return timed_out_; }  // the system gave up on an unanswering peer

    kj::Promise<std::size_t> tryRead(void* buffer, std::size_t min, std::size_t max) override;
    kj::Promise<void> write(const void* buffer, std::size_t size) override;
    kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override;
    kj::Promise<void> whenWriteDisconnected() override;
    void shutdownWrite() override;  // sends the final record first
    void abortRead() override;

  private:
    kj::Promise<std::size_t> read_more(kj::byte* out, std::size_t min, std::size_t max,
                                       std::size_t got);
    std::size_t take(kj::byte* out, std::size_t max);
    kj::Promise<void> send(seal::Bytes sealed);
    [[noreturn]] void refuse(const Error& error);

    kj::Own<kj::AsyncIoStream> inner_;
    const Clock& clock_;
    seal::Sealer sealer_;
    seal::Opener opener_;
    wire::FrameGuard guard_;
    std::array<kj::byte, 32 * 1024> raw_;
    const seal::Bytes early_;
    seal::Bytes first_;      // unsealed, goes before the first record
    seal::ByteView sealed_;  // read, not opened yet; in raw_ or early_
    seal::ByteView open_;    // opened, not handed out yet
    PeerTraffic* traffic_ = nullptr;
    std::optional<Error> fault_;
    bool timed_out_ = false;
    kj::Promise<void> farewell_ = nullptr;
};

}  // namespace vidai::mesh::transport
