// SPDX-License-Identifier: Apache-2.0
#include "node/net/upstream_connection.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "node/net/clock.h"
#include "node/net/upstream_pool.h"
#include "node/net/worker_context.h"

namespace vidai::node::net {
namespace {

using upstream::Outcome;

// An answer's head may be as large as a request's; nobody configures this.
constexpr http::HeadLimits kHeadLimits{64 * 1024, http::kFieldCapacity};
constexpr std::size_t kReadBytes = 4 * 1024;  // least room for one read
constexpr int kReadsPerEvent = 32;            // then the other connections get their turn

}  // namespace

UpstreamConnection::UpstreamConnection(WorkerContext& worker, UpstreamPool& pool)
    : worker_(worker), pool_(pool), in_(worker.buffers) {}

UpstreamConnection::~UpstreamConnection() {
    close();
}

void UpstreamConnection::connect(UpstreamUser& user) {
    user_ = &user;
    calls_ = 1;
    call_started_ = mono_now();
    connect_by_ = call_started_ + pool_.provider().timeouts.connect;
    state_ = State::kResolving;
    arm(call_started_);
    // From the loop, not from in here: the caller is not ready to hear of a failure yet.
    boost::asio::post(worker_.io, [weak = weak_from_this()] {
        if (const auto self = weak.lock(); self && self->state_ == State::kResolving) {
            self->start_resolve();
        }
    });
}

void UpstreamConnection::start_resolve() {
    const providers::Provider& provider = pool_.provider();
    addresses_ = worker_.resolver.lookup(
        provider.host, provider.port, mono_now(),
        [weak = weak_from_this()](const Result<Addresses>& answer) {
            const auto self = weak.lock();
            if (self == nullptr || self->state_ != State::kResolving) return;
            if (!answer) return self->fail(Outcome::kResolveFailed, answer.error().message);
            self->addresses_ = std::make_shared<const Addresses>(*answer);
            self->try_next_address();
        });
    if (addresses_ != nullptr) try_next_address();
}

void UpstreamConnection::try_next_address() {
    while (next_address_ < addresses_->size()) {
        const SocketAddress& address = (*addresses_)[next_address_++];
        const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) break;
        stream_ = Stream(fd);
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        const auto* const target = reinterpret_cast<const sockaddr*>(&address.storage);
        const int connected = ::connect(fd, target, address.size);
        if (connected != 0 && errno != EINPROGRESS) {
            last_connect_error_ = std::generic_category().message(errno);
            stream_.close();
            continue;
        }
        state_ = State::kConnecting;
        if (!worker_.poller.add(fd, *this)) {
            stream_.close();
            break;
        }
        arm(mono_now());
        return;  // the socket becomes writable or fails
    }
    fail(last_connect_failure_, last_connect_error_);
}

void UpstreamConnection::on_connected() {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(stream_.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        last_connect_error_ = std::generic_category().message(error);
        worker_.poller.remove(stream_.fd(), *this);
        stream_.close();
        try_next_address();
        return;
    }
    if (pool_.tls() != nullptr) {
        TlsSession session = make_client_session(pool_.tls(), stream_.fd(), pool_.provider().host);
        if (session == nullptr) return fail(Outcome::kTlsFailed);
        stream_.start_tls(std::move(session));
    }
    state_ = State::kHandshake;
    continue_handshake();
}

void UpstreamConnection::continue_handshake() {
    switch (stream_.handshake()) {
        case IoStatus::kDone:
            return ready();
        case IoStatus::kLater:
            return;
        default:
            return fail(Outcome::kTlsFailed, stream_.tls_problem());
    }
}

void UpstreamConnection::ready() {
    state_ = State::kBusy;
    addresses_.reset();
    user_->on_upstream_ready();
}

void UpstreamConnection::adopt(UpstreamUser& user) {
    user_ = &user;
    ++calls_;
    state_ = State::kBusy;
}

