// SPDX-License-Identifier: Apache-2.0
#include "node/http/body.h"

#include <algorithm>

namespace vidai::node::http {

BodyReader::BodyReader(const RequestHead& head, std::uint64_t bytes_max)
    : BodyReader(head, bytes_max, ErrorCode::kMalformedHttp, ErrorCode::kMalformedHttp) {}

BodyReader::BodyReader(const ResponseHead& head, std::uint64_t bytes_max)
    : BodyReader(head, bytes_max, ErrorCode::kUpstreamInvalid, ErrorCode::kUpstreamInterrupted) {}

BodyReader::BodyReader(const MessageHead& head, std::uint64_t bytes_max, ErrorCode malformed,
                       ErrorCode truncated)
    : framing_(head.framing()),
      state_(BodyProgress::kNeedMore),
      malformed_(malformed),
      truncated_(truncated),
      left_(head.content_length()),
      bytes_max_(bytes_max) {
    if (framing_ == Framing::kNone || (framing_ == Framing::kLength && left_ == 0)) {
        state_ = BodyProgress::kDone;
    } else if (left_ > bytes_max_) {
        refuse(ErrorCode::kBodyTooLarge, "The body is larger than this gateway accepts.");
    }
}

BodyProgress BodyReader::refuse(ErrorCode code, const char* message) {
    error_code_ = code;
    error_message_ = message;
    return state_ = BodyProgress::kError;
}

BodyProgress BodyReader::next(std::string_view& bytes, std::string_view& payload) {
    payload = {};
    if (state_ == BodyProgress::kDone || state_ == BodyProgress::kError) return state_;
    if (framing_ == Framing::kChunked) {
        state_ = chunks_.next(bytes, payload);
        if (state_ == BodyProgress::kError) return refuse(malformed_, chunks_.error_message());
    } else if (framing_ == Framing::kLength && left_ == 0) {
        return state_ = BodyProgress::kDone;
    } else if (bytes.empty()) {
        return state_ = BodyProgress::kNeedMore;
    } else {
        payload = bytes;
        if (framing_ == Framing::kLength) {
            payload = bytes.substr(0, std::min<std::uint64_t>(bytes.size(), left_));
            left_ -= payload.size();
        }
        bytes.remove_prefix(payload.size());
        state_ = BodyProgress::kData;
    }
    payload_bytes_ += payload.size();
    if (payload_bytes_ > bytes_max_) {
        payload = {};
        return refuse(ErrorCode::kBodyTooLarge, "The body is larger than this gateway accepts.");
    }
    return state_;
}

BodyProgress BodyReader::finish() {
    if (state_ == BodyProgress::kDone || state_ == BodyProgress::kError) return state_;
    if (framing_ == Framing::kUntilClose || (framing_ == Framing::kLength && left_ == 0)) {
        return state_ = BodyProgress::kDone;
    }
    return refuse(truncated_, "The connection closed before the body was complete.");
}

}  // namespace vidai::node::http
