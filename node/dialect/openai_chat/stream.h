// SPDX-License-Identifier: Apache-2.0
// Follows one streamed chat completion, an event at a time: what to do with the event, and what
// the meter must know in the end. Events pass byte for byte; the only one ever taken out is the
// usage chunk (`choices` empty, `usage` an object) that the gateway asked for and the client did
// not. The `usage: null` that other chunks then carry stays: every SDK takes it.
// Pure; lives as long as one exchange, on its worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "node/dialect/json/scanner.h"
#include "node/request/usage.h"

namespace vidai::node::dialect::openai_chat {

enum class StreamAction : std::uint8_t {
    kForward,  // send the event on as it is
    kDrop,     // take it out
    kDone,     // the [DONE] that ends the stream: send it on; whatever follows is ignored
    kError,    // the provider reports a failure: send it on; the stream has failed
    kInvalid,  // neither JSON nor [DONE]: the provider's answer cannot be understood
};

class StreamReader {
  public:
    explicit StreamReader(bool client_wants_usage) : client_wants_usage_(client_wants_usage) {}

    // `data` is the payload of one SSE event, `name` its event field, mostly empty. An event
    // without data (a comment, a retry field) is forwarded.
    StreamAction on_event(std::string_view data, std::string_view name = {});

    // The last usage seen: providers that repeat it send running totals.
    const std::optional<request::Usage>& usage() const { return usage_; }
    // It came by itself, as what comes last does: a running total stands beside a choice.
    bool usage_final() const { return usage_final_ || done_; }
    // As in ResponseFacts; grows with the stream, so that an aborted one can be estimated.
    std::int64_t content_bytes() const { return content_bytes_; }
    // True from the event that carries the first bytes of content on: time to first token.
    bool saw_content() const { return content_bytes_ > 0; }
    bool saw_finish_reason() const { return saw_finish_reason_; }
    bool done() const { return done_; }

  private:
    struct Chunk;

    StreamAction on_chunk(std::string_view data);
    bool read_as_before(std::string_view data);
    static bool read_chunk(std::string_view data, Chunk& chunk);
    void remember_frame(std::string_view data, std::string_view content);

    // Most chunks of a stream differ from the one before in one string, the piece of content. What
    // stands around it is kept, frame_ up to frame_head_ before it and the rest after it: a chunk
    // in the same frame with another well-formed string is as valid and means the same, and is not
    // scanned again. A sixth of the work (bench/micro/dialect_bench.cc).
    static constexpr std::size_t kFrameMax = 512;
    std::array<char, kFrameMax> frame_{};
    std::uint16_t frame_head_ = 0;
    std::uint16_t frame_size_ = 0;  // 0: no frame

    bool client_wants_usage_;
    bool saw_finish_reason_ = false;
    bool done_ = false;
    bool usage_final_ = false;
    std::int64_t content_bytes_ = 0;
    std::optional<request::Usage> usage_;
    std::optional<mesh::pricing::ServiceTier> served_;  // the last that it said
};

}  // namespace vidai::node::dialect::openai_chat
