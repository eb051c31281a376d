// SPDX-License-Identifier: Apache-2.0
// What the translators of this folder share: the limits that a reader gets, flat messages, and the
// one place where capnproto's exceptions about malformed pointers become an Error. Any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include "mesh/seal/encoding.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::wire {

// Words of 8 bytes that one message may hold, and that reading it may traverse.
inline constexpr std::size_t kPeerWordsMax = std::size_t{1} << 20;      // 8 MiB
inline constexpr std::size_t kOperatorWordsMax = std::size_t{1} << 17;  // 1 MiB
inline constexpr int kNestingMax = 16;

inline capnp::ReaderOptions reader_options(std::size_t words_max) {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = words_max;
    options.nestingLimit = kNestingMax;
    return options;
}

// Runs `read`, which gives a Result; kProtocol where capnproto finds the message malformed.
template <class Read>
auto guarded(Read read) -> decltype(read()) {
    try {
        return read();
    } catch (const kj::Exception& e) {
        return fail(ErrorCode::kProtocol,
                    std::string("a message is malformed: ") + e.getDescription().cStr());
    }
}

// A time of day of another's clock. Beyond these years the difference of two is no Duration.
inline std::optional<WallTime> time_of(std::int64_t ms) {
    constexpr std::int64_t kMost = std::int64_t{1} << 43;  // the year 2248
    if (ms < 0 || ms >= kMost) return std::nullopt;
    return WallTime(std::chrono::milliseconds(ms));
}

inline std::string_view view_of(capnp::Text::Reader text) {
    return {text.begin(), text.size()};
}
inline std::string text_of(capnp::Text::Reader text) {
    return std::string(view_of(text));
}
inline capnp::Text::Reader to_text(std::string_view text) {
    return {text.data(), text.size()};
}
inline seal::ByteView bytes_of(capnp::Data::Reader data) {
    return {data.begin(), data.size()};
}
inline capnp::Data::Reader to_data(seal::ByteView bytes) {
    return {bytes.data(), bytes.size()};
}

// One struct as a message of its own, for what is stored rather than sent.
seal::Bytes flatten(capnp::MessageBuilder& message);

// Reads a flat message without trusting its alignment: `read` gets the root of type Root.
template <class Root, class Read>
auto with_flat(seal::ByteView bytes, Read read)
    -> decltype(read(std::declval<typename Root::Reader>())) {
    return guarded([&]() -> decltype(read(std::declval<typename Root::Reader>())) {
        kj::Array<capnp::word> words = kj::heapArray<capnp::word>(bytes.size() / 8);
        kj::ArrayPtr<kj::byte> copy = words.asBytes();
        std::copy_n(bytes.data(), copy.size(), copy.begin());
        // Fields are looked at more than once, and each look counts.
        capnp::FlatArrayMessageReader reader(words, reader_options(8 * words.size() + 64));
        return read(reader.getRoot<Root>());
    });
}

}  // namespace vidai::mesh::wire
