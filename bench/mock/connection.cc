// SPDX-License-Identifier: Apache-2.0
#include "bench/mock/connection.h"

#include <algorithm>
#include <array>

#include "bench/mock/text.h"

namespace vidai::bench::mock {

Connection::~Connection() {
    if (running_) end(Bill::End::kAborted, std::chrono::steady_clock::now());
}

void Connection::pump(Time now) {
    read();
    // One request after the other; a turn is bounded by kStepsMax and kPipelinedMax.
    for (;;) {
        more_now_ = false;
        if (running_) play(now);
        flush(now);
        if (finished_) return;
        if (running_) conclude(now);
        if (finished_ || running_ || close_after_flush_ || !start_next(now)) break;
    }
    if (client_left_ && !finished_) {
        if (running_) end(Bill::End::kAborted, now);
        finished_ = true;
    }
}

void Connection::read() {
    constexpr int kReadsMax = 16;
    std::array<char, 16 * 1024> buffer;
    for (int i = 0; i < kReadsMax && !client_left_ && wants_read(); ++i) {
        const ssize_t moved = socket_.read(buffer);
        if (moved == Socket::kAgain) return;
        if (moved == Socket::kClosed) {
            client_left_ = true;
        } else {
            reader_.feed({buffer.data(), static_cast<std::size_t>(moved)});
        }
    }
}

bool Connection::start_next(Time now) {
    const RequestReader::State state = reader_.poll();
    if (reader_.wants_continue()) out_ += "HTTP/1.1 100 Continue\r\n\r\n";
    if (state == RequestReader::State::kNeedMore) {
        flush(now);
        return false;
    }
    if (state == RequestReader::State::kBad) {
        out_ += response(
            400, "application/json", "",
            error_body("Not a request this mock can read.", "invalid_request_error", ""), false);
        close_after_flush_ = true;
        flush(now);
        return false;
    }
    const Request request = reader_.take();
    Reply reply = api_.handle(request, number_);
    if (reply.answer) {
        running_.emplace(Running{.answer = std::move(*reply.answer),
                                 .ticket = reply.ticket,
                                 .started = now,
                                 .due = now,
                                 .step = std::nullopt});
        return true;
    }
    out_ += reply.bytes;
    close_after_flush_ = !reply.keep_alive;
    return true;
}

void Connection::play(Time now) {
    for (int i = 0; i < kStepsMax && running_->then == Step::Then::kMore; ++i) {
        if (unsent() >= kUnsentMax) return;
        if (!running_->step) {
            running_->step = running_->answer.next();
            running_->due += running_->step->delay;
        }
        if (running_->due > now) return;
        const Step& step = *running_->step;
        out_ += step.bytes;
        api_.bill().add_produced(running_->ticket, step.produced);
        if (step.carried != 0) {
            marks_.push_back({.offset = written_ + unsent(), .tokens = step.carried});
        }
        running_->then = step.then;
        running_->step.reset();
    }
    more_now_ = running_->then == Step::Then::kMore;
}

void Connection::flush(Time now) {
    constexpr std::chrono::milliseconds kTick{20};
    constexpr std::uint64_t kTicksPerSecond = 50;
    const std::uint64_t rate = running_ ? running_->answer.bytes_per_second() : 0;
    if (trickle_at_ && *trickle_at_ > now) return;
    trickle_at_.reset();
    while (unsent() > 0) {
        std::string_view bytes = std::string_view(out_).substr(out_sent_);
        if (rate != 0) bytes = bytes.substr(0, std::max<std::uint64_t>(1, rate / kTicksPerSecond));
        const ssize_t moved = socket_.write(bytes);
        if (moved == Socket::kAgain) return;
        if (moved == Socket::kClosed) {
            client_left_ = true;
            return;
        }
        out_sent_ += static_cast<std::size_t>(moved);
        written_ += static_cast<std::uint64_t>(moved);
        while (!marks_.empty() && marks_.front().offset <= written_) {
            if (running_) api_.bill().add_sent(running_->ticket, marks_.front().tokens);
            marks_.pop_front();
        }
        if (rate != 0 && unsent() > 0) {
            // Below one byte per tick the ticks grow longer instead.
            trickle_at_ = now + std::max<std::chrono::nanoseconds>(
                                    kTick, std::chrono::nanoseconds(1'000'000'000 / rate));
            return;
        }
    }
    out_.clear();
    out_sent_ = 0;
    if (close_after_flush_) finished_ = true;
}

// Once the last step's bytes are with the network, what it said comes true.
void Connection::conclude(Time now) {
    if (unsent() > 0) return;
    switch (running_->then) {
        case Step::Then::kMore:
        case Step::Then::kStall:
            return;
        case Step::Then::kDone:
            end(Bill::End::kFinished, now);
            break;
        case Step::Then::kRejected:
            end(Bill::End::kRejected, now);
            break;
        case Step::Then::kClose:
            end(Bill::End::kBroken, now);
            finished_ = true;
            break;
        case Step::Then::kReset:
            end(Bill::End::kBroken, now);
            socket_.reset();
            finished_ = true;
            break;
    }
}

void Connection::end(Bill::End how, Time now) {
    api_.bill().end(running_->ticket, how, now - running_->started);
    const bool keep_alive = running_->answer.keep_alive();
    running_.reset();
    marks_.clear();
    if (!keep_alive) finished_ = true;
}

std::optional<Time> Connection::wake_at() const {
    if (trickle_at_) return trickle_at_;
    if (!running_ || unsent() >= kUnsentMax) return std::nullopt;
    if (more_now_) return Time::min();
    if (running_->step) return running_->due;
    return std::nullopt;
}

}  // namespace vidai::bench::mock
