// SPDX-License-Identifier: Apache-2.0
// Result<T>: a T, or why there is none. A class rather than an alias of std::expected, because an
// alias loses [[nodiscard]] on both compilers. Any thread.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "schema/vocabulary/error.h"

namespace vidai {

template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
  public:
    using std::expected<T, Error>::expected;
};

// return fail(ErrorCode::kConfigInvalid, "vidai.yaml:7: ...", "listen");
inline std::unexpected<Error> fail(ErrorCode code, std::string message, std::string param = {}) {
    return std::unexpected<Error>(Error{code, std::move(message), std::move(param)});
}
// Hands an error on: if (!r) return fail(std::move(r).error());
inline std::unexpected<Error> fail(Error error) {
    return std::unexpected<Error>(std::move(error));
}

}  // namespace vidai
