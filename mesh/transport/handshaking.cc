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
constexpr int kRtoMax = 44;  // TCP_RTO_MAX_MS of Linux since 6.15; this libc has no name for it
constexpr unsigned kRtoMaxMs = 1'000;

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
                        "the other side closed the connection during the handshake: it may be of "
                        "another mesh, or hold this side's certificate for bad; its log says why",
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

// A timer that doubles makes a lossy connection silent for longer than a suspicion lasts: at 30 %
// loss each way one message in a hundred was 6 s late, and with what is done here one in thousands.
// A thin stream (fewer than four segments unacknowledged, as probes are) is sent again six times
// without doubling: networking/tcp-thin in the kernel's documentation. That leaves out initial slow
// start, which BBR never counts as over: so Reno, which every kernel has and lets everybody choose,
// and whose slow growth is of no matter to some 64 KiB of bulk. From Linux 6.15 on nothing is sent
// again later than after a second. A kernel that lacks one of these is slower under loss, no more.
void resend_sooner(kj::AsyncIoStream& stream) {
    KJ_IF_MAYBE (fd, stream.getFd()) {
        constexpr std::string_view kReno = "reno";
        const int on = 1;
        ::setsockopt(*fd, IPPROTO_TCP, TCP_CONGESTION, kReno.data(), kReno.size());
        ::setsockopt(*fd, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, &on, sizeof on);
        ::setsockopt(*fd, IPPROTO_TCP, kRtoMax, &kRtoMaxMs, sizeof kRtoMaxMs);
    }
}

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
    resend_sooner(stream);
}

}  // namespace vidai::mesh::transport
