// SPDX-License-Identifier: Apache-2.0
// The client listener's settings and bounds (docs/examples/vidai.yaml describes each).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace vidai::node::net {

struct ListenOptions {
    std::string address = "0.0.0.0";
    std::uint16_t port = 8080;  // 0: any free port, reported in --ports-file
    std::string tls_cert_file;  // PEM chain; both or neither
    std::string tls_key_file;
    std::uint32_t workers = 0;               // 0: one per CPU this process may use
    std::uint32_t connections_max = 20'000;  // per worker
    std::size_t header_bytes_max = 32 * 1024;
    std::uint32_t header_fields_max = 100;
    std::size_t body_bytes_max = 32 * 1024 * 1024;
    std::size_t stream_buffer_max = 256 * 1024;  // unsent bytes to a slow reader, then we pause
    std::chrono::milliseconds header_timeout{10'000};
    std::chrono::milliseconds body_timeout{60'000};
    std::chrono::milliseconds keep_alive_timeout{75'000};
    std::chrono::milliseconds write_timeout{60'000};  // no progress towards the client
    std::chrono::milliseconds budget_wait{250};       // of a request for money; 0: not at all
    std::chrono::milliseconds drain_timeout{30'000};  // after SIGTERM, for requests in flight
    std::chrono::milliseconds clock_offset{};         // of the time of day; for tests
};

}  // namespace vidai::node::net
