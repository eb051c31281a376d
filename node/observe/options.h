// SPDX-License-Identifier: Apache-2.0
// Log and metrics settings.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace vidai::node::observe {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogFormat : std::uint8_t { kAuto, kJson, kText };  // auto: text on a terminal

struct LogOptions {
    LogLevel level = LogLevel::kInfo;
    LogFormat format = LogFormat::kAuto;
    bool requests = false;  // one line per request (event "request.done")
};

struct AdminOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 9420;                      // 0: any free port
    std::vector<std::string> hosts;                 // further names that a Host header may say
    std::chrono::milliseconds stall_limit{30'000};  // then /healthz says no; 0: never
};

}  // namespace vidai::node::observe
