// SPDX-License-Identifier: Apache-2.0
// The header fields that the gateway knows by name, and the lookup from bytes to them: one
// multiplication and one comparison, because it runs for every field of every request. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "node/http/chars.h"

namespace vidai::node::http {

// One list for requests and responses. kOther is every field without a slot of its own.
enum class KnownField : std::uint8_t {
    kAccept,
    kAcceptEncoding,
    kAnthropicBeta,
    kAnthropicVersion,
    kApiKey,
    kAuthorization,
    kConnection,
    kContentEncoding,
    kContentLength,
    kContentType,
    kCookie,
    kDate,
    kExpect,
    kHost,
    kKeepAlive,
    kLocation,
    kProxyAuthenticate,
    kProxyAuthorization,
    kProxyConnection,
    kRequestId,
    kRetryAfter,
    kRetryAfterMs,
    kServer,
    kSetCookie,
    kTe,
    kTraceparent,
    kTracestate,
    kTrailer,
    kTransferEncoding,
    kUpgrade,
    kUserAgent,
    kXApiKey,
    kXGoogApiKey,
    kXRequestId,
    kXShouldRetry,
    kOther,
};
inline constexpr std::size_t kKnownFieldCount = static_cast<std::size_t>(KnownField::kOther);

// Lower-case names in the order of the enum.
inline constexpr std::array<std::string_view, kKnownFieldCount> kKnownFieldNames = {
    "accept",
    "accept-encoding",
    "anthropic-beta",
    "anthropic-version",
    "api-key",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "host",
    "keep-alive",
    "location",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "server",
    "set-cookie",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-api-key",
    "x-goog-api-key",
    "x-request-id",
    "x-should-retry",
};

inline constexpr std::uint64_t field_bit(KnownField field) {
    return std::uint64_t{1} << static_cast<unsigned>(field);
}
static_assert(kKnownFieldCount < 64, "field sets are one word");

// Fields that end at this connection (RFC 9110 7.6.1) and are never forwarded.
inline constexpr std::uint64_t kHopByHopFields =
    field_bit(KnownField::kConnection) | field_bit(KnownField::kKeepAlive) |
    field_bit(KnownField::kProxyAuthenticate) | field_bit(KnownField::kProxyAuthorization) |
    field_bit(KnownField::kProxyConnection) | field_bit(KnownField::kTe) |
    field_bit(KnownField::kTrailer) | field_bit(KnownField::kTransferEncoding) |
    field_bit(KnownField::kUpgrade);

namespace detail {
// Four facts of a name that tell all known names apart, folded to lower case. `name` not empty.
inline constexpr std::uint32_t name_key(std::string_view name) {
    const auto byte = [&](std::size_t i) {
        return std::uint32_t{static_cast<std::uint8_t>(name[i])} | 0x20U;
    };
    return static_cast<std::uint32_t>(name.size()) | byte(0) << 8 | byte(name.size() / 2) << 16 |
           byte(name.size() - 1) << 24;
}
inline constexpr std::uint8_t name_slot(std::string_view name, std::uint32_t multiplier) {
    return static_cast<std::uint8_t>((name_key(name) * multiplier) >> 24);
}

struct NameTable {
    std::uint32_t multiplier = 0;
    std::array<std::uint8_t, 256> slots{};
};
// Searches, at compile time, a multiplier that gives each known name a slot of its own.
consteval NameTable name_table() {
    for (std::uint32_t multiplier = 0x9e3779b1;; multiplier += 2) {
        NameTable table{multiplier, {}};
        table.slots.fill(static_cast<std::uint8_t>(KnownField::kOther));
        bool clash = false;
        for (std::size_t i = 0; i < kKnownFieldCount && !clash; ++i) {
            auto& slot = table.slots[name_slot(kKnownFieldNames[i], multiplier)];
            clash = slot != static_cast<std::uint8_t>(KnownField::kOther);
            slot = static_cast<std::uint8_t>(i);
        }
        if (!clash) return table;
    }
}
inline constexpr NameTable kNameTable = name_table();
}  // namespace detail

// `name` must consist of token characters and not be empty.
inline KnownField known_field(std::string_view name) {
    const std::uint8_t slot =
        detail::kNameTable.slots[detail::name_slot(name, detail::kNameTable.multiplier)];
    if (slot == static_cast<std::uint8_t>(KnownField::kOther)) return KnownField::kOther;
    return equals_folded(name, kKnownFieldNames[slot]) ? static_cast<KnownField>(slot)
                                                       : KnownField::kOther;
}

}  // namespace vidai::node::http
