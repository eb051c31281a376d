// SPDX-License-Identifier: Apache-2.0
// A provider: an endpoint, a credential and the dialect it speaks. Read-only after configuration;
// shared by all workers.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "schema/base/secret.h"

namespace vidai::node::providers {

enum class Dialect : std::uint8_t { kOpenAiChat };

struct Timeouts {
    std::chrono::milliseconds connect{5'000};       // resolve, connect and TLS together
    std::chrono::milliseconds first_byte{300'000};  // request sent to first response byte
    std::chrono::milliseconds idle{60'000};         // between two reads of a response
    std::chrono::milliseconds total{900'000};       // the whole attempt
};

struct Provider {
    std::string name;  // unique, lower case
    Dialect dialect = Dialect::kOpenAiChat;
    std::string host;  // DNS name or address, as in the base URL; also SNI and Host
    std::uint16_t port = 443;
    bool tls = true;
    std::string path_prefix;  // of the base URL, no trailing slash, e.g. "/v1"
    Secret credential;        // sent as a bearer token; empty sends none
    std::string ca_file;      // PEM roots for this provider instead of the system's; may be empty
    Timeouts timeouts;
    std::uint32_t idle_connections_max = 256;  // kept per worker
    std::chrono::milliseconds idle_connection_age{60'000};
};

}  // namespace vidai::node::providers
