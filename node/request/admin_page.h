// SPDX-License-Identifier: Apache-2.0
// One request to the admin listener and its answer: where node/net (which moves the bytes) and
// node/admin (which knows the pages) meet. Values; admin thread.
#pragma once

#include <string>
#include <string_view>

namespace vidai::node::request {

struct AdminRequest {
    std::string_view method;  // as sent, e.g. "GET"
    std::string_view target;  // path and query as sent
    std::string_view host;    // the Host header; empty when absent
};

struct AdminReply {
    unsigned status = 200;
    std::string_view content_type = "text/plain; charset=utf-8";  // static storage
    std::string_view allow = {};  // the Allow header with status 405; static storage
    std::string body;
};

}  // namespace vidai::node::request
