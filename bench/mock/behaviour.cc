// SPDX-License-Identifier: Apache-2.0
#include "bench/mock/behaviour.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace vidai::bench::mock {
namespace {

constexpr double kMsMax = 3'600'000;
constexpr double kTokensMax = 1'000'000;
constexpr double kCountMax = std::numeric_limits<std::uint32_t>::max();

std::chrono::nanoseconds from_ms(double ms) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(ms * 1e6));
}
std::uint32_t count(double value) {
    return static_cast<std::uint32_t>(value);
}

void cut(Behaviour& b, Cut kind, double after) {
    b.cut = kind;
    b.cut_after = count(after);
}

std::string decimal(double value) {
    return std::to_string(static_cast<std::uint64_t>(value));
}

struct Directive {
    std::string_view name;
    std::string_view help;
    double max;  // 0: takes no value
    void (*apply)(Behaviour&, double);
};

constexpr std::array kDirectives{
    Directive{"latency", "MS before the response head", kMsMax,
              [](Behaviour& b, double v) { b.latency = from_ms(v); }},
    Directive{"ttft", "MS from the head to the first token", kMsMax,
              [](Behaviour& b, double v) { b.ttft = from_ms(v); }},
    Directive{"rate", "tokens per second of each choice, 0 for no pause", 1e9,
              [](Behaviour& b, double v) { b.tokens_per_second = v; }},
    Directive{"jitter", "fraction (0 to 1) by which each delay varies", 1,
              [](Behaviour& b, double v) { b.jitter = v; }},
    Directive{"tokens", "output tokens of each choice", kTokensMax,
              [](Behaviour& b, double v) { b.tokens = count(v); }},
    Directive{"input", "input tokens to report instead of counting", kCountMax,
              [](Behaviour& b, double v) { b.input_tokens = count(v); }},
    Directive{"cached", "input tokens reported as cached", kCountMax,
              [](Behaviour& b, double v) { b.cached_tokens = count(v); }},
    Directive{"no-usage", "never report usage", 0, [](Behaviour& b, double) { b.usage = false; }},
    Directive{"no-done", "end a stream without [DONE]", 0,
              [](Behaviour& b, double) { b.done = false; }},
    Directive{"status", "answer with this error status", 599,
              [](Behaviour& b, double v) { b.status = static_cast<std::uint16_t>(v); }},
    Directive{"retry-after", "SECONDS, as a header beside the status", kMsMax,
              [](Behaviour& b, double v) { b.retry_after = decimal(v); }},
    Directive{"retry-after-ms", "MS, as a header beside the status", kMsMax,
              [](Behaviour& b, double v) { b.retry_after_ms = decimal(v); }},
    Directive{"should-retry", "1 or 0, as x-should-retry: true or false", 1,
              [](Behaviour& b, double v) { b.should_retry = v != 0 ? "true" : "false"; }},
    Directive{"drop", "close before answering", 0, [](Behaviour& b, double) { b.drop = true; }},
    Directive{"stall", "take the request, then silence", 0,
              [](Behaviour& b, double) { b.stall = true; }},
    Directive{"garbage", "answer with bytes that are not HTTP", 0,
              [](Behaviour& b, double) { b.garbage = true; }},
    Directive{"malformed", "answer with broken JSON", 0,
              [](Behaviour& b, double) { b.malformed = true; }},
    Directive{"reset-after", "reset the connection after N events", kCountMax,
              [](Behaviour& b, double v) { cut(b, Cut::kReset, v); }},
    Directive{"close-after", "close the connection after N events", kCountMax,
              [](Behaviour& b, double v) { cut(b, Cut::kClose, v); }},
    Directive{"stall-after", "go silent after N events", kCountMax,
              [](Behaviour& b, double v) { cut(b, Cut::kStall, v); }},
    Directive{"error-after", "send an error event after N events", kCountMax,
              [](Behaviour& b, double v) { cut(b, Cut::kError, v); }},
    Directive{"slow", "trickle this many bytes per second", 1e9,
              [](Behaviour& b, double v) { b.bytes_per_second = static_cast<std::uint64_t>(v); }},
};

Result<void> apply(std::string_view name, std::optional<std::string_view> text, Behaviour& b) {
    for (const Directive& directive : kDirectives) {
        if (directive.name != name) continue;
        double value = 0;
        if (directive.max == 0) {
            if (text) {
                return fail(ErrorCode::kInvalidRequest,
                            "directive '" + std::string(name) + "' takes no value");
            }
        } else {
            const std::string_view digits = text.value_or("");
            const auto [stop, error] = std::from_chars(digits.begin(), digits.end(), value);
            if (error != std::errc{} || stop != digits.end() ||
                !(value >= 0 && value <= directive.max)) {
                return fail(ErrorCode::kInvalidRequest,
                            "directive '" + std::string(name) + "' needs a number from 0 to " +
                                decimal(directive.max) + ", as in " + std::string(name) + "=1");
            }
        }
        directive.apply(b, value);
        return {};
    }
    std::string known;
    for (const Directive& directive : kDirectives) (known += ' ') += directive.name;
    return fail(ErrorCode::kInvalidRequest,
                "no directive '" + std::string(name) + "'; there are:" + known);
}

// Calls visit(part) for each non-empty part of text between separators, without spaces around it.
template <class Visit>
Result<void> for_each_part(std::string_view text, char separator, Visit visit) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        std::string_view part = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        while (part.starts_with(' ')) part.remove_prefix(1);
        while (part.ends_with(' ')) part.remove_suffix(1);
        if (part.empty()) continue;
        if (Result<void> done = visit(part); !done) return done;
    }
    return {};
}

bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

std::chrono::nanoseconds token_interval(const Behaviour& behaviour) {
    if (behaviour.tokens_per_second == 0) return std::chrono::nanoseconds{0};
    return from_ms(std::min(1e3 / behaviour.tokens_per_second, kMsMax));
}

Result<void> apply_directives(std::string_view text, Behaviour& behaviour) {
    return for_each_part(text, ',', [&](std::string_view part) {
        const std::size_t equals = part.find('=');
        if (equals == std::string_view::npos) return apply(part, std::nullopt, behaviour);
        return apply(part.substr(0, equals), part.substr(equals + 1), behaviour);
    });
}

void apply_model_directives(std::string_view model, Behaviour& behaviour) {
    constexpr std::string_view kPrefix = "fault-";
    if (!model.starts_with(kPrefix)) return;
    model.remove_prefix(kPrefix.size());
    Behaviour changed = behaviour;
    const Result<void> done = for_each_part(model, '+', [&](std::string_view part) {
        if (is_number(part)) return apply("status", part, changed);
        const std::size_t dash = part.rfind('-');
        if (dash == std::string_view::npos || !is_number(part.substr(dash + 1))) {
            return apply(part, std::nullopt, changed);
        }
        return apply(part.substr(0, dash), part.substr(dash + 1), changed);
    });
    if (done) behaviour = changed;
}

std::string directives_help() {
    std::string out;
    for (const Directive& directive : kDirectives) {
        std::string name(directive.name);
        if (directive.max != 0) name += "=N";
        name.resize(18, ' ');
        ((((out += "  ") += name) += ' ') += directive.help) += '\n';
    }
    return out;
}

}  // namespace vidai::bench::mock
