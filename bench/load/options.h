// SPDX-License-Identifier: Apache-2.0
// The command line of vidai-load. Read once, in main.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/load/arrivals.h"
#include "schema/vocabulary/result.h"

namespace vidai::bench::load {

struct Options {
    std::string host;
    std::uint16_t port = 0;
    std::string path = "/v1/chat/completions";
    std::vector<std::string> keys{""};  // bearer tokens, which take turns; "": none
    std::string model = "mock-small";
    std::vector<std::string> headers;  // "Name: value"
    std::size_t body_bytes = 600;      // of the JSON request
    bool stream = false;
    std::size_t connections = 64;
    double rate = 0;  // requests per second offered; 0: each connection as fast as it can
    Arrivals::Kind arrivals = Arrivals::Kind::kPoisson;
    std::uint64_t seed = 1;
    std::chrono::nanoseconds warm_up{500'000'000};
    std::chrono::nanoseconds duration{2'000'000'000};
    std::uint64_t requests = 0;                 // stop after so many, 0: after the duration
    std::optional<std::uint64_t> expect_bytes;  // of each body; else all must equal the first
    std::vector<int> watch;                     // processes whose CPU time is reported
    std::vector<int> beside;                    // processes on this one's core
};

// Errors: kUsage with what is wrong. `help` is set when the help text was asked for: print it.
Result<Options> parse_options(int argc, char** argv, std::string& help);

// The bytes of one request with that bearer token.
std::string render_request(const Options& options, const std::string& key);

}  // namespace vidai::bench::load
