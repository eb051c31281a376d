// SPDX-License-Identifier: Apache-2.0
// BoundedNetwork: the two-party network of one connection, with a bound on what the other side may
// have us keep. capnproto keeps each call's answer until its caller says that it is finished with
// it, and each message until the stream has taken it: whoever calls and neither finishes nor reads
// would have all memory. Beyond a bound the connection ends. An event loop's thread; outlives the
// RpcSystem that it is given to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include "schema/vocabulary/error.h"

namespace vidai::mesh::transport {

// Several times what an honest side comes to: 512 deliveries, a few pages, a few questions.
inline constexpr std::size_t kOpenCallsMax = 2'048;
inline constexpr std::size_t kAnswerBytesMax = std::size_t{32} << 20;  // of open calls
inline constexpr std::size_t kUnsentBytesMax = std::size_t{32} << 20;
inline constexpr std::size_t kUnsentMessagesMax = 8'192;

class BoundedNetwork final : public ::capnp::TwoPartyVatNetworkBase {
  public:
    // `stream` outlives it.
    BoundedNetwork(kj::AsyncIoStream& stream, ::capnp::rpc::twoparty::Side side,
                   ::capnp::ReaderOptions options);
    ~BoundedNetwork() noexcept(false);

    // Once; as TwoPartyVatNetwork's, and at once when a bound ended it: what the other side does
    // not read is not waited for.
    kj::Promise<void> onDisconnect() {
        return inner_.onDisconnect().exclusiveJoin(kj::mv(breach_.promise));
    }
    // Messages of the other side so far.
    std::uint64_t heard() const;
    // Which bound ended it, if one did; its param is a refusal reason.
    const std::optional<Error>& fault() const;

    kj::Maybe<kj::Own<Connection>> connect(::capnp::rpc::twoparty::VatId::Reader to) override;
    kj::Promise<kj::Own<Connection>> accept() override;

  private:
    struct Books;
    class Outgoing;
    class Watched;

    ::capnp::TwoPartyVatNetwork inner_;
    kj::PromiseFulfillerPair<void> breach_ = kj::newPromiseAndFulfiller<void>();
    const std::shared_ptr<Books> books_;  // messages may outlive the connection
    kj::Own<Watched> watched_;
};

}  // namespace vidai::mesh::transport
