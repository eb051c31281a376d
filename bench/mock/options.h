// SPDX-License-Identifier: Apache-2.0
// The command line of vidai-mock. Read once, in main.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/mock/behaviour.h"
#include "schema/vocabulary/result.h"

namespace vidai::bench::mock {

struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8081;  // 0: any free one
    std::string ports_file;     // where {"mock": PORT} is written once listening; may be empty
    std::string require_key;    // the only bearer token accepted; empty accepts anything
    std::string tls_cert;       // PEM files; both or neither
    std::string tls_key;
    std::vector<std::string> models{"mock-small", "mock-large"};  // what /v1/models lists
    std::uint64_t seed = 1;
    std::size_t record_max = 256;        // requests kept for /mock/requests
    std::size_t connections_max = 8192;  // more are closed when accepted
    Behaviour behaviour;                 // of a call that says nothing else
    bool fast = false;                   // canned answers for load tests
};

// Errors: kUsage with what is wrong. `help` is set when the help text was asked for: print it.
Result<Options> parse_options(int argc, char** argv, std::string& help);

}  // namespace vidai::bench::mock
