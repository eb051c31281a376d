// SPDX-License-Identifier: Apache-2.0
#include "bench/load/response_reader.h"

#include <algorithm>
#include <charconv>

#include <strings.h>

namespace vidai::bench::load {
namespace {

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// "name;dur=1.25;desc=x": the duration, in nanoseconds.
std::optional<std::uint64_t> duration_ns(std::string_view metric) {
    const std::size_t at = metric.find(";dur=");
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view digits = metric.substr(at + 5);
    double ms = 0;
    const auto [stop, error] = std::from_chars(digits.begin(), digits.end(), ms);
    if (error != std::errc{} || !(ms >= 0 && ms < 1e9)) return std::nullopt;
    return static_cast<std::uint64_t>(ms * 1e6);
}

}  // namespace

std::optional<ServerTiming> parse_server_timing(std::string_view value) {
    std::optional<std::uint64_t> total;
    std::optional<std::uint64_t> upstream;
    while (!value.empty()) {
        const std::size_t comma = std::min(value.find(','), value.size());
        const std::string_view metric = trim(value.substr(0, comma));
        value.remove_prefix(std::min(comma + 1, value.size()));
        const std::string_view name = metric.substr(0, metric.find(';'));
        if (name == "total") total = duration_ns(metric);
        if (name == "upstream") upstream = duration_ns(metric);
    }
    if (!total || !upstream) return std::nullopt;
    return ServerTiming{.total_ns = *total, .upstream_ns = *upstream};
}

void ResponseReader::reset() {
    head_.clear();
    state_ = Part::kHead;
    status_ = 0;
    keep_alive_ = true;
    left_ = body_bytes_ = events_ = 0;
    line_was_ended_ = false;
    trailer_line_empty_ = true;
    timing_.reset();
}

ResponseReader::State ResponseReader::feed(std::string_view bytes) {
    if (state_ == Part::kHead) {
        std::string_view all = bytes;
        if (!head_.empty()) {
            head_.append(bytes);
            all = head_;
        }
        const std::size_t end = all.find("\r\n\r\n");
        if (end == std::string_view::npos) {
            if (all.size() > kHeadBytesMax) return State::kBad;
            if (head_.empty()) head_.assign(bytes);
            return State::kMore;
        }
        if (!take_head(all.substr(0, end + 2))) return State::kBad;
        // What follows the head came with the latest bytes, because the head's end did.
        bytes = bytes.substr(bytes.size() - (all.size() - end - 4));
    }
    if (state_ == Part::kToEnd) {
        take_body(bytes);
        return State::kMore;
    }
    if (state_ != Part::kLength) return take_chunked(bytes);
    if (bytes.size() > left_) return State::kBad;
    take_body(bytes);
    left_ -= bytes.size();
    return left_ == 0 ? State::kDone : State::kMore;
}

ResponseReader::State ResponseReader::end_of_input() const {
    return state_ == Part::kToEnd ? State::kDone : State::kBad;
}

bool ResponseReader::take_head(std::string_view head) {
    constexpr std::string_view kVersion = "HTTP/1.1 ";
    if (!head.starts_with(kVersion) || head.size() < 14) return false;
    const std::string_view digits = head.substr(kVersion.size(), 3);
    const auto [stop, error] = std::from_chars(digits.begin(), digits.end(), status_);
    if (error != std::errc{} || stop != digits.end()) return false;
    state_ = Part::kToEnd;
    head.remove_prefix(head.find("\r\n") + 2);
    while (!head.empty()) {
        const std::size_t end = head.find("\r\n");
        if (!take_field(head.substr(0, end))) return false;
        head.remove_prefix(end + 2);
    }
    return true;
}

bool ResponseReader::take_field(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));
    switch (name.size()) {
        case 10:
            if (same(name, "connection") && same(value, "close")) keep_alive_ = false;
            return true;
        case 13:
            if (same(name, "server-timing")) timing_ = parse_server_timing(value);
            return true;
        case 14: {
            if (!same(name, "content-length")) return true;
            const auto [stop, error] = std::from_chars(value.begin(), value.end(), left_);
            state_ = Part::kLength;
            return error == std::errc{} && stop == value.end();
        }
        case 17:
            if (same(name, "transfer-encoding")) {
                state_ = Part::kSize;
                left_ = 0;
                return same(value, "chunked");
            }
            return true;
        default:
            return true;
    }
}

// An event ends with an empty line.
void ResponseReader::take_body(std::string_view bytes) {
    body_bytes_ += bytes.size();
    for (std::size_t at = bytes.find('\n'); at != std::string_view::npos;
         at = bytes.find('\n', at + 1)) {
        const bool behind_another = at == 0 ? line_was_ended_ : bytes[at - 1] == '\n';
        if (behind_another) ++events_;
    }
    if (!bytes.empty()) line_was_ended_ = bytes.back() == '\n';
}

ResponseReader::State ResponseReader::take_chunked(std::string_view bytes) {
    while (!bytes.empty()) {
        const char c = bytes.front();
        if (state_ == Part::kChunk) {
            const std::size_t now = std::min<std::uint64_t>(left_, bytes.size());
            take_body(bytes.substr(0, now));
            left_ -= now;
            bytes.remove_prefix(now);
            if (left_ == 0) state_ = Part::kChunkEnd;
            continue;
        }
        bytes.remove_prefix(1);
        if (state_ == Part::kChunkEnd) {
            if (c == '\n') state_ = Part::kSize;
        } else if (state_ == Part::kTrailer) {
            if (c == '\n') {
                if (trailer_line_empty_) return bytes.empty() ? State::kDone : State::kBad;
                trailer_line_empty_ = true;
            } else if (c != '\r') {
                trailer_line_empty_ = false;
            }
        } else if (c == '\n') {
            state_ = left_ == 0 ? Part::kTrailer : Part::kChunk;
        } else if (c != '\r') {
            const int digit = c >= '0' && c <= '9'   ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                     : -1;
            if (digit < 0 || left_ > UINT32_MAX) return State::kBad;
            left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
        }
    }
    return State::kMore;
}

}  // namespace vidai::bench::load
