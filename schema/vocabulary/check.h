// SPDX-License-Identifier: Apache-2.0
// CHECK: a programmer error ends the process, in every build, with file, line and expression.
// Expected failures are values (result.h), never a CHECK. Any thread.
#pragma once

#include <string_view>

namespace vidai {

// Writes one line to standard error and aborts. `note` may be empty.
[[noreturn]] void check_failed(const char* expression, const char* file, int line,
                               std::string_view note = {});

}  // namespace vidai

#define CHECK(condition, ...)                          \
    (__builtin_expect(static_cast<bool>(condition), 1) \
         ? static_cast<void>(0)                        \
         : ::vidai::check_failed(#condition, __FILE__, __LINE__ __VA_OPT__(, ) __VA_ARGS__))
