// SPDX-License-Identifier: Apache-2.0
// A message's body, whatever frames it (RFC 9112 6 and 7): bytes in, spans of payload out, without
// copying and without allocation. Payload spans are views into the bytes given. Strict: the chunk
// grammar is followed to the letter, since a lenient chunk size smuggles requests. Pure; belongs
// to one connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "node/http/chunked.h"
#include "node/http/head.h"
#include "schema/vocabulary/error.h"

namespace vidai::node::http {

inline constexpr std::uint64_t kBodyUnbounded = std::numeric_limits<std::uint64_t>::max();

class BodyReader {
  public:
    BodyReader() = default;  // of no body: done at once
    // For a request: refuses more than `bytes_max` bytes of payload with kBodyTooLarge, a declared
    // length before the first byte. Broken framing is kMalformedHttp.
    BodyReader(const RequestHead& head, std::uint64_t bytes_max);
    // For an upstream's answer: broken framing is kUpstreamInvalid.
    explicit BodyReader(const ResponseHead& head, std::uint64_t bytes_max = kBodyUnbounded);

    // Takes bytes off the front of `bytes`. kData: `payload` is the next span of the body, call
    // again. kNeedMore: `bytes` is empty now, call again with more. kDone: the body is over and
    // what is left in `bytes` belongs to the next message. kError: see error_*(); close.
    // The raw bytes that were taken are those between the old front and the new one.
    BodyProgress next(std::string_view& bytes, std::string_view& payload);

    // The sender closed: kDone if the body is whole or lasts until close, else kError with
    // kMalformedHttp or kUpstreamInterrupted.
    BodyProgress finish();

    bool done() const { return state_ == BodyProgress::kDone; }
    std::uint64_t payload_bytes() const { return payload_bytes_; }  // handed out so far
    ErrorCode error_code() const { return error_code_; }            // after kError
    const char* error_message() const { return error_message_; }    // static storage

  private:
    BodyReader(const MessageHead& head, std::uint64_t bytes_max, ErrorCode malformed,
               ErrorCode truncated);
    BodyProgress refuse(ErrorCode code, const char* message);

    Framing framing_ = Framing::kNone;
    BodyProgress state_ = BodyProgress::kDone;
    ErrorCode malformed_ = ErrorCode::kMalformedHttp;
    ErrorCode truncated_ = ErrorCode::kMalformedHttp;
    ErrorCode error_code_ = ErrorCode::kInternal;
    const char* error_message_ = "";
    std::uint64_t left_ = 0;  // kLength: payload bytes still to come
    std::uint64_t payload_bytes_ = 0;
    std::uint64_t bytes_max_ = 0;
    ChunkedDecoder chunks_;
};

}  // namespace vidai::node::http
