// SPDX-License-Identifier: Apache-2.0
// What a command answers to a program: a small tree, printed as JSON or as YAML. Members keep the
// order in which they are written. Text that is not UTF-8 is printed with U+FFFD in place of what
// is wrong, so that the output always parses. Values; any thread.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace vidai::cli::print {

class Value {
  public:
    struct Member;
    using List = std::vector<Value>;
    using Object = std::vector<Member>;

    // Implicit, so that an object is written as one literal.
    Value() = default;                                          // null
    Value(std::string text) : data_(std::move(text)) {}         // NOLINT
    Value(std::string_view text) : data_(std::string(text)) {}  // NOLINT
    Value(const char* text) : data_(std::string(text)) {}       // NOLINT
    Value(List items) : data_(std::move(items)) {}              // NOLINT
    Value(std::initializer_list<Member> members);               // NOLINT
    template <std::integral T>
    Value(T number) {  // NOLINT
        if constexpr (std::same_as<T, bool>) {
            data_ = number;
        } else if constexpr (std::signed_integral<T>) {
            data_ = static_cast<std::int64_t>(number);
        } else {
            data_ = static_cast<std::uint64_t>(number);
        }
    }
    void set(std::string_view key, Value value);  // of an object; the key must be new

    const auto& data() const { return data_; }

  private:
    std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, std::string, List, Object>
        data_ = nullptr;
};

struct Value::Member {
    std::string_view key;  // a literal
    Value value;
};

// Both end with a newline.
std::string to_json(const Value& value);  // indented by two
std::string to_yaml(const Value& value);

}  // namespace vidai::cli::print