void UpstreamConnection::send(std::string_view head, std::string_view body) {
    unsent_head_ = head;
    unsent_body_ = body;
    head_.reset();
    head_done_ = false;
    paused_ = false;
    first_byte_at_ = MonoTime{};
    bytes_in_ = 0;
    call_started_ = last_read_ = mono_now();
    arm(call_started_);
    flush();
}

void UpstreamConnection::flush() {
    while (!unsent_head_.empty() || !unsent_body_.empty()) {
        const IoResult result = stream_.write(unsent_head_, unsent_body_);
        if (result.status == IoStatus::kLater) return;
        // A provider may answer and close before it has read everything: look for its answer.
        if (result.status != IoStatus::kDone) return on_peer_closed();
        worker_.metrics.upstream_bytes_out.add(result.bytes);
        const std::size_t of_head = std::min(result.bytes, unsent_head_.size());
        unsent_head_.remove_prefix(of_head);
        unsent_body_.remove_prefix(result.bytes - of_head);
    }
}

void UpstreamConnection::on_events(std::uint32_t events) {
    switch (state_) {
        case State::kConnecting:
            if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) on_connected();
            return;
        case State::kHandshake:
            continue_handshake();
            return;
        case State::kIdle:
            // Bytes that nobody asked for, or the end; but a bare "writable" is only an echo.
            if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) {
                close();
                pool_.forget(*this);
            }
            return;
        case State::kBusy:
            break;
        default:
            return;
    }
    if ((events & EPOLLOUT) != 0) flush();
    if (state_ == State::kBusy && (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) {
        readable_ = true;
        if ((events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) peer_closed_ = true;
        if (!paused_) read_some();
    }
}

void UpstreamConnection::resume() {
    paused_ = false;
    if (!readable_ && in_.size() == 0) return;
    // From the loop: the user is in the middle of its own work.
    boost::asio::post(worker_.io, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self == nullptr || self->state_ != State::kBusy || self->paused_) return;
        if (self->in_.size() != 0 && !self->process()) return;
        if (self->readable_) self->read_some();
    });
}

void UpstreamConnection::read_some() {
    for (int i = 0; i < kReadsPerEvent; ++i) {
        const std::span<char> room = in_.writable(kReadBytes);
        const IoResult result = stream_.read(room);
        if (result.status == IoStatus::kLater) {
            readable_ = false;
            return;
        }
        if (result.status != IoStatus::kDone) return on_peer_closed();
        in_.commit(result.bytes);
        bytes_in_ += result.bytes;
        last_read_ = mono_now();
        if (first_byte_at_ == MonoTime{}) first_byte_at_ = last_read_;
        worker_.metrics.upstream_bytes_in.add(result.bytes);
        // A plain read that did not fill the room has emptied the socket (epoll(7)); but only
        // another one sees the end that an event has announced along with the bytes.
        const bool drained = !stream_.encrypted() && !peer_closed_ && result.bytes < room.size();
        if (drained) readable_ = false;
        if (!process() || drained) return;
    }
    resume();
}

bool UpstreamConnection::process() {
    if (!head_done_ && !process_head()) return false;
    while (head_done_) {
        std::string_view rest = in_.readable();
        std::string_view payload;
        const http::BodyProgress progress = body_.next(rest, payload);
        if (progress == http::BodyProgress::kData) user_->on_upstream_payload(payload);
        if (state_ != State::kBusy) return false;
        in_.consume(in_.size() - rest.size());
        if (progress == http::BodyProgress::kError) {
            fail(Outcome::kMalformed);
            return false;
        }
        if (progress == http::BodyProgress::kDone) {
            finish();
            return false;
        }
        if (progress == http::BodyProgress::kNeedMore) break;
    }
    if (head_done_) user_->on_upstream_pause();
    return state_ == State::kBusy && !paused_;
}

