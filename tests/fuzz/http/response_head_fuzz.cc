// SPDX-License-Identifier: Apache-2.0
// Response heads: cutting the bytes changes nothing, and what is accepted is framed in one way.
#include <string>

#include "node/http/head.h"
#include "tests/fuzz/http/split.h"

namespace vidai::node::http {
namespace {

constexpr HeadLimits kLimits{2048, 20};

void run(const FuzzInput& input) {
    const Method asked = input.piece % 2 == 0 ? Method::kPost : Method::kHead;
    ResponseHead whole;
    whole.reset();
    const HeadStatus expected = parse_response_head(input.bytes, kLimits, asked, whole);

    ResponseHead head;
    head.reset();
    HeadStatus status;
    std::string received;
    while (received.size() < input.bytes.size() && status.progress == Progress::kNeedMore) {
        received += input.bytes.substr(received.size(), input.piece);
        status = parse_response_head(received, kLimits, asked, head);
    }
    must(status.progress == expected.progress && status.consumed == expected.consumed);
    must(status.code == expected.code && same_text(status.message, expected.message));
    if (expected.progress != Progress::kDone) return;
    must(head.status() == whole.status() && head.framing() == whole.framing());
    must(head.status() >= 100 && head.status() <= 599 && head.status() != 101);
    must(head.reason() == whole.reason());
    must(!head.keep_alive() || head.framing() != Framing::kUntilClose);
    must(!head.chunked() || !head.has(KnownField::kContentLength));
    must(asked != Method::kHead || head.framing() == Framing::kNone);
}

}  // namespace
}  // namespace vidai::node::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    vidai::node::http::run(vidai::node::http::fuzz_input(data, size));
    return 0;
}
