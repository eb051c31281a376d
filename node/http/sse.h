// SPDX-License-Identifier: Apache-2.0
// Server-sent events (WHATWG HTML 9.2.6) as a relay needs them: each event with its meaning and
// with its very bytes, so that it can be forwarded as it came or be dropped. The events' bytes in
// order are the input, nothing lost and nothing added. An event that lies whole in the bytes given
// is not copied; one that arrives in pieces is collected in a buffer of bounded size. Pure; one
// object per stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vidai::node::http {

inline constexpr std::size_t kSseEventBytesMax = 8 * 1024 * 1024;

// Views live until the next call on the scanner, at most as long as the bytes given.
struct SseEvent {
    std::string_view raw;   // all its bytes, the empty line that ends it included
    std::string_view data;  // the data lines, joined by LF
    std::string_view name;  // the last event line's value; empty means "message"
    // False for blocks that dispatch nothing: comments such as keep-alives, stray empty lines.
    bool has_data = false;
};

enum class SseProgress : std::uint8_t { kEvent, kNeedMore, kError };

class SseScanner {
  public:
    explicit SseScanner(std::size_t event_bytes_max = kSseEventBytesMax)
        : event_bytes_max_(event_bytes_max) {}

    // Takes the next event off the front of `bytes`. kNeedMore: `bytes` is empty now; an event may
    // have begun. kError, from then on: an event is larger than the bound; see error_message().
    // An event is handed out at the CR of its empty line already; should an LF follow later, it
    // makes a block of its own, without data. Names and data do not depend on how the bytes are
    // split.
    SseProgress next(std::string_view& bytes, SseEvent& event);

    // At the end of the stream: the event that lacks its empty line, if there is one (kEvent, once)
    // or kNeedMore. The standard drops it; some providers end so, and clients take it.
    SseProgress finish(SseEvent& event);

    // Bytes of an event that has begun and is held here.
    std::size_t held_bytes() const { return handed_out_ ? 0 : carry_.size(); }
    const char* error_message() const;  // static storage

  private:
    SseProgress continue_event(std::string_view& bytes, SseEvent& event);
    SseProgress hold(std::string_view& bytes, std::size_t size);
    const char* scan(const char* p, const char* end, SseEvent& event);
    void line(std::string_view text, SseEvent& event);
    void drop_handed_out();

    std::size_t event_bytes_max_;
    bool at_stream_start_ = true;  // a byte order mark may come
    bool handed_out_ = false;      // carry_ holds an event that the caller has seen
    bool failed_ = false;
    std::string carry_;   // the pieces of an event so far
    std::string joined_;  // data of an event with several data lines
};

}  // namespace vidai::node::http
