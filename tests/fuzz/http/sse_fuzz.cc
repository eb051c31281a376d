// SPDX-License-Identifier: Apache-2.0
// Event streams: no byte is lost or added, cutting the bytes changes no event, and the events are
// those of a second, naive reading of the standard.
#include <string>
#include <utility>
#include <vector>

#include "node/http/sse.h"
#include "tests/fuzz/http/split.h"

namespace vidai::node::http {
namespace {

using Dispatched = std::vector<std::pair<std::string, std::string>>;  // name, data

struct Outcome {
    Dispatched events;
    std::string raw;
};

Outcome read(std::string_view bytes, std::size_t step) {
    Outcome outcome;
    SseScanner scanner;
    SseEvent event;
    const auto take = [&] {
        outcome.raw += event.raw;
        must(!event.raw.empty());
        if (event.has_data) outcome.events.emplace_back(event.name, event.data);
    };
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        // A copy of exactly this size, so that a sanitizer sees any step beyond it.
        const std::vector<char> piece(
            bytes.begin() + static_cast<std::ptrdiff_t>(at),
            bytes.begin() + static_cast<std::ptrdiff_t>(std::min(at + step, bytes.size())));
        std::string_view rest(piece.data(), piece.size());
        SseProgress progress;
        while ((progress = scanner.next(rest, event)) == SseProgress::kEvent) take();
        must(progress == SseProgress::kNeedMore && rest.empty());
    }
    if (scanner.finish(event) == SseProgress::kEvent) take();
    return outcome;
}

// WHATWG HTML 9.2.6, byte by byte, with line ends made LF first. Unlike the standard it dispatches
// what the end of the stream cuts off, as the scanner's finish() does.
Dispatched naive(std::string_view bytes) {
    if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] == '\n' && i > 0 && bytes[i - 1] == '\r') continue;
        text += bytes[i] == '\r' ? '\n' : bytes[i];
    }
    text += "\n\n";
    Dispatched events;
    std::string name;
    std::string data;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        const std::string line = text.substr(at, end - at);
        at = end + 1;
        if (line.empty()) {
            if (!data.empty()) events.emplace_back(name, data.substr(0, data.size() - 1));
            name.clear();
            data.clear();
            continue;
        }
        const std::size_t colon = line.find(':');
        const std::string field = line.substr(0, colon);
        std::string value = colon == std::string::npos ? "" : line.substr(colon + 1);
        if (value.starts_with(' ')) value.erase(0, 1);
        if (field == "data") data += value + "\n";
        if (field == "event") name = value;
    }
    return events;
}

void run(const FuzzInput& input) {
    const Outcome whole = read(input.bytes, input.bytes.size() + 1);
    must(whole.raw == input.bytes);
    const Outcome pieces = read(input.bytes, input.piece);
    must(pieces.raw == input.bytes && pieces.events == whole.events);
    must(whole.events == naive(input.bytes));
}

}  // namespace
}  // namespace vidai::node::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    vidai::node::http::run(vidai::node::http::fuzz_input(data, size));
    return 0;
}
