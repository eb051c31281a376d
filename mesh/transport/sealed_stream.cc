// SPDX-License-Identifier: Apache-2.0
#include "mesh/transport/sealed_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <kj/debug.h>

#include "mesh/seal/refusal.h"

namespace vidai::mesh::transport {

SealedStream::SealedStream(Handshaken done, std::size_t words_max, const Clock& clock)
    : inner_(kj::mv(done.stream)),
      clock_(clock),
      sealer_(done.session.send, clock.mono_now()),
      opener_(done.session.receive),
      guard_(words_max),
      early_(std::move(done.early)),
      first_(std::move(done.last)),
      sealed_(early_) {}

void SealedStream::refuse(const Error& error) {
    fault_ = error;
    kj::throwFatalException(
        kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__,
                      kj::heapString(error.message.data(), error.message.size())));
}

std::size_t SealedStream::take(kj::byte* out, std::size_t max) {
    std::size_t got = 0;
    while (got < max) {
        if (open_.empty()) {
            if (sealed_.empty()) break;
            const auto opened = opener_.feed(sealed_);
            if (!opened) refuse(seal::to_error(opened.error()));
            sealed_ = sealed_.subspan(opened->consumed);
            open_ = opened->plaintext;
            if (auto fine = guard_.feed(open_); !fine) refuse(fine.error());
            continue;
        }
        const std::size_t size = std::min(max - got, open_.size());
        std::memcpy(out + got, open_.data(), size);
        open_ = open_.subspan(size);
        got += size;
    }
    return got;
}

kj::Promise<std::size_t> SealedStream::read_more(kj::byte* out, std::size_t min, std::size_t max,
                                                 std::size_t got) {
    got += take(out + got, max - got);
    if (got >= min) return got;
    return inner_->tryRead(raw_.data(), 1, raw_.size())
        .then([this, out, min, max, got](std::size_t size) -> kj::Promise<std::size_t> {
            if (size == 0) return got;  // a cut and a clean end mean the same to the RPC layer
            if (traffic_ != nullptr) traffic_->wire_in += size;
            sealed_ = seal::ByteView(raw_.data(), size);
            return read_more(out, min, max, got);
        });
}

kj::Promise<std::size_t> SealedStream::tryRead(void* buffer, std::size_t min, std::size_t max) {
    return kj::evalNow([&]() { return read_more(static_cast<kj::byte*>(buffer), min, max, 0); })
        .catch_([this](kj::Exception&& e) -> kj::Promise<std::size_t> {
            // KJ files ETIMEDOUT, which TCP_USER_TIMEOUT ends in, under overload.
            if (e.getType() == kj::Exception::Type::OVERLOADED) timed_out_ = true;
            return kj::mv(e);
        });
}

kj::Promise<void> SealedStream::send(seal::Bytes sealed) {
    if (!first_.empty()) {
        first_.insert(first_.end(), sealed.begin(), sealed.end());
        sealed = std::exchange(first_, {});
    }
    if (traffic_ != nullptr) traffic_->wire_out += sealed.size();
    auto held = kj::heap<seal::Bytes>(std::move(sealed));
    auto sent = inner_->write(held->data(), held->size());
    return sent.attach(kj::mv(held));
}

kj::Promise<void> SealedStream::write(const void* buffer, std::size_t size) {
    seal::Bytes sealed;
    sealer_.seal({static_cast<const std::uint8_t*>(buffer), size}, clock_.mono_now(), sealed);
    return send(std::move(sealed));
}

kj::Promise<void> SealedStream::write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) {
    // One record for a small message, however many segments it has.
    seal::Bytes whole;
    for (const auto& piece : pieces) whole.insert(whole.end(), piece.begin(), piece.end());
    return write(whole.data(), whole.size());
}

kj::Promise<void> SealedStream::whenWriteDisconnected() {
    return inner_->whenWriteDisconnected();
}

void SealedStream::shutdownWrite() {
    if (sealer_.finished()) return;
    seal::Bytes sealed;
    sealer_.finish(sealed);
    farewell_ = send(std::move(sealed))
                    .then([this]() { inner_->shutdownWrite(); }, [](kj::Exception&&) {})
                    .eagerlyEvaluate(nullptr);
}

void SealedStream::abortRead() {
    inner_->abortRead();
}

}  // namespace vidai::mesh::transport
