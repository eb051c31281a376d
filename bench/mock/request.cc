// SPDX-License-Identifier: Apache-2.0
#include "bench/mock/request.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace vidai::bench::mock {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

std::optional<std::size_t> number(std::string_view text, int base) {
    std::size_t value = 0;
    const auto [stop, error] = std::from_chars(text.begin(), text.end(), value, base);
    if (error != std::errc{} || stop != text.end() || text.empty()) return std::nullopt;
    return value;
}

}  // namespace

std::string_view Request::path() const {
    return std::string_view(target).substr(0, target.find('?'));
}

std::string_view Request::query(std::string_view name) const {
    const std::size_t mark = target.find('?');
    if (mark == std::string::npos) return {};
    std::string_view rest = std::string_view(target).substr(mark + 1);
    while (!rest.empty()) {
        const std::string_view pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
        const std::size_t equals = pair.find('=');
        if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
            return pair.substr(equals + 1);
        }
    }
    return {};
}

std::string_view Request::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (key == name) return value;
    }
    return {};
}

std::string_view Request::credential() const {
    const std::string_view value = header("authorization");
    constexpr std::string_view kScheme = "bearer ";
    if (lower(value.substr(0, kScheme.size())) != kScheme) return {};
    return trim(value.substr(kScheme.size()));
}

RequestReader::State RequestReader::poll() {
    if (!request_) {
        const std::size_t end = in_.find("\r\n\r\n");
        if (end == std::string::npos) {
            return in_.size() > kHeadBytesMax ? State::kBad : State::kNeedMore;
        }
        if (end > kHeadBytesMax || !parse_head(end)) return State::kBad;
    }
    return chunked_ ? poll_chunks() : poll_body();
}

bool RequestReader::parse_head(std::size_t end) {
    Request& request = request_.emplace();
    request.head = in_.substr(0, end + 4);
    in_.erase(0, end + 4);
    at_ = 0;
    std::string_view rest = std::string_view(request.head).substr(0, end + 2);
    const auto next_line = [&] {
        const std::string_view line = rest.substr(0, rest.find("\r\n"));
        rest.remove_prefix(line.size() + 2);
        return line;
    };
    const std::string_view line = next_line();
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) return false;
    request.method = line.substr(0, first);
    request.target = line.substr(first + 1, last - first - 1);
    if (!line.substr(last + 1).starts_with("HTTP/1.")) return false;
    while (!rest.empty()) {
        const std::string_view field = next_line();
        const std::size_t colon = field.find(':');
        if (colon == std::string_view::npos || colon == 0) return false;
        request.headers.emplace_back(lower(field.substr(0, colon)), trim(field.substr(colon + 1)));
    }
    const std::string connection = lower(request.header("connection"));
    request.keep_alive = line.ends_with("1.1") ? connection != "close" : connection == "keep-alive";
    wants_continue_ = lower(request.header("expect")) == "100-continue";
    chunked_ = lower(request.header("transfer-encoding")) == "chunked";
    const std::string_view length = request.header("content-length");
    content_length_ = 0;
    if (length.empty()) return true;
    const std::optional<std::size_t> bytes = number(length, 10);
    if (!bytes || *bytes > kBodyBytesMax || chunked_) return false;
    content_length_ = *bytes;
    return true;
}

RequestReader::State RequestReader::poll_body() {
    if (in_.size() < content_length_) return State::kNeedMore;
    request_->body = in_.substr(0, content_length_);
    in_.erase(0, content_length_);
    return State::kComplete;
}

RequestReader::State RequestReader::poll_chunks() {
    for (;;) {
        const std::size_t end = in_.find("\r\n", at_);
        if (end == std::string::npos) {
            return in_.size() - at_ > kHeadBytesMax ? State::kBad : State::kNeedMore;
        }
        const std::optional<std::size_t> size =
            number(std::string_view(in_).substr(at_, end - at_), 16);
        if (!size || *size > kBodyBytesMax - request_->body.size()) return State::kBad;
        // A trailer section is refused: its first line is not empty.
        if (in_.size() < end + 2 + *size + 2) return State::kNeedMore;
        if (in_.compare(end + 2 + *size, 2, "\r\n") != 0) return State::kBad;
        request_->body.append(in_, end + 2, *size);
        at_ = end + 2 + *size + 2;
        if (*size != 0) continue;
        in_.erase(0, at_);
        return State::kComplete;
    }
}

Request RequestReader::take() {
    Request out = std::move(*request_);
    request_.reset();
    chunked_ = false;
    wants_continue_ = false;
    return out;
}

bool RequestReader::wants_continue() {
    return std::exchange(wants_continue_, false);
}

}  // namespace vidai::bench::mock
