// SPDX-License-Identifier: Apache-2.0
#include "mesh/transport/bounded_network.h"

#include <unordered_map>
#include <utility>

#include <capnp/rpc.capnp.h>
#include <kj/debug.h>

namespace vidai::mesh::transport {

namespace {

using ::capnp::IncomingRpcMessage;
using ::capnp::OutgoingRpcMessage;
using Message = ::capnp::rpc::Message;

}  // namespace

// The other side's calls that it is not finished with, and the bytes of those that are answered.
struct BoundedNetwork::Books {
    std::unordered_map<std::uint32_t, std::size_t> calls;
    std::size_t answer_bytes = 0;
    std::uint64_t heard = 0;
    std::optional<Error> fault;
    kj::Own<kj::PromiseFulfiller<void>> breach;

    void enter(const Message::Reader& message) {
        ++heard;
        switch (message.which()) {
            case Message::BOOTSTRAP:
                calls.try_emplace(message.getBootstrap().getQuestionId(), 0);
                break;
            case Message::CALL:
                calls.try_emplace(message.getCall().getQuestionId(), 0);
                break;
            case Message::FINISH:
                finished(message.getFinish().getQuestionId());
                break;
            default:
                break;
        }
    }
    void check(::capnp::TwoPartyVatNetwork& network) {
        if (calls.size() > kOpenCallsMax) end("calls that it did not finish");
        if (answer_bytes > kAnswerBytesMax) end("answers that it did not finish with");
        if (network.getCurrentQueueSize() > kUnsentBytesMax ||
            network.getCurrentQueueCount() > kUnsentMessagesMax) {
            end("answers that it did not read");
        }
    }
    void answered(std::uint32_t id, std::size_t bytes) {
        const auto found = calls.find(id);
        if (found == calls.end()) return;
        answer_bytes += bytes - std::exchange(found->second, bytes);
    }
    void finished(std::uint32_t id) {
        const auto found = calls.find(id);
        if (found == calls.end()) return;
        answer_bytes -= found->second;
        calls.erase(found);
    }
    [[noreturn]] void end(const std::string& what) {
        const std::string why = "the other side left too many " + what;
        breach->fulfill();
        fault = Error{ErrorCode::kResourceExhausted, why, "unfinished"};
        kj::throwFatalException(kj::Exception(kj::Exception::Type::OVERLOADED, __FILE__, __LINE__,
                                              kj::heapString(why.data(), why.size())));
    }
};

class BoundedNetwork::Outgoing final : public OutgoingRpcMessage {
  public:
    Outgoing(kj::Own<OutgoingRpcMessage> inner, std::shared_ptr<Books> books)
        : inner_(kj::mv(inner)), books_(std::move(books)) {}

    ::capnp::AnyPointer::Builder getBody() override { return inner_->getBody(); }
    void setFds(kj::Array<int> fds) override { inner_->setFds(kj::mv(fds)); }
    std::size_t sizeInWords() override { return inner_->sizeInWords(); }
    void send() override {
        const auto message = inner_->getBody().asReader().getAs<Message>();
        if (message.isReturn()) {
            books_->answered(message.getReturn().getAnswerId(),
                             inner_->sizeInWords() * sizeof(::capnp::word));
        }
        inner_->send();
    }

  private:
    kj::Own<OutgoingRpcMessage> inner_;
    std::shared_ptr<Books> books_;
};

// The one connection that there is; inner_'s own, watched.
class BoundedNetwork::Watched final : public ::capnp::TwoPartyVatNetworkBase::Connection {
  public:
    Watched(::capnp::TwoPartyVatNetwork& network, std::shared_ptr<Books> books)
        : network_(network), books_(std::move(books)) {}

    // The system tells connections apart by their address: it is given this one each time.
    kj::Own<Connection> hand_out(kj::Own<Connection> inner) {
        inner_ = inner.get();
        return kj::Own<Connection>(this, kj::NullDisposer::instance).attach(kj::mv(inner));
    }

    kj::Own<::capnp::RpcFlowController> newStream() override { return inner_->newStream(); }
    ::capnp::rpc::twoparty::VatId::Reader getPeerVatId() override { return inner_->getPeerVatId(); }
    kj::Promise<void> shutdown() override { return inner_->shutdown(); }
    kj::Own<OutgoingRpcMessage> newOutgoingMessage(kj::uint first_segment_words) override {
        return kj::heap<Outgoing>(inner_->newOutgoingMessage(first_segment_words), books_);
    }
    kj::Promise<kj::Maybe<kj::Own<IncomingRpcMessage>>> receiveIncomingMessage() override {
        return inner_->receiveIncomingMessage().then(
            [this](kj::Maybe<kj::Own<IncomingRpcMessage>>&& incoming) {
                KJ_IF_MAYBE (message, incoming) {
                    books_->enter((*message)->getBody().getAs<Message>());
                    books_->check(network_);
                }
                return kj::mv(incoming);
            });
    }

  private:
    ::capnp::TwoPartyVatNetwork& network_;
    Connection* inner_ = nullptr;  // as long as somebody holds this one
    std::shared_ptr<Books> books_;
};

BoundedNetwork::BoundedNetwork(kj::AsyncIoStream& stream, ::capnp::rpc::twoparty::Side side,
                               ::capnp::ReaderOptions options)
    : inner_(stream, side, options),
      books_(std::make_shared<Books>()),
      watched_(kj::heap<Watched>(inner_, books_)) {
    books_->breach = kj::mv(breach_.fulfiller);
}

BoundedNetwork::~BoundedNetwork() noexcept(false) = default;

const std::optional<Error>& BoundedNetwork::fault() const {
    return books_->fault;
}

std::uint64_t BoundedNetwork::heard() const {
    return books_->heard;
}

kj::Maybe<kj::Own<BoundedNetwork::Connection>> BoundedNetwork::connect(
    ::capnp::rpc::twoparty::VatId::Reader to) {
    return inner_.connect(to).map([this](kj::Own<Connection>&& connection) {
        return watched_->hand_out(kj::mv(connection));
    });
}

kj::Promise<kj::Own<BoundedNetwork::Connection>> BoundedNetwork::accept() {
    return inner_.accept().then([this](kj::Own<Connection>&& connection) {
        return watched_->hand_out(kj::mv(connection));
    });
}

}  // namespace vidai::mesh::transport
