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

    // Defined where Member is complete. Implicit conversions, so that an object is one literal.
    Value();  // null
    Value(const Value& other);
    Value(Value&& other) noexcept;
    Value& operator=(const Value& other);
    Value& operator=(Value&& other) noexcept;
    ~Value();
    Value(std::string text);                       // NOLINT
    Value(std::string_view text);                  // NOLINT
    Value(const char* text);                       // NOLINT
    Value(List items);                             // NOLINT
    Value(std::initializer_list<Member> members);  // NOLINT
    template <std::integral T>
    Value(T number) : Value(number_of(number)) {}  // NOLINT
    void set(std::string_view key, Value value);   // of an object; the key must be new

    const auto& data() const { return data_; }

  private:
    using Number = std::variant<bool, std::int64_t, std::uint64_t>;
    template <std::integral T>
    static Number number_of(T number) {
        if constexpr (std::same_as<T, bool>) return number;
        if constexpr (std::signed_integral<T>) return static_cast<std::int64_t>(number);
        return static_cast<std::uint64_t>(number);
    }
    explicit Value(Number number);

    std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, std::string, List, Object>
        data_;
};

struct Value::Member {
    std::string_view key;  // a literal
    Value value;
};

// All end with a newline.
std::string to_json(const Value& value);  // indented by two
std::string to_json_line(const Value& value);
std::string to_yaml(const Value& value);

}  // namespace vidai::cli::print