bool UpstreamConnection::process_head() {
    while (true) {
        const http::HeadStatus status =
            http::parse_response_head(in_.readable(), kHeadLimits, http::Method::kPost, head_);
        if (status.progress == http::Progress::kNeedMore) return true;
        if (status.progress == http::Progress::kError) {
            fail(Outcome::kMalformed);
            return false;
        }
        if (head_.interim()) {
            in_.consume(status.consumed);
            head_.reset();
            continue;
        }
        head_done_ = true;
        body_ = http::BodyReader(head_);
        user_->on_upstream_head(head_);  // its views point into in_: consume only afterwards
        if (state_ != State::kBusy) return false;
        in_.consume(status.consumed);
        return true;
    }
}

void UpstreamConnection::finish() {
    UpstreamUser& user = *std::exchange(user_, nullptr);
    const bool sent = unsent_head_.empty() && unsent_body_.empty();
    const bool keep = sent && head_.keep_alive() && in_.size() == 0 &&
                      head_.framing() != http::Framing::kUntilClose;
    unsent_head_ = unsent_body_ = {};
    in_.release_if_empty();
    if (keep) {
        state_ = State::kIdle;
        worker_.wheel.set(*this, mono_now() + pool_.provider().idle_connection_age);
        pool_.put_back(shared_from_this());
    } else {
        close();
        worker_.bury(shared_from_this());
    }
    user.on_upstream_end();
}

void UpstreamConnection::on_peer_closed() {
    if (head_done_ && body_.finish() == http::BodyProgress::kDone) {
        return finish();  // a body that ends with the connection
    }
    fail(bytes_in_ == 0 ? Outcome::kClosedBeforeFirstByte : Outcome::kBroken);
}

void UpstreamConnection::fail(Outcome why, std::string_view detail) {
    UpstreamUser* const user = std::exchange(user_, nullptr);
    close();
    worker_.bury(shared_from_this());
    if (user != nullptr) user->on_upstream_failed(why, detail);
}

void UpstreamConnection::abandon() {
    user_ = nullptr;
    close();
    worker_.bury(shared_from_this());
}

void UpstreamConnection::close() {
    if (state_ == State::kClosed && !stream_.open()) return;
    state_ = State::kClosed;
    worker_.wheel.clear(*this);
    if (stream_.open()) {
        worker_.poller.remove(stream_.fd(), *this);
        stream_.close();
    }
    unsent_head_ = unsent_body_ = {};
}

void UpstreamConnection::arm(MonoTime now) {
    const providers::Timeouts& limits = pool_.provider().timeouts;
    MonoTime due = connect_by_;
    if (state_ == State::kConnecting && next_address_ < addresses_->size()) {
        // Leave time for the other addresses: an equal share of what is left.
        const auto left = static_cast<std::int64_t>(addresses_->size() - next_address_ + 1);
        due = now + std::max(Duration(std::chrono::milliseconds(250)), (connect_by_ - now) / left);
    } else if (state_ == State::kBusy) {
        const Duration silence = bytes_in_ == 0 ? Duration(limits.first_byte) : limits.idle;
        due = std::min(last_read_ + silence, call_started_ + limits.total);
    }
    worker_.wheel.set(*this, due);
}

void UpstreamConnection::on_deadline(MonoTime now) {
    switch (state_) {
        case State::kResolving:
        case State::kHandshake:
            return fail(Outcome::kConnectTimeout);
        case State::kConnecting:
            last_connect_failure_ = Outcome::kConnectTimeout;
            if (now >= connect_by_) return fail(Outcome::kConnectTimeout);
            worker_.poller.remove(stream_.fd(), *this);
            stream_.close();
            return try_next_address();
        case State::kIdle:
            close();
            return pool_.forget(*this);
        case State::kBusy:
            break;
        case State::kClosed:
            return;
    }
    const providers::Timeouts& limits = pool_.provider().timeouts;
    if (now >= call_started_ + limits.total) return fail(Outcome::kTotalTimeout);
    // While we do not read, the silence is ours.
    if (paused_) last_read_ = now;
    const Duration silence = bytes_in_ == 0 ? Duration(limits.first_byte) : limits.idle;
    if (now < last_read_ + silence) return arm(now);
    fail(bytes_in_ == 0 ? Outcome::kFirstByteTimeout : Outcome::kIdleTimeout);
}

}  // namespace vidai::node::net
