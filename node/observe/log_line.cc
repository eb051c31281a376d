// SPDX-License-Identifier: Apache-2.0
#include "node/observe/log_line.h"

#include <charconv>
#include <chrono>
#include <cmath>

namespace vidai::node::observe {
namespace {

constexpr std::size_t kValueBytesMax = 2048;

void append_padded(std::string& out, std::int64_t value, int width) {
    const std::string digits = std::to_string(value);
    for (int i = static_cast<int>(digits.size()); i < width; ++i) out += '0';
    out += digits;
}

// "06:30:00.123"
void append_clock(std::string& out, WallTime now) {
    const std::int64_t ms = now.time_since_epoch().count() % 86'400'000;
    append_padded(out, ms / 3'600'000, 2);
    out += ':';
    append_padded(out, ms / 60'000 % 60, 2);
    out += ':';
    append_padded(out, ms / 1'000 % 60, 2);
    out += '.';
    append_padded(out, ms % 1'000, 3);
}

// "2026-11-22T06:30:00.123Z" (RFC 3339)
void append_timestamp(std::string& out, WallTime now) {
    const std::chrono::sys_days day{std::chrono::floor<std::chrono::days>(now.time_since_epoch())};
    const std::chrono::year_month_day date(day);
    append_padded(out, static_cast<int>(date.year()), 4);
    out += '-';
    append_padded(out, static_cast<unsigned>(date.month()), 2);
    out += '-';
    append_padded(out, static_cast<unsigned>(date.day()), 2);
    out += 'T';
    append_clock(out, now);
    out += 'Z';
}

template <class T>
void append_number(std::string& out, T value) {
    char digits[32];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    out.append(digits, error == std::errc{} ? end : digits);
}

// How many bytes of well-formed UTF-8 `text` begins with: 1 to 4, 0 when malformed (RFC 3629).
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
    };
    const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        if (!tail(1) || !tail(2)) return 0;
        if (first == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
        if (first == 0xED && byte(1) > 0x9F) return 0;  // surrogate
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        if (!tail(1) || !tail(2) || !tail(3)) return 0;
        if (first == 0xF0 && byte(1) < 0x90) return 0;
        if (first == 0xF4 && byte(1) > 0x8F) return 0;
        return 4;
    }
    return 0;
}

void append_control(std::string& out, unsigned char c) {
    constexpr std::string_view kHex = "0123456789abcdef";
    out += "\\u00";
    out += kHex[c >> 4];
    out += kHex[c & 15];
}

bool needs_quotes(std::string_view text) {
    if (text.empty()) return true;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte >= 0x7F || c == '"' || c == '=' || c == '\\') return true;
    }
    return false;
}

void append_json(std::string& out, std::string_view text) {
    out += '"';
    append_json_text(out, text, kValueBytesMax);
    out += '"';
}
void append_json(std::string&, std::monostate) {}  // absent: never asked for
void append_json(std::string& out, bool value) {
    out += value ? "true" : "false";
}
void append_json(std::string& out, std::int64_t value) {
    append_number(out, value);
}
void append_json(std::string& out, std::uint64_t value) {
    append_number(out, value);
}
void append_json(std::string& out, double value) {
    if (!std::isfinite(value)) {
        out += "null";
        return;
    }
    append_number(out, value);
}

}  // namespace

void append_json_text(std::string& out, std::string_view text, std::size_t bytes_max) {
    const std::size_t stop = out.size() > SIZE_MAX - bytes_max ? SIZE_MAX : out.size() + bytes_max;
    while (!text.empty()) {
        if (out.size() >= stop) {
            out += "...";
            return;
        }
        const auto c = static_cast<unsigned char>(text.front());
        std::size_t length = utf8_length(text);
        if (length == 0) {
            out += "\xEF\xBF\xBD";  // U+FFFD in place of what is no text
            length = 1;
        } else if (c == '"' || c == '\\') {
            out += '\\';
            out += static_cast<char>(c);
        } else if (c < 0x20 || c == 0x7F) {
            append_control(out, c);
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length);
    }
}

std::string json_line(WallTime now, const EventInfo& event, std::span<const LogField> fields,
                      std::uint64_t suppressed) {
    std::string line = "{\"ts\":\"";
    append_timestamp(line, now);
    line += "\",\"level\":\"";
    line += level_name(event.level);
    line += "\",\"event\":\"";
    line += event.name;
    line += '"';
    const auto name = [&](std::string_view field) {
        line += ",\"";
        line += field;
        line += "\":";
    };
    for (const LogField& field : fields) {
        if (line.size() >= kLogLineBytesMax) break;
        if (field.value.absent()) continue;
        name(field.name);
        std::visit([&](auto value) { append_json(line, value); }, field.value.any());
    }
    if (suppressed > 0) {
        name("suppressed");
        append_number(line, suppressed);
    }
    return line += "}\n";
}

std::string text_line(WallTime now, const EventInfo& event, std::span<const LogField> fields,
                      std::uint64_t suppressed) {
    constexpr std::string_view kLevels[] = {"DEBUG ", "INFO  ", "WARN  ", "ERROR "};
    std::string line;
    append_clock(line, now);
    line += ' ';
    line += kLevels[static_cast<std::size_t>(event.level)];
    line += event.name;
    const auto name = [&](std::string_view field) {
        line += ' ';
        line += field;
        line += '=';
    };
    for (const LogField& field : fields) {
        if (line.size() >= kLogLineBytesMax) break;
        if (field.value.absent()) continue;
        name(field.name);
        const auto* text = std::get_if<std::string_view>(&field.value.any());
        if (text != nullptr && !needs_quotes(*text)) {
            line += text->substr(0, kValueBytesMax);
        } else {
            std::visit([&](auto value) { append_json(line, value); }, field.value.any());
        }
    }
    if (suppressed > 0) {
        name("suppressed");
        append_number(line, suppressed);
    }
    return line += '\n';
}

}  // namespace vidai::node::observe
