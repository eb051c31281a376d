// SPDX-License-Identifier: Apache-2.0
// Reads HTTP/1.1 responses off a byte stream as cheaply as a load test needs: status, framing,
// body length, server-sent events, Server-Timing. Sans-IO; in the common case, a whole head in one
// read, nothing is copied. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vidai::bench::load {

// The metrics "total" and "upstream" of a Server-Timing header, in nanoseconds.
struct ServerTiming {
    std::uint64_t total_ns = 0;
    std::uint64_t upstream_ns = 0;
};
// Nothing when either is missing or not a number of milliseconds.
std::optional<ServerTiming> parse_server_timing(std::string_view value);

class ResponseReader {
  public:
    static constexpr std::size_t kHeadBytesMax = 64 * 1024;
    enum class State : std::uint8_t { kMore, kDone, kBad };

    // Takes the next bytes. After kDone or kBad, reset() before the next response. Bytes behind a
    // complete response are kBad: this client does not pipeline.
    State feed(std::string_view bytes);
    // The connection ended: kDone for a body that runs to the end of the connection.
    State end_of_input() const;
    void reset();

    int status() const { return status_; }
    bool keep_alive() const { return keep_alive_ && state_ != Part::kToEnd; }
    std::uint64_t body_bytes() const { return body_bytes_; }
    std::uint64_t events() const { return events_; }  // of this response so far
    const std::optional<ServerTiming>& timing() const { return timing_; }

  private:
    enum class Part : std::uint8_t { kHead, kLength, kToEnd, kSize, kChunk, kChunkEnd, kTrailer };

    bool take_head(std::string_view head);
    bool take_field(std::string_view line);
    void take_body(std::string_view bytes);
    State take_chunked(std::string_view bytes);

    std::string head_;  // only while a head arrives in pieces
    Part state_ = Part::kHead;
    int status_ = 0;
    bool keep_alive_ = true;
    std::uint64_t left_ = 0;  // of the body or chunk
    std::uint64_t body_bytes_ = 0;
    std::uint64_t events_ = 0;
    bool line_was_ended_ = false;  // the last body byte was a line feed
    bool trailer_line_empty_ = true;
    std::optional<ServerTiming> timing_;
};

}  // namespace vidai::bench::load
