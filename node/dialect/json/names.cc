// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/json/names.h"

#include <string>

#include "node/dialect/json/text.h"

namespace vidai::node::dialect::json {

namespace {

bool is_plainly_spelt(std::string_view raw) {
    for (const char c : raw) {
        if ((c < 'a' || c > 'z') && c != '_') return false;
    }
    return true;
}

int index_of(std::string_view key, std::span<const std::string_view> names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (key == names[i]) return static_cast<int>(i);
    }
    return -1;
}

// Lower case, with the two letters beyond ASCII that fold into it: long s and the Kelvin sign.
std::string folded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::string_view rest = text.substr(i);
        if (rest.starts_with("\xc5\xbf")) {
            out.push_back('s');
            i += 1;
        } else if (rest.starts_with("\xe2\x84\xaa")) {
            out.push_back('k');
            i += 2;
        } else {
            const char c = text[i];
            out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c);
        }
    }
    return out;
}

}  // namespace

Match match_name(std::string_view raw_key, std::span<const std::string_view> names) {
    const int exact = index_of(raw_key, names);
    if (exact >= 0 || is_plainly_spelt(raw_key)) return {exact, false};
    std::string key;
    if (!append_unescaped(key, raw_key)) return {};
    if (const int index = index_of(key, names); index >= 0) return {index, false};
    const int index = index_of(folded(key), names);
    return {index, index >= 0};
}

}  // namespace vidai::node::dialect::json
