// SPDX-License-Identifier: Apache-2.0
// The chunked coding: cutting the bytes changes nothing, and a payload that was read, written
// again, is read the same.
#include <string>

#include "node/http/chunked.h"
#include "tests/fuzz/http/split.h"

namespace vidai::node::http {
namespace {

struct Outcome {
    BodyProgress end = BodyProgress::kNeedMore;
    std::string payload;
    std::size_t consumed = 0;
    std::string message;

    friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read(std::string_view bytes, std::size_t step) {
    Outcome outcome;
    ChunkedDecoder decoder;
    for (std::size_t at = 0; at < bytes.size() && outcome.end == BodyProgress::kNeedMore;
         at += step) {
        std::string_view piece = bytes.substr(at, step);
        std::string_view payload;
        do {
            const std::size_t before = piece.size();
            outcome.end = decoder.next(piece, payload);
            must(payload.empty() == (outcome.end != BodyProgress::kData));
            outcome.payload += payload;
            outcome.consumed += before - piece.size();
        } while (outcome.end == BodyProgress::kData);
    }
    outcome.message = decoder.error_message();
    return outcome;
}

void run(const FuzzInput& input) {
    const Outcome whole = read(input.bytes, input.bytes.size() + 1);
    must(read(input.bytes, input.piece) == whole);
    must(whole.payload.size() <= whole.consumed && whole.consumed <= input.bytes.size());
    must((whole.end == BodyProgress::kError) == !whole.message.empty());

    std::string wire;
    for (std::size_t at = 0; at < whole.payload.size(); at += input.piece) {
        append_chunk(wire, std::string_view(whole.payload).substr(at, input.piece));
    }
    wire += kLastChunk;
    const Outcome again = read(wire, 7);
    must(again.end == BodyProgress::kDone && again.payload == whole.payload);
    must(again.consumed == wire.size());
}

}  // namespace
}  // namespace vidai::node::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    vidai::node::http::run(vidai::node::http::fuzz_input(data, size));
    return 0;
}
