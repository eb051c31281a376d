// SPDX-License-Identifier: Apache-2.0
// Request heads: cutting the bytes changes nothing, a head that is accepted is unambiguous, and
// writing its fields again gives a head that is read the same.
#include <string>

#include "node/http/head.h"
#include "node/http/write.h"
#include "tests/fuzz/http/split.h"

namespace vidai::node::http {
namespace {

constexpr HeadLimits kLimits{2048, 20};

void check_accepted(const RequestHead& head, std::string_view bytes, std::size_t consumed) {
    must(consumed <= bytes.size() && consumed <= kLimits.bytes_max);
    must(head.field_count() <= kLimits.fields_max);
    must(bytes.substr(0, consumed).ends_with("\r\n\r\n"));
    must(!head.chunked() || !head.has(KnownField::kContentLength));
    must(head.version_minor() == 0 || head.has(KnownField::kHost));
    must(!head.path().empty());
    for (std::size_t i = 0; i < head.field_count(); ++i) {
        const Field field = head.field(i);
        must(!field.name.empty() && known_field(field.name) == field.known);
        must(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
        (void)head.hop_by_hop(i);
    }
}

void check_rewritten(const RequestHead& head) {
    std::string out(head.method_text());
    out.append(" ").append(head.target());
    out.append(head.version_minor() == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    for (std::size_t i = 0; i < head.field_count(); ++i) {
        append_field(out, head.field(i).name, head.field(i).value);
    }
    end_head(out);
    RequestHead again;
    again.reset();
    const HeadStatus status = parse_request_head(out, {}, again);
    must(status.progress == Progress::kDone && status.consumed == out.size());
    must(again.framing() == head.framing() && again.host() == head.host());
    must(again.content_length() == head.content_length());
    must(again.keep_alive() == head.keep_alive() && again.path() == head.path());
}

void run(const FuzzInput& input) {
    RequestHead whole;
    whole.reset();
    const HeadStatus expected = parse_request_head(input.bytes, kLimits, whole);

    RequestHead head;
    head.reset();
    HeadStatus status;
    std::string received;  // grows and moves
    while (received.size() < input.bytes.size() && status.progress == Progress::kNeedMore) {
        received += input.bytes.substr(received.size(), input.piece);
        status = parse_request_head(received, kLimits, head);
    }
    must(status.progress == expected.progress && status.consumed == expected.consumed);
    must(status.code == expected.code && same_text(status.message, expected.message));
    if (expected.progress != Progress::kDone) return;
    must(head.field_count() == whole.field_count() && head.target() == whole.target());
    check_accepted(whole, input.bytes, expected.consumed);
    check_rewritten(whole);
}

}  // namespace
}  // namespace vidai::node::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    vidai::node::http::run(vidai::node::http::fuzz_input(data, size));
    return 0;
}
