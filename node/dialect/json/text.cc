// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/json/text.h"

#include <array>
#include <cstdint>

#include <simdjson.h>

namespace vidai::node::dialect::json {

namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// Length of the well-formed UTF-8 sequence at the front of `text` (Unicode 15, table 3-7), 0 when
// it is not one. `text` is not empty.
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto continues = [&](std::size_t i) { return i < text.size() && byte(i) >> 6 == 2; };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4 || !continues(1)) return 0;
    if (lead < 0xe0) return 2;
    if (!continues(2)) return 0;
    const bool second_fits = !(lead == 0xe0 && byte(1) < 0xa0) &&
                             !(lead == 0xed && byte(1) > 0x9f) &&
                             !(lead == 0xf0 && byte(1) < 0x90) && !(lead == 0xf4 && byte(1) > 0x8f);
    if (!second_fits) return 0;
    if (lead < 0xf0) return 3;
    return continues(3) ? 4 : 0;
}

// The letter of a two-byte escape, 0 when the byte has none.
char short_escape(char c) {
    switch (c) {
        case '"':
        case '\\':
            return c;
        case '\b':
            return 'b';
        case '\f':
            return 'f';
        case '\n':
            return 'n';
        case '\r':
            return 'r';
        case '\t':
            return 't';
        default:
            return 0;
    }
}

bool is_plain(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\';
}

// Calls emit(piece) for each piece of the quoted form of `text`, quotes aside.
template <class Emit>
void for_each_piece(std::string_view text, Emit emit) {
    while (!text.empty()) {
        std::size_t plain = 0;
        while (plain < text.size() && is_plain(text[plain])) ++plain;
        if (plain != 0) {
            emit(text.substr(0, plain));
            text.remove_prefix(plain);
            continue;
        }
        const auto byte = static_cast<unsigned char>(text.front());
        std::size_t length = 1;
        if (const char letter = short_escape(text.front()); letter != 0) {
            const std::array<char, 2> escape{'\\', letter};
            emit(std::string_view(escape.data(), escape.size()));
        } else if (byte < 0x20 || byte == 0x7f) {
            const std::array<char, 6> escape{'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
            emit(std::string_view(escape.data(), escape.size()));
        } else if ((length = sequence_length(text)) != 0) {
            emit(text.substr(0, length));
        } else {
            emit(kReplacement);
            length = 1;
        }
        text.remove_prefix(length);
    }
}

std::uint32_t hex4(std::string_view digits) {
    std::uint32_t value = 0;
    for (const char c : digits.substr(0, 4)) {
        const auto low = static_cast<std::uint32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        value = value << 4 | low;
    }
    return value;
}

void append_code_point(std::string& out, std::uint32_t code) {
    const auto byte = [&](std::uint32_t bits) { out.push_back(static_cast<char>(bits)); };
    if (code < 0x80) return byte(code);
    if (code < 0x800) {
        byte(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            byte(0xe0 | code >> 12);
        } else {
            byte(0xf0 | code >> 18);
            byte(0x80 | (code >> 12 & 0x3f));
        }
        byte(0x80 | (code >> 6 & 0x3f));
    }
    byte(0x80 | (code & 0x3f));
}

// `raw` stands at \uXXXX. Takes it, and the low surrogate after a high one.
bool take_unicode_escape(std::string& out, std::string_view& raw) {
    std::uint32_t code = hex4(raw.substr(2));
    raw.remove_prefix(6);
    if (code >= 0xdc00 && code <= 0xdfff) return false;
    if (code >= 0xd800 && code <= 0xdbff) {
        if (!raw.starts_with("\\u")) return false;
        const std::uint32_t low = hex4(raw.substr(2));
        if (low < 0xdc00 || low > 0xdfff) return false;
        raw.remove_prefix(6);
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    append_code_point(out, code);
    return true;
}

}  // namespace

bool is_utf8(std::string_view text) {
    return simdjson::validate_utf8(text.data(), text.size());
}

bool append_unescaped(std::string& out, std::string_view raw) {
    while (!raw.empty()) {
        const std::size_t plain = raw.find('\\');
        out.append(raw.substr(0, plain));
        if (plain == std::string_view::npos) return true;
        raw.remove_prefix(plain);
        if (raw[1] == 'u') {
            if (!take_unicode_escape(out, raw)) return false;
            continue;
        }
        constexpr std::string_view kLetters = "bfnrt";
        constexpr std::string_view kMeanings = "\b\f\n\r\t";
        const std::size_t letter = kLetters.find(raw[1]);
        out.push_back(letter == std::string_view::npos ? raw[1] : kMeanings[letter]);
        raw.remove_prefix(2);
    }
    return true;
}

std::optional<std::int64_t> whole_number(std::string_view raw) {
    constexpr std::size_t kDigitsMax = 18;
    const bool negative = raw.starts_with('-');
    if (negative) raw.remove_prefix(1);
    if (raw.size() > kDigitsMax) return std::nullopt;
    std::int64_t value = 0;
    for (const char c : raw) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return negative ? -value : value;
}

void append_quoted(std::string& out, std::string_view text) {
    out.push_back('"');
    for_each_piece(text, [&](std::string_view piece) { out.append(piece); });
    out.push_back('"');
}

std::size_t quoted_length(std::string_view text) {
    std::size_t length = 2;
    for_each_piece(text, [&](std::string_view piece) { length += piece.size(); });
    return length;
}

}  // namespace vidai::node::dialect::json
