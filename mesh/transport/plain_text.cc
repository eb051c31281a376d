// SPDX-License-Identifier: Apache-2.0
#include "mesh/transport/plain_text.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace vidai::mesh::transport {

namespace {

// "::read", "connect", "listener.accept4"
bool is_callee(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == ':' || c == '_' || c == '.';
    });
}

}  // namespace

std::string plain_text(const kj::Exception& e) {
    std::string_view text = e.getDescription().cStr();
    const std::size_t end = text.find("): ");
    if (end == std::string_view::npos || !is_callee(text.substr(0, text.find('(')))) {
        return std::string(text);
    }
    text.remove_prefix(end + 3);
    return std::string(text.substr(0, text.find("; ")));
}

}  // namespace vidai::mesh::transport
