// SPDX-License-Identifier: Apache-2.0
// Why: clang 19 in C++20 rewrites `stringPtr == "..."` with reversed operands, finds no viable
// operator in capnproto 0.9.2 (kj hides it as a friend) and rejects <capnp/blob.h>. Declaring the
// free operators here, before any kj header is read, settles it. Force-included for clang only.
#pragma once
#ifdef __cplusplus
#include <cstddef>
namespace kj {
class StringPtr;
bool operator==(const char* a, const StringPtr& b);
bool operator!=(const char* a, const StringPtr& b);
}  // namespace kj
#endif
