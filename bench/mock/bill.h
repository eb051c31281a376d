// SPDX-License-Identifier: Apache-2.0
// The exact bill: what each credential asked of each model, and what was produced and sent for
// it. Tests hold the gateway's meter against it, so every call that was started ends in exactly
// one of finished, rejected, broken or aborted, at the moment that happens. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace vidai::bench::mock {

class Bill {
  public:
    static constexpr std::size_t kRowsMax = 4096;  // beyond: one row called "(others)"
    static constexpr std::size_t kAbortsMax = 64;  // the latest of each row

    enum class End : std::uint8_t {
        kFinished,  // the whole answer was handed to the network
        kRejected,  // answered with an error status
        kBroken,    // broken off by a fault of ours
        kAborted,   // the client left first
    };

    // One call's line on the bill. Goes stale when the bill is reset; then it counts nothing.
    struct Ticket {
        std::uint64_t epoch = 0;
        std::size_t row = 0;
        std::uint64_t output_tokens = 0;  // of this call so far
    };

    Ticket start(const std::string& credential, const std::string& model);
    void add_input(const Ticket& ticket, std::uint64_t tokens, std::uint64_t cached);
    void add_produced(Ticket& ticket, std::uint64_t tokens);
    void add_sent(const Ticket& ticket, std::uint64_t tokens);
    void end(const Ticket& ticket, End how, std::chrono::nanoseconds after);

    void reset();
    std::string json() const;

  private:
    struct Abort {
        std::chrono::nanoseconds after;
        std::uint64_t output_tokens;
    };
    struct Row {
        std::string credential;
        std::string model;
        std::uint64_t started = 0;
        std::uint64_t ended[4] = {};
        std::uint64_t input_tokens = 0;
        std::uint64_t cached_tokens = 0;
        std::uint64_t produced = 0;
        std::uint64_t sent = 0;
        std::deque<Abort> aborts;
    };
    Row* row_of(const Ticket& ticket);

    std::uint64_t epoch_ = 1;
    std::vector<Row> rows_;
};

}  // namespace vidai::bench::mock
