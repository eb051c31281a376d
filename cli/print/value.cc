// SPDX-License-Identifier: Apache-2.0
#include "cli/print/value.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "cli/print/text.h"
#include "schema/vocabulary/check.h"

namespace vidai::cli::print {
namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const auto byte = static_cast<unsigned char>(text.front());
        const std::size_t bytes = utf8_bytes(text);
        if (bytes == 0) {
            out += "\uFFFD";
        } else if (byte == '"' || byte == '\\') {
            out += {'\\', static_cast<char>(byte)};
        } else if (byte < 0x20 || byte == 0x7f) {
            std::array<char, 8> escape{};
            std::snprintf(escape.data(), escape.size(), "\\u%04x", byte);
            out += escape.data();
        } else {
            out += text.substr(0, bytes);
        }
        text.remove_prefix(std::max<std::size_t>(bytes, 1));
    }
    return out + '"';
}

// A YAML scalar that no reader of 1.1 or 1.2 takes for anything but text, or the quoted form,
// which is the same in JSON.
std::string yaml_text(std::string_view text) {
    constexpr std::string_view kWords[] = {"true", "false", "yes", "no", "on",
                                           "off",  "null",  "y",   "n"};
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    std::string lower;
    for (const char c : text) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    const bool plain = !text.empty() && (letter(text[0]) || text[0] == '/') &&
                       std::ranges::all_of(text,
                                           [&](char c) {
                                               return letter(c) || (c >= '0' && c <= '9') ||
                                                      c == '_' || c == '-' || c == '.' ||
                                                      c == '/' || c == '@';
                                           }) &&
                       std::ranges::find(kWords, lower) == std::end(kWords);
    return plain ? std::string(text) : quoted(text);
}

struct Printer {
    bool yaml;
    bool one_line = false;
    std::string out{};

    void line(int depth) {
        out += '\n';
        indent(depth);
    }
    void indent(int depth) { out.append(static_cast<std::size_t>(depth) * 2, ' '); }

    bool scalar(const Value& value) {
        const auto& data = value.data();
        if (std::holds_alternative<std::nullptr_t>(data)) {
            out += "null";
        } else if (const bool* flag = std::get_if<bool>(&data)) {
            out += *flag ? "true" : "false";
        } else if (const auto* number = std::get_if<std::int64_t>(&data)) {
            out += std::to_string(*number);
        } else if (const auto* count = std::get_if<std::uint64_t>(&data)) {
            out += std::to_string(*count);
        } else if (const auto* text = std::get_if<std::string>(&data)) {
            out += yaml ? yaml_text(*text) : quoted(*text);
        } else {
            return false;
        }
        return true;
    }

    void json(const Value& value, int depth) {
        if (scalar(value)) return;
        const auto* items = std::get_if<Value::List>(&value.data());
        const auto* members = std::get_if<Value::Object>(&value.data());
        const std::size_t count = items != nullptr ? items->size() : members->size();
        out += items != nullptr ? '[' : '{';
        for (std::size_t i = 0; i < count; ++i) {
            if (i > 0) out += ',';
            if (!one_line) line(depth + 1);
            if (members != nullptr) out += quoted((*members)[i].key) + (one_line ? ":" : ": ");
            json(items != nullptr ? (*items)[i] : (*members)[i].value, depth + 1);
        }
        if (count > 0 && !one_line) line(depth);
        out += items != nullptr ? ']' : '}';
    }

    // The cursor stands behind "- " or at the indentation of the first line.
    void block(const Value& value, int depth) {
        if (const auto* items = std::get_if<Value::List>(&value.data())) {
            for (std::size_t i = 0; i < items->size(); ++i) {
                if (i > 0) indent(depth);
                out += "- ";
                entry((*items)[i], depth + 1);
            }
        } else if (const auto* members = std::get_if<Value::Object>(&value.data())) {
            for (std::size_t i = 0; i < members->size(); ++i) {
                if (i > 0) indent(depth);
                out += std::string((*members)[i].key) + ":";
                const Value& inner = (*members)[i].value;
                if (nested(inner)) {
                    out += '\n';
                    indent(depth + 1);
                } else {
                    out += ' ';
                }
                entry(inner, depth + 1);
            }
        }
    }
    void entry(const Value& value, int depth) {
        if (nested(value)) return block(value, depth);
        if (!scalar(value)) out += std::holds_alternative<Value::List>(value.data()) ? "[]" : "{}";
        out += '\n';
    }
    static bool nested(const Value& value) {
        const auto* items = std::get_if<Value::List>(&value.data());
        const auto* members = std::get_if<Value::Object>(&value.data());
        return (items != nullptr && !items->empty()) || (members != nullptr && !members->empty());
    }
};

}  // namespace

Value::Value() = default;
Value::Value(Number number) {
    std::visit([this](auto alternative) { data_ = alternative; }, number);
}
Value::Value(std::string text) : data_(std::move(text)) {}
Value::Value(std::string_view text) : data_(std::string(text)) {}
Value::Value(const char* text) : data_(std::string(text)) {}
Value::Value(List items) : data_(std::move(items)) {}
Value::Value(const Value& other) = default;
Value::Value(Value&& other) noexcept = default;
Value& Value::operator=(const Value& other) = default;
Value& Value::operator=(Value&& other) noexcept = default;
Value::~Value() = default;

Value::Value(std::initializer_list<Member> members) : data_(Object(members)) {}

void Value::set(std::string_view key, Value value) {
    auto* members = std::get_if<Object>(&data_);
    CHECK(members != nullptr);
    CHECK(std::ranges::find(*members, key, &Member::key) == members->end());
    members->push_back({key, std::move(value)});
}

std::string to_json(const Value& value) {
    Printer printer{.yaml = false};
    printer.json(value, 0);
    return printer.out + '\n';
}

std::string to_json_line(const Value& value) {
    Printer printer{.yaml = false, .one_line = true};
    printer.json(value, 0);
    return printer.out + '\n';
}

std::string to_yaml(const Value& value) {
    Printer printer{.yaml = true};
    printer.entry(value, 0);
    return printer.out;
}

}  // namespace vidai::cli::print
