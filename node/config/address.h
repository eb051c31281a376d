// SPDX-License-Identifier: Apache-2.0
// Addresses as people write them. Pure: nothing is resolved. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "node/providers/provider.h"

namespace vidai::node::config {

// "HOST:PORT" with a name, an IPv4 address or a bracketed IPv6 address, and a port from 0.
std::optional<std::pair<std::string, std::uint16_t>> split_address(std::string_view text);
std::string join_address(const std::string& host, std::uint16_t port);

// "https://host[:port][/path][?query]" of something to post to.
struct PostUrl {
    bool tls = true;
    std::string host;
    std::uint16_t port = 443;
    std::string path = "/";  // with its query
};
std::optional<PostUrl> parse_post_url(std::string_view text);

// An IPv4 or IPv6 address in its text form, no brackets.
bool literal_address(const std::string& host);

// "https://host[:port][/prefix]" into tls, host, port and path_prefix; false, and the provider
// untouched, when it is anything else: no user, query or fragment.
bool parse_base_url(std::string_view text, providers::Provider& provider);
std::string print_base_url(const providers::Provider& provider);  // empty without a host

}  // namespace vidai::node::config
