// SPDX-License-Identifier: Apache-2.0
// Takes HTTP/1.1 requests off a byte stream: sans-IO, bounded, keeps the raw bytes because tests
// compare them with what was sent. Not a hardened server's codec (node/http is): it refuses what
// it does not understand and closes. One thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vidai::bench::mock {

inline constexpr std::size_t kHeadBytesMax = 64 * 1024;
inline constexpr std::size_t kBodyBytesMax = 64 * 1024 * 1024;

struct Request {
    std::string head;  // request line to the empty line, as received
    std::string body;  // without chunk framing
    std::string method;
    std::string target;                                        // path and query
    std::vector<std::pair<std::string, std::string>> headers;  // names lower case
    bool keep_alive = true;

    std::string_view path() const;
    // The value of ?name=..., undecoded; empty when absent.
    std::string_view query(std::string_view name) const;
    // The first header of that lower-case name; empty when absent.
    std::string_view header(std::string_view name) const;
    // What follows "Authorization: Bearer "; empty when absent.
    std::string_view credential() const;
};

class RequestReader {
  public:
    enum class State { kNeedMore, kComplete, kBad };

    void feed(std::string_view bytes) { in_.append(bytes); }
    // Advances over what was fed. On kComplete take() has the request; on kBad framing is lost.
    State poll();
    Request take();
    // True once per request whose head asks for 100 Continue, before its body arrived.
    bool wants_continue();
    std::size_t buffered() const { return in_.size(); }

  private:
    bool parse_head(std::size_t end);
    State poll_body();
    State poll_chunks();

    std::string in_;
    std::size_t at_ = 0;  // chunked: where the next chunk line starts
    std::optional<Request> request_;
    std::size_t content_length_ = 0;
    bool chunked_ = false;
    bool wants_continue_ = false;
};

}  // namespace vidai::bench::mock
