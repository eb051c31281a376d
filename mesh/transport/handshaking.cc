// SPDX-License-Identifier: Apache-2.0
#include "mesh/transport/handshaking.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "mesh/seal/refusal.h"

namespace vidai::mesh::transport {

namespace {

constexpr unsigned kUserTimeoutMs = 10'000;

// A client or admin port given for a mesh port, the usual mistake, deserves its name.
bool is_http(const std::uint8_t* data, std::size_t size) {
    constexpr std::string_view kStart = "HTTP/1.";
    return size >= kStart.size() && std::equal(kStart.begin(), kStart.end(), data);
}

class Run {
  public:
    Run(kj::Own<kj::AsyncIoStream> stream, std::unique_ptr<seal::Handshake> machine,
        std::shared_ptr<seal::Bytes> told)
        : stream_(kj::mv(stream)), machine_(std::move(machine)), told_(std::move(told)) {}

    kj::Promise<Result<Handshaken>> start() {
        return write(machine_->start()).then([this]() { return read(); });
    }

  private:
    kj::Promise<void> write(seal::Bytes bytes) {
        sending_ = std::move(bytes);
        if (sending_.empty()) return kj::READY_NOW;
        return stream_->write(sending_.data(), sending_.size());
    }

    kj::Promise<Result<Handshaken>> read() {
        return stream_->tryRead(buffer_.data(), 1, buffer_.size())
            .then([this](std::size_t size) -> kj::Promise<Result<Handshaken>> {
                if (size == 0) {
                    return Result<Handshaken>(fail(
                        ErrorCode::kUnavailable,
                        "the other side closed the connection during the handshake: its log says "
                        "why",
                        std::string(kClosedParam)));
                }
                if (std::exchange(first_, false) && is_http(buffer_.data(), size)) {
                    return Result<Handshaken>(fail(
                        ErrorCode::kUnavailable,
                        "the other side speaks HTTP: this is not a mesh address, whose port is "
                        "7420 unless configured otherwise",
                        "http"));
                }
                return take(seal::ByteView(buffer_.data(), size));
            });
    }

    kj::Promise<Result<Handshaken>> take(seal::ByteView in) {
        seal::Handshake::Progress progress = machine_->feed(in);
        switch (progress.state) {
            case seal::Handshake::State::kRefused:
                if (told_ != nullptr) *told_ = machine_->told();
                return write(std::move(progress.send)).then([this]() {
                    return Result<Handshaken>(fail(seal::to_error(machine_->refusal())));
                });
            case seal::Handshake::State::kOngoing:
                return write(std::move(progress.send)).then([this]() { return read(); });
            case seal::Handshake::State::kDone:
                break;
        }
        const seal::ByteView early = in.subspan(progress.consumed);
        return Result<Handshaken>(Handshaken{kj::mv(stream_),
                                             machine_->take_session(),
                                             {early.begin(), early.end()},
                                             std::move(progress.send)});
    }

    kj::Own<kj::AsyncIoStream> stream_;
    std::unique_ptr<seal::Handshake> machine_;
    std::shared_ptr<seal::Bytes> told_;
    std::array<std::uint8_t, 4'096> buffer_;
    seal::Bytes sending_;
    bool first_ = true;  // nothing was read yet
};

}  // namespace

kj::Promise<Result<Handshaken>> run_handshake(kj::Own<kj::AsyncIoStream> stream,
                                              std::unique_ptr<seal::Handshake> machine,
                                              std::shared_ptr<seal::Bytes> told) {
    auto run = kj::heap<Run>(kj::mv(stream), std::move(machine), std::move(told));
    auto done = run->start();
    return done.attach(kj::mv(run));
}

void tune(kj::AsyncIoStream& stream) {
    const int on = 1;
    stream.setsockopt(IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    stream.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs, sizeof kUserTimeoutMs);
    stream.setsockopt(SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

}  // namespace vidai::mesh::transport
