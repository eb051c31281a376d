// SPDX-License-Identifier: Apache-2.0
// Reads a chat completion request: checks that the whole body is one well-formed JSON object, and
// takes from it the few facts that the gateway acts on. Everything else is the provider's to
// judge and passes untouched, a field such as `api_base` included: nothing here ever acts on one.
//
// What we act on must be what the provider will read, or a caller could have one model admitted
// and another one served. So a field that we act on may appear once, also when spelt with escapes,
// and a spelling that differs in case alone is refused, because a provider written in Go takes it
// for the same field.
//
// Pure but for its own scratch; one reader per worker.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "node/request/chat_facts.h"
#include "schema/vocabulary/result.h"

namespace vidai::node::dialect::openai_chat {

inline constexpr std::size_t kModelBytesMax = 256;
inline constexpr std::int64_t kChoicesMax = 128;

class RequestReader {
  public:
    // kInvalidRequest or kMissingField, `param` naming the field as a client spells it; then the
    // body must not go upstream. kBodyTooLarge from 4 GiB on. The facts point into `body` and, for
    // a model spelt with escapes, into this reader until its next read(). `body` needs no padding.
    Result<request::ChatFacts> read(std::string_view body);

  private:
    std::string model_;  // unescaped; used only when the body spells it with escapes
};

}  // namespace vidai::node::dialect::openai_chat
