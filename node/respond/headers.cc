// SPDX-License-Identifier: Apache-2.0
#include "node/respond/headers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace vidai::node::respond {

namespace {

using std::chrono::milliseconds;

void append_integer(std::string& out, std::int64_t value) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
}

// Milliseconds with three decimals, cut, never negative.
void append_ms(std::string& out, Duration duration) {
    const std::int64_t micros = std::max<std::int64_t>(duration.count() / 1'000, 0);
    append_integer(out, micros / 1'000);
    const std::int64_t rest = micros % 1'000;
    const std::array<char, 4> decimals{'.', static_cast<char>('0' + rest / 100),
                                       static_cast<char>('0' + rest / 10 % 10),
                                       static_cast<char>('0' + rest % 10)};
    out.append(decimals.data(), decimals.size());
}

// One step of the request; left out unless both of its ends were reached.
void append_step(std::string& out, std::string_view name, MonoTime from, MonoTime to) {
    if (from == MonoTime{} || to == MonoTime{}) return;
    out.append(name);
    append_ms(out, to - from);
}

// As OpenAI writes it: "120ms", "1s", "6m0s", "1h0m0s"; "1.5s" below a minute.
void append_span(std::string& out, milliseconds span) {
    std::int64_t ms = std::max<std::int64_t>(span.count(), 0);
    if (ms < 1'000) {
        append_integer(out, ms);
        out.append("ms");
        return;
    }
    if (ms >= 60'000) ms = (ms + 999) / 1'000 * 1'000;  // to the second: nobody waits by the ms
    const std::int64_t seconds = ms / 1'000;
    if (seconds >= 3'600) {
        append_integer(out, seconds / 3'600);
        out.push_back('h');
    }
    if (seconds >= 60) {
        append_integer(out, seconds / 60 % 60);
        out.push_back('m');
    }
    append_integer(out, seconds % 60);
    if (std::int64_t rest = ms % 1'000; rest != 0) {
        out.push_back('.');
        for (std::int64_t unit = 100; rest != 0; unit /= 10) {
            append_integer(out, rest / unit);
            rest %= unit;
        }
    }
    out.push_back('s');
}

// A whole number of at most nine digits.
std::optional<std::int64_t> whole(std::string_view text) {
    constexpr std::size_t kDigitsMax = 9;
    std::int64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || value < 0 || text.size() > kDigitsMax) return {};
    return value;
}

void append_limit_line(std::string& out, std::string_view name, LimitUnit unit) {
    out.append("x-ratelimit-");
    out.append(name);
    out.append(unit == LimitUnit::kRequests ? "-requests: " : "-tokens: ");
}

}  // namespace

void append_server_timing(std::string& out, const request::Timing& timing, MonoTime now) {
    out.append("server-timing: total;dur=");
    append_ms(out, now - timing.received);
    append_step(out, ", auth;dur=", timing.received, timing.authenticated);
    append_step(out, ", admit;dur=", timing.authenticated, timing.admitted);
    append_step(out, ", route;dur=", timing.admitted, timing.routed);
    append_step(out, ", upstream;dur=", timing.upstream_sent, timing.upstream_first);
    out.append("\r\n");
}

void append_request_id(std::string& out, std::string_view id) {
    out.append("x-request-id: ");
    out.append(id);
    out.append("\r\n");
}

void append_rate_limit(std::string& out, LimitUnit unit, const LimitState& state) {
    append_limit_line(out, "limit", unit);
    append_integer(out, state.limit);
    out.append("\r\n");
    append_limit_line(out, "remaining", unit);
    append_integer(out, std::max<std::int64_t>(state.remaining, 0));
    out.append("\r\n");
    append_limit_line(out, "reset", unit);
    append_span(out, state.reset);
    out.append("\r\n");
}

void append_retry_after(std::string& out, milliseconds delay) {
    if (delay <= milliseconds{0}) return;
    out.append("retry-after: ");
    append_integer(out, (delay.count() + 999) / 1'000);
    out.append("\r\nretry-after-ms: ");
    append_integer(out, delay.count());
    out.append("\r\n");
}

void append_retry(std::string& out, const CatalogueRow& row, milliseconds retry_after) {
    out.append(row.should_retry ? "x-should-retry: true\r\n" : "x-should-retry: false\r\n");
    if (!row.should_retry) return;
    append_retry_after(out, retry_after > milliseconds{0} ? retry_after : row.retry_after);
}

void append_retry_advice(std::string& out, int status, const RetryAdvice& advice) {
    const bool by_status = status == 408 || status == 409 || status == 429 || status >= 500;
    const bool says = advice.should_retry == "true" || advice.should_retry == "false";
    const bool again = says ? advice.should_retry == "true" : by_status;
    out.append(again ? "x-should-retry: true\r\n" : "x-should-retry: false\r\n");
    if (const auto ms = whole(advice.retry_after_ms)) {
        append_retry_after(out, milliseconds(*ms));
    } else if (const auto seconds = whole(advice.retry_after)) {
        append_retry_after(out, milliseconds(*seconds * 1'000));
    } else if (!advice.retry_after.empty()) {
        out.append("retry-after: ");
        out.append(advice.retry_after);
        out.append("\r\n");
    }
}

}  // namespace vidai::node::respond
