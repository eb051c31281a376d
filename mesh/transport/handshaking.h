// SPDX-License-Identifier: Apache-2.0
// Drives a seal::Handshake over a socket. What it accepts is seal's decision; here are only the
// bytes. Mesh thread (or the operator client's loop).
#pragma once

#include <memory>
#include <string_view>

#include <kj/async-io.h>

#include "mesh/seal/handshake.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::transport {

struct Handshaken {
    kj::Own<kj::AsyncIoStream> stream;
    seal::Session session;
    seal::Bytes early;  // the other side's first records, if they came along
    seal::Bytes last;   // our last message, not sent yet: sending it is what accepts the peer
};

// `param` of the error when the other side closes, which is how it refuses us.
inline constexpr std::string_view kClosedParam = "closed";

// kUnauthenticated with the refusal's name in param when we refuse, kUnavailable when the other
// side closes or speaks HTTP. The caller bounds the time. `told`, where given, gets what an
// initiator is told of new roots (Handshake::told()).
kj::Promise<Result<Handshaken>> run_handshake(kj::Own<kj::AsyncIoStream> stream,
                                              std::unique_ptr<seal::Handshake> machine,
                                              std::shared_ptr<seal::Bytes> told = nullptr);

// TCP_NODELAY, resend soon what is lost, and give up on a peer that acknowledges nothing for
// TCP_USER_TIMEOUT.
void tune(kj::AsyncIoStream& stream);

}  // namespace vidai::mesh::transport
