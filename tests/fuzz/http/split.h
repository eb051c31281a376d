// SPDX-License-Identifier: Apache-2.0
// How the HTTP fuzz targets cut their input: the first byte of the file chooses the pieces, so that
// the fuzzer finds the awkward cuts itself.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace vidai::node::http {

struct FuzzInput {
    std::size_t piece;  // 1 to 64 bytes
    std::string_view bytes;
};

inline FuzzInput fuzz_input(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return {1, {}};
    return {data[0] % 64U + 1, {reinterpret_cast<const char*>(data) + 1, size - 1}};
}

// A property that does not hold: the fuzzer reports an abort with the input that caused it.
inline void must(bool holds) {
    if (!holds) std::abort();
}

inline bool same_text(const char* a, const char* b) {
    return std::string_view(a) == std::string_view(b);
}

}  // namespace vidai::node::http
