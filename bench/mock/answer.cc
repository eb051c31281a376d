// SPDX-License-Identifier: Apache-2.0
#include "bench/mock/answer.h"

#include <algorithm>
#include <array>

#include "bench/mock/text.h"

namespace vidai::bench::mock {
namespace {

// One word is one token. Spelled as in JSON: a few need escapes or are not ASCII, so that whoever
// relays or cuts them between bytes is put to the test.
// clang-format off
constexpr std::array<std::string_view, 64> kWords = {
    "the", "a", "mesh", "of", "nodes", "speaks", "and", "listens", "each", "peer", "carries",
    "its", "own", "rumor", "until", "all", "have", "heard", "it", "no", "leader", "is", "needed",
    "when", "one", "falls", "others", "notice", "limits", "hold", "across", "every", "gateway",
    "while", "requests", "flow", "through", "quiet", "corridors", "tokens", "arrive", "in",
    "order", "budgets", "are", "kept", "honest", "by", "arithmetic", "na\xC3\xAFve",
    "caf\xC3\xA9", "\xE7\xB6\xB2", "\xF0\x9F\x8C\x90", "\\\"quoted\\\"", "back\\\\slash",
    "line\\nbreak", "\\u00e9t\\u00e9", "\\ud83d\\ude80", "3.14", "42", "yes", "so", "it", "goes",
};
// clang-format on

std::string id_of(std::uint64_t number) {
    std::string digits = std::to_string(number);
    return std::string(digits.size() < 12 ? 12 - digits.size() : 0, '0') + digits;
}

// An event of a stream, in its own HTTP chunk.
std::string framed(std::string_view data) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const std::size_t size = data.size() + 8;  // "data: " and the empty line
    std::string hex;
    for (std::size_t rest = size; rest != 0; rest /= 16) hex.insert(hex.begin(), kHex[rest % 16]);
    std::string out;
    out.reserve(size + 16);
    append(out, hex, "\r\ndata: ", data, "\n\n\r\n");
    return out;
}

constexpr std::string_view kGarbage{"\x16\x03\x01 this is not HTTP \0\xFF\r\n\r\n", 27};
constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace

Answer::Answer(ChatCall call, Behaviour behaviour, Identity identity)
    : call_(std::move(call)),
      behaviour_(std::move(behaviour)),
      identity_(identity),
      tokens_(std::min(behaviour_.tokens, call_.tokens_max.value_or(behaviour_.tokens))),
      pace_(identity.seed ^ identity.number) {
    Rng seeds(identity.seed ^ call_.messages_hash);
    for (std::uint32_t i = 0; i < call_.choices; ++i) words_.push_back(seeds.fork());
    append(opening_, "{\"id\":\"chatcmpl-mock-", id_of(identity_.number), "\",\"object\":\"",
           call_.stream ? "chat.completion.chunk" : "chat.completion",
           "\",\"created\":", identity_.created, ",\"model\":", json_string(call_.model),
           ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_vidai_mock\"");
}

bool Answer::costs_nothing() const {
    return behaviour_.status != 0 || behaviour_.drop || behaviour_.stall || behaviour_.garbage;
}

std::uint32_t Answer::input_tokens() const {
    return costs_nothing() ? 0 : behaviour_.input_tokens.value_or(call_.input_tokens);
}

std::uint32_t Answer::cached_tokens() const {
    return std::min(behaviour_.cached_tokens, input_tokens());
}

Step Answer::next() {
    if (costs_nothing()) return fault();
    return call_.stream ? next_of_stream() : next_of_whole();
}

Step Answer::fault() const {
    Step step;
    step.delay = behaviour_.latency;
    if (behaviour_.stall) {
        step.then = Step::Then::kStall;
    } else if (behaviour_.drop) {
        step.then = Step::Then::kClose;
    } else if (behaviour_.garbage) {
        step.bytes = kGarbage;
        step.then = Step::Then::kClose;
    } else {
        std::string headers;
        append(headers, "x-request-id: req_mock_", id_of(identity_.number), "\r\n");
        const auto add = [&](std::string_view name, std::string_view value) {
            if (!value.empty()) append(headers, name, ": ", value, "\r\n");
        };
        add("retry-after", behaviour_.retry_after);
        add("retry-after-ms", behaviour_.retry_after_ms);
        add("x-should-retry", behaviour_.should_retry);
        const bool limited = behaviour_.status == 429;
        const std::string body = error_body("The mock provider was told to fail this call.",
                                            limited                   ? "rate_limit_error"
                                            : behaviour_.status < 500 ? "invalid_request_error"
                                                                      : "server_error",
                                            limited ? "rate_limit_exceeded" : "");
        step.bytes =
            response(behaviour_.status, "application/json", headers, body, identity_.keep_alive);
        step.then = Step::Then::kRejected;
    }
    return step;
}

std::string Answer::head(std::string_view content_type, std::string_view framing) const {
    std::string out;
    append(out, "HTTP/1.1 200 OK\r\ncontent-type: ", content_type, "\r\n", framing,
           "\r\nx-request-id: req_mock_", id_of(identity_.number),
           "\r\nopenai-version: 2020-10-01\r\n",
           identity_.keep_alive ? "" : "connection: close\r\n", "\r\n");
    return out;
}

std::chrono::nanoseconds Answer::jittered(std::chrono::nanoseconds delay) {
    if (behaviour_.jitter == 0 || delay.count() == 0) return delay;
    const double factor = 1 + behaviour_.jitter * (2 * pace_.unit() - 1);
    return std::chrono::nanoseconds(
        static_cast<std::int64_t>(static_cast<double>(delay.count()) * factor));
}

std::chrono::nanoseconds Answer::token_delay(std::uint32_t token) {
    if (token == 0) return jittered(behaviour_.ttft);
    return jittered(token_interval(behaviour_));
}

std::string Answer::next_word(std::uint32_t choice, bool first) {
    const std::string_view word = kWords[words_[choice].below(kWords.size())];
    return first ? std::string(word) : " " + std::string(word);
}

std::string_view Answer::finish_reason() const {
    return tokens_ < behaviour_.tokens ? "length" : "stop";
}

std::string Answer::usage_json() const {
    const std::uint64_t output = std::uint64_t{tokens_} * call_.choices;
    std::string out;
    append(
        out, "{\"prompt_tokens\":", input_tokens(), ",\"completion_tokens\":", output,
        ",\"total_tokens\":", input_tokens() + output,
        ",\"prompt_tokens_details\":{\"cached_tokens\":", cached_tokens(),
        ",\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0,"
        "\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}");
    return out;
}

std::string Answer::chunk(std::uint32_t choice, std::string_view delta, bool finished) const {
    std::string out = opening_;
    append(out, ",\"choices\":[{\"index\":", choice, ",\"delta\":", delta,
           ",\"logprobs\":null,\"finish_reason\":");
    if (finished) {
        append(out, "\"", finish_reason(), "\"");
    } else {
        out += "null";
    }
    append(out, "}]", call_.include_usage && behaviour_.usage ? ",\"usage\":null}" : "}");
    return out;
}

// The events in order: n roles, the tokens of all choices in turn, n finish reasons, usage, [DONE].
std::string Answer::event(std::uint32_t index) {
    const std::uint32_t n = call_.choices;
    if (index < n) {
        return chunk(index, R"({"role":"assistant","content":"","refusal":null})", false);
    }
    index -= n;
    if (index < n * tokens_) {
        const std::string word = next_word(index % n, index < n);
        return chunk(index % n, R"({"content":")" + word + R"("})", false);
    }
    index -= n * tokens_;
    if (index < n) return chunk(index, "{}", true);
    index -= n;
    if (index == 0 && call_.include_usage && behaviour_.usage) {
        return opening_ + ",\"choices\":[],\"usage\":" + usage_json() + "}";
    }
    return "[DONE]";
}

void Answer::end_stream(Step& step, Step::Then then) const {
    if (then == Step::Then::kDone) step.bytes += kLastChunk;
    step.then = then;
}

Step Answer::next_of_stream() {
    const std::uint32_t n = call_.choices;
    const bool reports_usage = call_.include_usage && behaviour_.usage;
    const std::uint32_t last =
        n + n * tokens_ + n + (reports_usage ? 1U : 0U) + (behaviour_.done ? 1U : 0U) - 1;
    const std::uint32_t index = index_++;
    Step step;
    if (index == 0) {
        step.delay = jittered(behaviour_.latency);
        step.bytes = head("text/event-stream; charset=utf-8",
                          "cache-control: no-cache\r\ntransfer-encoding: chunked");
    }
    if (behaviour_.cut != Cut::kNone && index == behaviour_.cut_after) {
        switch (behaviour_.cut) {
            case Cut::kReset:
                end_stream(step, Step::Then::kReset);
                break;
            case Cut::kStall:
                end_stream(step, Step::Then::kStall);
                break;
            case Cut::kError:
                step.bytes +=
                    framed(error_body("The mock provider broke off.", "server_error", ""));
                end_stream(step, Step::Then::kDone);
                break;
            default:
                end_stream(step, Step::Then::kClose);
        }
        return step;
    }
    if (index >= n && index < n + n * tokens_) {
        if ((index - n) % n == 0) step.delay = token_delay((index - n) / n);
        step.produced = step.carried = 1;
    }
    std::string data = event(index);
    if (behaviour_.malformed && index == n) data.resize(data.size() / 2);
    step.bytes += framed(data);
    if (index == last) end_stream(step, Step::Then::kDone);
    return step;
}

std::string Answer::whole_body() {
    std::string out = opening_ + ",\"choices\":[";
    for (std::uint32_t choice = 0; choice < call_.choices; ++choice) {
        append(out, choice == 0 ? "" : ",", "{\"index\":", choice,
               ",\"message\":{\"role\":\"assistant\",\"content\":\"");
        for (std::uint32_t i = 0; i < tokens_; ++i) out += next_word(choice, i == 0);
        append(out, "\",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,",
               "\"finish_reason\":\"", finish_reason(), "\"}");
    }
    out += ']';
    if (behaviour_.usage) out += ",\"usage\":" + usage_json();
    return out += '}';
}

// The tokens are produced in time even though they are sent together: a client that leaves in the
// middle is billed for those produced by then.
Step Answer::next_of_whole() {
    const std::uint32_t index = index_++;
    Step step;
    if (index == 0) step.delay = jittered(behaviour_.latency);
    if (index < tokens_) {
        step.delay += token_delay(index);
        step.produced = call_.choices;
        return step;
    }
    std::string body = whole_body();
    if (behaviour_.malformed) body.resize(body.size() / 2);
    std::string framing;
    append(framing, "content-length: ", body.size());
    step.bytes = head("application/json", framing);
    step.then = Step::Then::kDone;
    if (behaviour_.cut != Cut::kNone) {
        body.resize(body.size() / 2);
        step.then = behaviour_.cut == Cut::kReset   ? Step::Then::kReset
                    : behaviour_.cut == Cut::kStall ? Step::Then::kStall
                                                    : Step::Then::kClose;
    } else {
        step.carried = tokens_ * call_.choices;
    }
    step.bytes += body;
    return step;
}

}  // namespace vidai::bench::mock
