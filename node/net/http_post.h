// SPDX-License-Identifier: Apache-2.0
// One HTTP/1.1 POST over a connection of its own, waited for. Not for workers: it blocks, at most
// until its deadline, or until `stop` becomes readable; looking up a name may take longer.
#pragma once

#include <cstdint>
#include <string>

#include "node/net/tls.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::node::net {

struct PostTarget {
    std::string host;
    std::uint16_t port = 443;
    std::string path = "/";  // with its query
    TlsContext tls;          // null: plain HTTP
};

// The status that was answered; its body is not read. kUnavailable: no connection or no answer;
// kDeadlineExceeded; kCancelled: `stop`. No text of an error has the path, which may be a secret.
Result<int> http_post(const PostTarget& target, const std::string& json, Duration timeout,
                      int stop);

}  // namespace vidai::node::net
