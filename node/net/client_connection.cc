// SPDX-License-Identifier: Apache-2.0
// The client's side: reading requests, writing answers, closing.
#include "node/net/client_connection.h"

#include <algorithm>
#include <utility>

#include <sys/socket.h>

#include "node/http/write.h"
#include "node/net/clock.h"
#include "node/net/worker.h"

namespace vidai::node::net {
namespace {

constexpr std::size_t kReadBytes = 4 * 1024;
constexpr std::size_t kKeepCapacity = 64 * 1024;  // of strings, from one request to the next
constexpr std::size_t kLingerBytes = 1024 * 1024;
constexpr std::chrono::seconds kLingerTime{2};
constexpr std::chrono::seconds kUnheardTime{30};  // for the usage of a call whose caller has left
// A body may take its timeout plus what it needs at this rate.
constexpr std::int64_t kBodyBytesPerSecondMin = 8 * 1024;

void shrink(std::string& text) {
    text.clear();
    if (text.capacity() > kKeepCapacity) text.shrink_to_fit();
}

}  // namespace

ClientConnection::ClientConnection(Worker& worker, Stream stream)
    : worker_(worker), stream_(std::move(stream)), in_(worker.context().buffers) {}

ClientConnection::~ClientConnection() {
    close();
}

bool ClientConnection::start() {
    if (!worker_.context().poller.add(stream_.fd(), *this)) return false;
    state_ = stream_.encrypted() ? State::kHandshake : State::kHead;
    started_ = mono_now();
    worker_.context().wheel.set(*this, started_ + worker_.options().header_timeout);
    return true;
}

void ClientConnection::drain() {
    if (state_ != State::kHead) return;
    readable_ = true;  // a request that has arrived is answered, not reset
    read_some();
    if (state_ == State::kHead && in_.size() == 0) close();
}

void ClientConnection::on_events(std::uint32_t events) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        client_gone();
        return;
    }
    if ((events & EPOLLIN) != 0) readable_ = true;
    if ((events & EPOLLRDHUP) != 0) {
        readable_ = true;
        peer_closed_ = true;
    }
    if ((events & EPOLLOUT) != 0 && sent_ < out_.size() && flush()) after_flush();
    if (state_ == State::kHandshake) {
        const IoStatus status = stream_.handshake();
        if (status == IoStatus::kLater) return;
        if (status != IoStatus::kDone) {
            worker_.rooms().log.write(
                observe::Event::kClientTlsFailed,
                {{"peer", peer_name(stream_.fd())}, {"error", stream_.tls_problem()}});
            return close();
        }
        state_ = State::kHead;
        readable_ = true;  // the last flight may have brought the first request with it
    }
    if (readable_) read_some();
    // A caller that shuts its side has gone: waiting for the provider would only cost money.
    if (peer_closed_ && state_ == State::kExchange) client_gone();
}

void ClientConnection::read_some() {
    while (readable_ &&
           (state_ == State::kHead || state_ == State::kBody || state_ == State::kLinger)) {
        const std::span<char> room = in_.writable(kReadBytes);
        const IoResult result = stream_.read(room);
        if (result.status == IoStatus::kLater) {
            readable_ = false;
            in_.release_if_empty();
            return;
        }
        if (result.status != IoStatus::kDone) return client_gone();
        worker_.metrics().client_bytes_in.add(result.bytes);
        // A plain read that did not fill the room has emptied the socket (epoll(7)); but only
        // another one sees the end that an event announced.
        if (!stream_.encrypted() && result.bytes < room.size() && !peer_closed_) readable_ = false;
        if (state_ == State::kLinger) {
            request_bytes_ += result.bytes;
            if (request_bytes_ > kLingerBytes) return close();
            continue;
        }
        if (in_.size() == 0 && state_ == State::kHead) arm_head();
        in_.commit(result.bytes);
        process_input();
    }
}

void ClientConnection::arm_head() {
    started_ = mono_now();
    worker_.context().wheel.set(*this, started_ + worker_.options().header_timeout);
}

