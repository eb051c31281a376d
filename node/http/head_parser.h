// SPDX-License-Identifier: Apache-2.0
// The two steps that requests and responses share: reading field lines, and deciding from them how
// the body is framed. Inside node/http only; everybody else calls head.h. Pure.
#pragma once

#include <cstddef>
#include <string_view>

#include "node/http/head.h"

namespace vidai::node::http {

// Takes the first item off a comma-separated list and trims it; items may be empty.
std::string_view next_list_item(std::string_view& list);

// Reads from `bytes` into `head`. Each step returns true when it is done; otherwise `status()`
// tells why not: more bytes are needed, or the message is refused.
class HeadParser {
  public:
    // `malformed` is the code of every refusal but the ones named in head.h.
    HeadParser(std::string_view bytes, const HeadLimits& limits, MessageHead& head,
               ErrorCode malformed, ErrorCode too_large);

    HeadStatus run_request(RequestHead& head);
    HeadStatus run_response(Method asked, ResponseHead& head);

  private:
    using Slice = MessageHead::Slice;

    bool request_line(RequestHead& head);
    bool request_target(RequestHead& head, const char* begin, const char* end);
    bool absolute_form(RequestHead& head, const char* begin, const char* end);
    void split_query(RequestHead& head, const char* begin, const char* end);
    bool request_rules(RequestHead& head);
    bool expectation(RequestHead& head);

    bool status_line(ResponseHead& head);
    bool response_rules(Method asked, ResponseHead& head);

    bool fields();
    bool store(std::string_view name, std::string_view value);
    bool bad_name(const char* line, const char* name_end);
    bool literal(std::string_view text, const char* message);
    bool line_end(const char* message);
    bool version();
    bool transfer_coding();
    bool declared_length();
    void connection_options();

    bool need_more();
    bool refuse(const char* message) { return refuse(malformed_, message); }
    bool refuse(ErrorCode code, const char* message);
    HeadStatus done();
    Slice slice(const char* begin, const char* end) const {
        return {static_cast<std::uint32_t>(begin - begin_),
                static_cast<std::uint32_t>(end - begin)};
    }

    const char* const begin_;
    const char* p_;  // the next byte to read
    const char* const end_;
    const bool cut_;  // the limit, not the input, decides where end_ is
    const std::uint32_t fields_max_;
    MessageHead& head_;
    const ErrorCode malformed_;
    const ErrorCode too_large_;
    HeadStatus status_;
};

}  // namespace vidai::node::http
