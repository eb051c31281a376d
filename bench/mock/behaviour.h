// SPDX-License-Identifier: Apache-2.0
// How one chat call is answered: pace, size, and what goes wrong with it. One small language of
// directives writes it everywhere, as "ttft=200,rate=50,reset-after=3" in a header or an admin
// call, and as "fault-ttft-200+reset-after-3" in a model's name, because a gateway forwards a
// model's name when it forwards no header. A value; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schema/vocabulary/result.h"

namespace vidai::bench::mock {

// How a response breaks off. The number beside it counts stream events already sent; a response
// that is no stream breaks off after half of its body.
enum class Cut : std::uint8_t { kNone, kReset, kClose, kStall, kError };

struct Behaviour {
    std::chrono::nanoseconds latency{0};  // request complete to response head
    std::chrono::nanoseconds ttft{0};     // from there to the first token
    double tokens_per_second = 0;         // 0: as fast as they go
    double jitter = 0;                    // each delay is scaled by 1 +- this, 0 to 1
    std::uint32_t tokens = 32;            // per choice, unless the caller's maximum is smaller
    std::optional<std::uint32_t> input_tokens;  // instead of counting them
    std::uint32_t cached_tokens = 0;            // at most the input tokens
    bool usage = true;                          // false: never reported, not even when asked for
    bool done = true;                           // false: a stream ends without [DONE]

    std::uint16_t status = 0;  // answer with this error status
    std::string retry_after;   // header values, sent with a status when not empty
    std::string retry_after_ms;
    std::string should_retry;
    bool drop = false;       // close before answering
    bool stall = false;      // silence before answering, until the client leaves
    bool garbage = false;    // bytes that are not HTTP
    bool malformed = false;  // good HTTP, broken JSON
    Cut cut = Cut::kNone;
    std::uint32_t cut_after = 0;
    std::uint64_t bytes_per_second = 0;  // trickle; 0: at once
};

// Between two tokens of a choice; an hour at most.
std::chrono::nanoseconds token_interval(const Behaviour& behaviour);

// Applies directives separated by commas on top of `behaviour`, which is left half-changed on
// error. The error names the directive and lists those that exist.
Result<void> apply_directives(std::string_view text, Behaviour& behaviour);

// The same for a model called "fault-..." (directives separated by +, value after the last dash,
// a bare number is a status). Any other name, or one that does not parse, changes nothing.
void apply_model_directives(std::string_view model, Behaviour& behaviour);

// One line per directive, for --help.
std::string directives_help();

}  // namespace vidai::bench::mock
