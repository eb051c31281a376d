// SPDX-License-Identifier: Apache-2.0
// Structured events, one line each: JSON for machines, aligned text on a terminal. A caller
// formats its line and hands it to a bounded queue; one thread writes, so a slow or stuck reader
// of standard error never holds a worker up. What does not fit is dropped, counted, and reported
// by a `log.dropped` line. What an event's bound held back is told by its next line, or, when none
// follows, by one of its own. Any thread.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "node/observe/events.h"
#include "node/observe/options.h"
#include "schema/base/secret.h"

namespace vidai::node::observe {

// A field's value; text is only borrowed for the call. Absent values and empty text are not
// written.
class LogValue {
  public:
    LogValue(std::nullopt_t) {}                                                       // NOLINT
    LogValue(std::string_view text) : value_(text) {}                                 // NOLINT
    LogValue(const std::string& text) : value_(std::string_view(text)) {}             // NOLINT
    LogValue(const char* text) : value_(std::string_view(text)) {}                    // NOLINT
    LogValue(const Secret&) : value_(std::string_view("***")) {}                      // NOLINT
    LogValue(bool value) : value_(value) {}                                           // NOLINT
    LogValue(std::floating_point auto value) : value_(static_cast<double>(value)) {}  // NOLINT
    LogValue(std::signed_integral auto value) : value_(std::int64_t{value}) {}        // NOLINT
    LogValue(std::unsigned_integral auto value) : value_(std::uint64_t{value}) {}     // NOLINT

    template <class T>
    LogValue(const std::optional<T>& value) {  // NOLINT
        if (value) *this = LogValue(*value);
    }

    using Any =
        std::variant<std::monostate, std::string_view, bool, double, std::int64_t, std::uint64_t>;
    const Any& any() const { return value_; }
    bool absent() const {
        const auto* text = std::get_if<std::string_view>(&value_);
        return text != nullptr ? text->empty() : std::holds_alternative<std::monostate>(value_);
    }

  private:
    Any value_;
};

struct LogField {
    std::string_view name;
    LogValue value;
};

inline constexpr std::size_t kLogLinesMax = 8192;      // queued
inline constexpr std::size_t kLogParts = 64;           // each with a bound of its own
inline constexpr std::size_t kLogLineBytesMax = 8192;  // a longer value is cut and marked "..."

class Log {
  public:
    // Writes to `fd`, which stays open and the caller's. `auto` means text when it is a terminal.
    explicit Log(const LogOptions& options, int fd = 2);
    // Writes what is queued, for at most a second, then stops.
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    // log.write(Event::kNodeStarted, {{"client_port", 8080}}); each field is one that the
    // catalogue has for the event (CHECK, but in a release build). The event's bound counts apart
    // for each `part` (modulo kLogParts): a target, a name.
    void write(Event event, std::initializer_list<LogField> fields = {}, std::size_t part = 0);

    // True when write() of this event would not be filtered by level: ask before costly fields.
    bool enabled(Event event) const;
    bool requests_enabled() const;  // LogOptions::requests

    void reconfigure(const LogOptions& options);
    // Waits until all lines handed in before the call are written, at most `seconds`.
    bool flush(double seconds = 2.0);
    std::uint64_t dropped() const;  // lines lost to a full queue since the start

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vidai::node::observe
