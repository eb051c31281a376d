// SPDX-License-Identifier: Apache-2.0
// One event as one line of text, in either form. Whatever a value holds, the line stays one line
// of valid UTF-8 and the JSON stays JSON. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "node/observe/log.h"
#include "schema/vocabulary/time.h"

namespace vidai::node::observe {

// {"ts":"2026-11-22T06:30:00.123Z","level":"info","event":"node.started","client_port":8080}\n
// `suppressed` lines of this event were left out before this one; 0 is not shown.
std::string json_line(WallTime now, const EventInfo& event, std::span<const LogField> fields,
                      std::uint64_t suppressed);

// 06:30:00.123 INFO  node.started  client_port=8080\n
std::string text_line(WallTime now, const EventInfo& event, std::span<const LogField> fields,
                      std::uint64_t suppressed);

// `text` as the inside of a JSON string, cut after about `bytes_max` bytes of it.
void append_json_text(std::string& out, std::string_view text, std::size_t bytes_max = SIZE_MAX);

}  // namespace vidai::node::observe
