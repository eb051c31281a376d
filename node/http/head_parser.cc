// SPDX-License-Identifier: Apache-2.0
#include "node/http/head_parser.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "schema/vocabulary/check.h"

namespace vidai::node::http {
namespace {

// Longer names are never sent in earnest, and a slot has 16 bits for the size.
constexpr std::size_t kFieldNameMax = 256;
constexpr const char* kBadValue =
    "A header field's value holds a control character or a line end other than CRLF.";

bool blank(char c) {
    return c == ' ' || c == '\t';
}

}  // namespace

HeadParser::HeadParser(std::string_view bytes, const HeadLimits& limits, MessageHead& head,
                       ErrorCode malformed, ErrorCode too_large)
    : begin_(bytes.data()),
      p_(begin_ + head.parsed_),
      end_(begin_ + std::min(bytes.size(), limits.bytes_max)),
      cut_(bytes.size() >= limits.bytes_max),
      fields_max_(std::min<std::uint32_t>(limits.fields_max, kFieldCapacity)),
      head_(head),
      malformed_(malformed),
      too_large_(too_large) {
    CHECK(p_ <= end_, "the bytes of an unfinished head went away");
    CHECK(limits.bytes_max <= std::numeric_limits<std::uint32_t>::max());
    head.base_ = begin_;
}

bool HeadParser::need_more() {
    if (cut_)
        return refuse(too_large_,
                      "The header section is too large; send fewer or shorter "
                      "header fields.");
    status_.progress = Progress::kNeedMore;
    return false;
}

bool HeadParser::refuse(ErrorCode code, const char* message) {
    status_ = HeadStatus{Progress::kError, code, 0, message};
    return false;
}

HeadStatus HeadParser::done() {
    status_.progress = Progress::kDone;
    status_.consumed = static_cast<std::size_t>(p_ - begin_);
    return status_;
}

// Steps over `text`, byte by byte so that the first wrong byte is refused when it arrives.
bool HeadParser::literal(std::string_view text, const char* message) {
    for (const char c : text) {
        if (p_ == end_) return need_more();
        if (*p_ != c) return refuse(message);
        ++p_;
    }
    return true;
}

bool HeadParser::line_end(const char* message) {
    return literal("\r\n", message);
}

bool HeadParser::version() {
    constexpr const char* kMessage =
        "The protocol version is not HTTP/1.1 or HTTP/1.0; speak HTTP/1.1 here.";
    constexpr std::string_view kUsual = "HTTP/1.1";
    if (end_ - p_ >= 8 && std::memcmp(p_, kUsual.data(), 8) == 0) {
        head_.version_minor_ = 1;
        p_ += 8;
        return true;
    }
    if (!literal("HTTP/1.", kMessage)) return false;
    if (p_ == end_) return need_more();
    if (*p_ != '0' && *p_ != '1') return refuse(kMessage);
    head_.version_minor_ = static_cast<std::uint8_t>(*p_ - '0');
    ++p_;
    return true;
}

inline bool HeadParser::store(std::string_view name, std::string_view value) {
    if (name.size() > kFieldNameMax) {
        return refuse(too_large_, "A header field's name is longer than 256 bytes.");
    }
    const std::uint32_t index = head_.count_;
    if (index == fields_max_) {
        return refuse(too_large_, "There are too many header fields; send fewer.");
    }
    const KnownField known = known_field(name);
    head_.fields_[index] = MessageHead::Slot{
        .name_at = static_cast<std::uint32_t>(name.data() - begin_),
        .value_at = static_cast<std::uint32_t>(value.data() - begin_),
        .value_size = static_cast<std::uint32_t>(value.size()),
        .name_size = static_cast<std::uint16_t>(name.size()),
        .known = known,
    };
    head_.count_ = index + 1;
    if (known == KnownField::kOther) return true;
    std::uint8_t& first = head_.slots_[static_cast<std::size_t>(known)];
    if (first == 0) {
        first = static_cast<std::uint8_t>(index + 1);
    } else {
        head_.repeated_ |= field_bit(known);
    }
    return true;
}

// True when the empty line has been read. This loop is where a head's time goes.
bool HeadParser::fields() {
    const char* const end = end_;
    const char* line = p_;
    const auto pause = [&] {
        head_.parsed_ = static_cast<std::uint32_t>(line - begin_);
        return need_more();
    };
    for (;;) {
        if (line == end) return pause();
        if (*line == '\r') break;
        const char* const name_end = skip_token(line, end);
        if (name_end == end) return pause();
        if (*name_end != ':' || name_end == line) return bad_name(line, name_end);

        const char* value = name_end + 1;
        if (value != end && *value == ' ') ++value;
        const char* value_end = skip_value(value, end);
        if (end - value_end < 2) {
            if (value_end == end || *value_end == '\r') return pause();
            return refuse(kBadValue);
        }
        if (value_end[0] != '\r' || value_end[1] != '\n') return refuse(kBadValue);
        const char* const next_line = value_end + 2;
        while (value != value_end && blank(*value)) ++value;
        while (value_end != value && blank(value_end[-1])) --value_end;
        if (!store({line, name_end}, {value, value_end})) return false;
        line = next_line;
    }
    head_.parsed_ = static_cast<std::uint32_t>(line - begin_);
    p_ = line;
    return line_end("A carriage return stands alone in the header section.");
}

bool HeadParser::bad_name(const char* line, const char* name_end) {
    const char c = *name_end;
    if (name_end == line && blank(c)) {
        return refuse("A header field is folded over two lines; send it on one line.");
    }
    if (blank(c)) return refuse("White space stands between a header field's name and its colon.");
    if (c == '\n') return refuse("A header line ends with LF alone; end lines with CRLF.");
    if (c == '\r') return refuse("A header line has no colon.");
    return refuse("A header field's name holds a character that is not allowed there.");
}

// RFC 9112 6.1 and 6.3: sets framing_ to kChunked when the message says so, else leaves it.
bool HeadParser::transfer_coding() {
    if (!head_.has(KnownField::kTransferEncoding)) return true;
    if (head_.has(KnownField::kContentLength)) {
        return refuse("Content-Length and Transfer-Encoding contradict each other; send one.");
    }
    if (head_.version_minor_ == 0) {
        return refuse("Transfer-Encoding does not exist in HTTP/1.0.");
    }
    const bool repeated = (head_.repeated_ & field_bit(KnownField::kTransferEncoding)) != 0;
    if (repeated || !equals_folded(head_.get(KnownField::kTransferEncoding), "chunked")) {
        return refuse("Transfer-Encoding must be \"chunked\" and nothing else.");
    }
    head_.framing_ = Framing::kChunked;
    return true;
}

// RFC 9110 8.6: digits and nothing else; no sign, no list, no more than 63 bits.
bool HeadParser::declared_length() {
    if (!head_.has(KnownField::kContentLength)) return true;
    if ((head_.repeated_ & field_bit(KnownField::kContentLength)) != 0) {
        return refuse("Content-Length is given twice; send it once.");
    }
    const std::string_view digits = head_.get(KnownField::kContentLength);
    constexpr std::size_t kDigitsMax = 18;  // 10^18 - 1 fits 63 bits
    std::uint64_t length = 0;
    bool good = !digits.empty() && digits.size() <= kDigitsMax;
    for (const char c : digits.substr(0, kDigitsMax)) {
        good = good && c >= '0' && c <= '9';
        length = length * 10 + static_cast<std::uint64_t>(c - '0');
    }
    if (!good) return refuse("Content-Length is not a plain decimal number of a sane size.");
    head_.content_length_ = length;
    head_.framing_ = Framing::kLength;
    return true;
}

// RFC 9112 9.3: HTTP/1.1 stays open unless told otherwise, HTTP/1.0 only if asked to.
void HeadParser::connection_options() {
    head_.keep_alive_ = head_.version_minor_ != 0;
    if (!head_.has(KnownField::kConnection)) return;
    const std::string_view first = head_.get(KnownField::kConnection);
    const bool repeated = (head_.repeated_ & field_bit(KnownField::kConnection)) != 0;
    if (!repeated && equals_folded(first, "keep-alive")) {  // what nearly everybody sends
        head_.keep_alive_ = true;
        return;
    }
    bool close = false;
    for (std::size_t i = 0; i < head_.count_; ++i) {
        if (head_.fields_[i].known != KnownField::kConnection) continue;
        std::string_view list = head_.field(i).value;
        while (!list.empty()) {
            const std::string_view option = next_list_item(list);
            if (equals_folded(option, "close")) {
                close = true;
            } else if (equals_folded(option, "keep-alive")) {
                head_.keep_alive_ = true;
            } else if (!option.empty()) {
                head_.connection_names_fields_ = true;
            }
        }
    }
    if (close) head_.keep_alive_ = false;
}

}  // namespace vidai::node::http
