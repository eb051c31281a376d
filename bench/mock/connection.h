// SPDX-License-Identifier: Apache-2.0
// One client's connection: takes requests in order, plays each answer's steps in time, and keeps
// the bill true when the client leaves in the middle. It asks for events and a wake-up time; the
// server provides both. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "bench/mock/api.h"
#include "bench/mock/socket.h"

namespace vidai::bench::mock {

using Time = std::chrono::steady_clock::time_point;

class Connection {
  public:
    static constexpr std::size_t kUnsentMax = 256 * 1024;      // then production pauses
    static constexpr std::size_t kPipelinedMax = 1024 * 1024;  // then reading pauses
    static constexpr int kStepsMax = 512;                      // played per turn

    Connection(Socket socket, Api& api, std::uint64_t number)
        : socket_(std::move(socket)), api_(api), number_(number) {}
    // Whatever is unfinished then is on the bill as aborted.
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Does all that can be done now; called on readiness, on time, and after accepting.
    void pump(Time now);

    int fd() const { return socket_.fd(); }
    bool finished() const { return finished_; }
    bool wants_read() const { return reader_.buffered() < kPipelinedMax || !running_; }
    bool wants_write() const { return unsent() > 0 && !trickle_at_; }
    std::optional<Time> wake_at() const;

  private:
    struct Running {
        Answer answer;
        Bill::Ticket ticket;
        Time started;
        Time due;                  // when the step in hand, or the last one, takes place
        std::optional<Step> step;  // fetched, not yet due
        Step::Then then = Step::Then::kMore;
    };
    struct Mark {
        std::uint64_t offset;  // in the bytes written since the start
        std::uint64_t tokens;
    };

    void read();
    bool start_next(Time now);
    void play(Time now);
    void flush(Time now);
    void conclude(Time now);
    void end(Bill::End how, Time now);
    std::size_t unsent() const { return out_.size() - out_sent_; }

    Socket socket_;
    Api& api_;
    std::uint64_t number_;
    RequestReader reader_;
    std::optional<Running> running_;
    std::string out_;
    std::size_t out_sent_ = 0;
    std::uint64_t written_ = 0;
    std::deque<Mark> marks_;  // tokens not yet handed to the network
    std::optional<Time> trickle_at_;
    bool more_now_ = false;
    bool client_left_ = false;
    bool close_after_flush_ = false;
    bool finished_ = false;
};

}  // namespace vidai::bench::mock
