// SPDX-License-Identifier: Apache-2.0
// Streams, one event a line: a reader that remembers the frame of earlier chunks must judge each
// event as a fresh reader does.
#include <cstdint>
#include <string_view>
#include <vector>

#include "node/dialect/openai_chat/stream.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::dialect::openai_chat {
namespace {

void run(std::string_view lines) {
    StreamReader warm(false);
    std::int64_t bytes = 0;
    bool finished = false;
    while (!lines.empty() && !warm.done()) {
        const std::size_t end = lines.find('\n');
        const std::string_view line = lines.substr(0, end);
        // A copy of exactly this size, so that a sanitizer sees any step beyond it.
        const std::vector<char> event(line.begin(), line.end());
        const std::string_view data(event.data(), event.size());
        lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);

        StreamReader fresh(false);
        CHECK(warm.on_event(data) == fresh.on_event(data));
        bytes += fresh.content_bytes();
        finished |= fresh.saw_finish_reason();
        CHECK(warm.content_bytes() == bytes);
        CHECK(warm.saw_finish_reason() == finished);
        CHECK(warm.done() == fresh.done());
        if (!fresh.usage()) continue;
        auto said = *fresh.usage();
        CHECK(warm.usage().has_value());
        // In which tier it was served an event before may have said.
        if (!said.served) said.served = warm.usage()->served;
        CHECK(*warm.usage() == said);
    }
}

}  // namespace
}  // namespace vidai::node::dialect::openai_chat

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    vidai::node::dialect::openai_chat::run({reinterpret_cast<const char*>(data), size});
    return 0;
}