void ClientConnection::process_input() {
    if (std::exchange(processing_, true)) return;  // the outer call goes on
    while (in_.size() != 0) {
        const bool whole = state_ == State::kHead   ? process_head()
                           : state_ == State::kBody ? process_body()
                                                    : false;
        if (!whole) break;
        begin_exchange();
    }
    processing_ = false;
}

bool ClientConnection::process_head() {
    const ListenOptions& options = worker_.options();
    const http::HeadLimits limits{options.header_bytes_max, options.header_fields_max};
    const http::HeadStatus status = http::parse_request_head(in_.readable(), limits, head_);
    if (status.progress == http::Progress::kNeedMore) return false;
    if (status.progress == http::Progress::kError) {
        refuse({status.code, status.message, ""});
        return false;
    }
    head_bytes_ = request_bytes_ = status.consumed;
    body_reader_ = http::BodyReader(head_, options.body_bytes_max);
    continue_sent_ = false;
    state_ = State::kBody;
    return process_body();
}

bool ClientConnection::process_body() {
    if (head_.framing() == http::Framing::kLength) {
        if (head_.content_length() > worker_.options().body_bytes_max) {
            refuse({ErrorCode::kBodyTooLarge,
                    "the body of " + std::to_string(head_.content_length()) +
                        " bytes is beyond this gateway's bound of " +
                        std::to_string(worker_.options().body_bytes_max),
                    ""});
            return false;
        }
        request_bytes_ = head_bytes_ + static_cast<std::size_t>(head_.content_length());
        if (in_.size() >= request_bytes_) return true;
        (void)in_.writable(request_bytes_ - in_.size());  // one move instead of one per read
    } else if (head_.framing() == http::Framing::kChunked) {
        std::string_view rest = in_.readable().substr(request_bytes_);
        std::string_view payload;
        http::BodyProgress progress = http::BodyProgress::kNeedMore;
        while ((progress = body_reader_.next(rest, payload)) == http::BodyProgress::kData) {
            chunked_body_ += payload;
        }
        request_bytes_ = in_.size() - rest.size();
        if (progress == http::BodyProgress::kDone) return true;
        if (progress == http::BodyProgress::kError) {
            refuse({body_reader_.error_code(), body_reader_.error_message(), ""});
            return false;
        }
    } else {
        return true;
    }
    if (head_.expect_continue() && !std::exchange(continue_sent_, true)) {
        out_ += http::kContinue;
        if (!flush() && state_ == State::kClosed) return false;
    }
    const auto received = static_cast<std::int64_t>(in_.size());
    const std::chrono::milliseconds earned(received * 1'000 / kBodyBytesPerSecondMin);
    worker_.context().wheel.set(*this, started_ + worker_.options().body_timeout + earned);
    return false;
}

void ClientConnection::refuse(const Error& error) {
    worker_.metrics().client_malformed.add();
    if (worker_.rooms().log.enabled(observe::Event::kClientMalformed)) {
        worker_.rooms().log.write(observe::Event::kClientMalformed,
                                  {{"peer", peer_name(stream_.fd())},
                                   {"error", error_code_name(error.code)},
                                   {"message", error.message}});
    }
    exchange::Exchange refusal(worker_.rooms(), worker_.runtime()->local, scratch_, out_);
    refusal.refuse(error, mono_now());
    if (flush()) {
        refusal.finish(mono_now());
        linger();
    } else if (state_ != State::kClosed) {
        refusal.finish(mono_now());
        state_ = State::kFlush;
    }
}

void ClientConnection::begin_exchange() {
    head_.rebase(in_.readable().data());  // the buffer may have moved since the head was parsed
    const std::string_view body =
        head_.framing() == http::Framing::kChunked
            ? std::string_view(chunked_body_)
            : in_.readable().substr(head_bytes_, request_bytes_ - head_bytes_);
    state_ = State::kExchange;
    worker_.context().wheel.clear(*this);
    runtime_ = worker_.runtime();
    exchange_.emplace(worker_.rooms(), runtime_->local, scratch_, out_);
    handle(exchange_->begin(head_, body, mono_now(), wall_now() + worker_.options().clock_offset));
}

void ClientConnection::exchange_done() {
    const bool sent = flush();
    if (state_ == State::kClosed) return;
    exchange_->finish(mono_now());
    if (sent) {
        after_flush();
    } else {
        state_ = State::kFlush;
    }
}

// The answer is out: on to the next request, or away.
void ClientConnection::after_flush() {
    if (state_ == State::kExchange && upstream_ != nullptr) {  // in the midst of a stream
        if (std::exchange(upstream_paused_, false)) upstream_->resume();
        return;
    }
    if (state_ != State::kExchange && state_ != State::kFlush) return;
    const bool keep = exchange_ && exchange_->keep_alive() && !worker_.draining();
    exchange_.reset();
    runtime_.reset();
    if (!keep) return linger();
    in_.consume(request_bytes_);
    head_.reset();
    request_bytes_ = head_bytes_ = 0;
    shrink(chunked_body_);
    shrink(scratch_.upstream);
    shrink(scratch_.held);
    state_ = State::kHead;
    if (in_.size() == 0) {
        in_.release();
        worker_.context().wheel.set(*this, mono_now() + worker_.options().keep_alive_timeout);
    } else {
        arm_head();
        process_input();
    }
    if (readable_ && !processing_) read_some();
}

bool ClientConnection::flush() {
    while (sent_ < out_.size()) {
        const IoResult result = stream_.write(std::string_view(out_).substr(sent_));
        if (result.status == IoStatus::kLater) {
            worker_.context().wheel.set(*this, mono_now() + worker_.options().write_timeout);
            return false;
        }
        if (result.status != IoStatus::kDone) {
            client_gone();
            return false;
        }
        sent_ += result.bytes;
        worker_.metrics().client_bytes_out.add(result.bytes);
    }
    shrink(out_);
    sent_ = 0;
    if (state_ == State::kExchange) worker_.context().wheel.clear(*this);
    return true;
}

void ClientConnection::client_gone() {
    if (state_ == State::kClosed) return;
    if (state_ == State::kExchange &&
        exchange_->on_client_gone(mono_now()) == exchange::Next::kWait) {
        state_ = State::kUnheard;
        hang_up();
        worker_.context().wheel.set(*this, mono_now() + kUnheardTime);
        worker_.context().waiting_room.leave(*this);
        if (std::exchange(upstream_paused_, false)) upstream_->resume();
        return;
    }
    if (exchange_) {
        exchange_->give_up(mono_now());
        exchange_->finish(mono_now());
    }
    close();
}

void ClientConnection::hang_up() {
    if (!stream_.open()) return;
    worker_.context().poller.remove(stream_.fd(), *this);
    stream_.close();
}

void ClientConnection::linger() {
    exchange_.reset();
    if (peer_closed_ || stream_.encrypted()) return close();
    in_.release();
    request_bytes_ = 0;
    state_ = State::kLinger;
    ::shutdown(stream_.fd(), SHUT_WR);
    worker_.context().wheel.set(*this, mono_now() + kLingerTime);
    readable_ = true;
    if (!processing_) read_some();
}

void ClientConnection::close() {
    if (state_ == State::kClosed) return;
    state_ = State::kClosed;
    drop_call();
    worker_.context().waiting_room.leave(*this);
    worker_.context().wheel.clear(*this);
    hang_up();
    worker_.forget(*this);
}

void ClientConnection::on_deadline(MonoTime now) {
    switch (state_) {
        case State::kHead:
            if (in_.size() == 0) return close();  // an idle connection
            [[fallthrough]];
        case State::kBody:
            return refuse({ErrorCode::kRequestTimeout,
                           "the request did not arrive in time; send it faster", ""});
        case State::kExchange:
        case State::kFlush:
        case State::kUnheard:
            return client_gone();  // nobody reads
        default:
            break;
    }
    (void)now;
    close();
}

}  // namespace vidai::node::net
