// SPDX-License-Identifier: Apache-2.0
#include "node/http/sse.h"

#include "node/http/chars.h"

namespace vidai::node::http {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::size_t kBufferKept = 64 * 1024;  // what a rare giant event may leave allocated

bool ends_line(char c) {
    return c == '\n' || c == '\r';
}

// Behind the line end at `p`: CR, LF, or CRLF as far as it is there.
const char* step_over_line_end(const char* p, const char* end) {
    return *p == '\r' && p + 1 != end && p[1] == '\n' ? p + 2 : p + 1;
}

}  // namespace

const char* SseScanner::error_message() const {
    return failed_ ? "An event of the stream is larger than the gateway accepts." : "";
}

void SseScanner::drop_handed_out() {
    if (!handed_out_) return;
    handed_out_ = false;
    carry_.clear();
    if (carry_.capacity() > kBufferKept) std::string().swap(carry_);
    if (joined_.capacity() > kBufferKept) std::string().swap(joined_);
}

SseProgress SseScanner::next(std::string_view& bytes, SseEvent& event) {
    drop_handed_out();
    if (failed_) return SseProgress::kError;
    if (bytes.empty()) return SseProgress::kNeedMore;
    if (!carry_.empty()) return continue_event(bytes, event);

    const char* const begin = bytes.data();
    const char* const event_end = scan(begin, begin + bytes.size(), event);
    if (event_end == nullptr) return hold(bytes, bytes.size());
    const auto size = static_cast<std::size_t>(event_end - begin);
    if (size > event_bytes_max_) return hold(bytes, size);
    at_stream_start_ = false;
    event.raw = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return SseProgress::kEvent;
}

// Looks in the new bytes alone for the empty line that ends the event in carry_, so that an event
// of many pieces is not searched again and again.
SseProgress SseScanner::continue_event(std::string_view& bytes, SseEvent& event) {
    const char* const begin = bytes.data();
    const char* const end = begin + bytes.size();
    const char* p = begin;
    bool line_is_empty = ends_line(carry_.back());
    if (carry_.back() == '\r' && *p == '\n') ++p;  // the other half of a line end
    for (;; line_is_empty = true) {
        if (p == end) return hold(bytes, bytes.size());
        if (!line_is_empty || !ends_line(*p)) {
            p = find_line_end(p, end);
            if (p == end) return hold(bytes, bytes.size());
            p = step_over_line_end(p, end);
            continue;
        }
        p = step_over_line_end(p, end);
        break;
    }
    if (hold(bytes, static_cast<std::size_t>(p - begin)) == SseProgress::kError) {
        return SseProgress::kError;
    }
    scan(carry_.data(), carry_.data() + carry_.size(), event);
    at_stream_start_ = false;
    event.raw = carry_;
    handed_out_ = true;
    return SseProgress::kEvent;
}

SseProgress SseScanner::hold(std::string_view& bytes, std::size_t size) {
    if (size > event_bytes_max_ - carry_.size()) {
        failed_ = true;
        std::string().swap(carry_);
        return SseProgress::kError;
    }
    carry_.append(bytes.substr(0, size));
    bytes.remove_prefix(size);
    return SseProgress::kNeedMore;
}

SseProgress SseScanner::finish(SseEvent& event) {
    drop_handed_out();
    if (failed_) return SseProgress::kError;
    if (carry_.empty()) return SseProgress::kNeedMore;
    const char* const end = carry_.data() + carry_.size();
    scan(carry_.data(), end, event);
    if (!ends_line(carry_.back())) {  // scan reads whole lines only
        const std::size_t last = carry_.find_last_of("\r\n");
        std::string_view rest(carry_);
        if (last != std::string::npos) {
            rest.remove_prefix(last + 1);
        } else if (at_stream_start_ && rest.starts_with(kByteOrderMark)) {
            rest.remove_prefix(kByteOrderMark.size());
        }
        line(rest, event);
    }
    event.raw = carry_;
    handed_out_ = true;
    return SseProgress::kEvent;
}

// Reads the lines of [p, end) into `event` up to an empty line; returns what follows that, or
// nullptr if there is none. A line of nothing but the byte order mark does not count as empty; the
// events come out the same either way.
const char* SseScanner::scan(const char* p, const char* end, SseEvent& event) {
    event = SseEvent{};
    const bool marked = at_stream_start_ && std::string_view(p, end).starts_with(kByteOrderMark);
    std::size_t skip = marked ? kByteOrderMark.size() : 0;
    while (p != end) {
        const char* const line_end = find_line_end(p, end);
        if (line_end == end) return nullptr;
        const char* const after = step_over_line_end(line_end, end);
        if (line_end == p) return after;
        line({p + skip, line_end}, event);
        skip = 0;
        p = after;
    }
    return nullptr;
}

void SseScanner::line(std::string_view text, SseEvent& event) {
    const bool is_data = text.starts_with("data");
    if (!is_data && !text.starts_with("event")) return;
    std::string_view value = text.substr(is_data ? 4 : 5);
    if (!value.empty()) {
        if (value.front() != ':') return;  // a longer name
        value.remove_prefix(1);
        if (value.starts_with(' ')) value.remove_prefix(1);
    }
    if (!is_data) {
        event.name = value;
    } else if (!event.has_data) {
        event.data = value;
        event.has_data = true;
    } else {
        if (event.data.data() != joined_.data()) joined_.assign(event.data);
        joined_.append(1, '\n').append(value);
        event.data = joined_;
    }
}

}  // namespace vidai::node::http
