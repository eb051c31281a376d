// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/usage.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace vidai::node::dialect::openai_chat {

namespace {

using json::Kind;
using json::Scanner;
using Count = std::optional<std::int64_t>;

constexpr std::int64_t kCountMax = 1'000'000'000'000;

void read_count(Scanner& in, Count& count) {
    std::string_view raw;
    if (in.peek() != Kind::kNumber) {
        in.skip();
        return;
    }
    if (!in.read_number(raw)) return;
    std::int64_t value = 0;
    const char* const end = raw.data() + raw.size();
    const auto [stop, error] = std::from_chars(raw.data(), end, value);
    if (stop == end && error == std::errc() && value >= 0 && value <= kCountMax) count = value;
}

struct Wanted {
    std::string_view name;
    Count& count;
};

// Reads the members of an object that are wanted; null and other kinds have none.
template <std::size_t N>
void read_counts(Scanner& in, const Wanted (&wanted)[N]) {
    if (in.peek() != Kind::kObject) {
        in.skip();
        return;
    }
    in.begin_object();
    std::string_view key;
    while (in.next_member(key)) {
        const auto* const found =
            std::find_if(std::begin(wanted), std::end(wanted),
                         [&](const Wanted& candidate) { return candidate.name == key; });
        if (found == std::end(wanted)) {
            in.skip();
        } else {
            read_count(in, found->count);
        }
    }
}

}  // namespace

std::optional<request::Usage> read_usage(Scanner& in) {
    if (in.peek() != Kind::kObject) {
        in.skip();
        return std::nullopt;
    }
    Count prompt;
    Count completion;
    Count total;
    Count cached;
    Count written;
    Count reasoning;
    in.begin_object();
    std::string_view key;
    while (in.next_member(key)) {
        if (key == "prompt_tokens") {
            read_count(in, prompt);
        } else if (key == "completion_tokens") {
            read_count(in, completion);
        } else if (key == "total_tokens") {
            read_count(in, total);
        } else if (key == "prompt_tokens_details") {
            read_counts(in, {{"cached_tokens", cached}, {"cache_write_tokens", written}});
        } else if (key == "completion_tokens_details") {
            read_counts(in, {{"reasoning_tokens", reasoning}});
        } else {
            in.skip();
        }
    }
    if (prompt && !completion && total && *total >= *prompt) completion = *total - *prompt;
    if (in.failed() || !prompt || !completion) return std::nullopt;

    request::Usage usage;
    usage.cache_read = {std::min(cached.value_or(0), *prompt)};
    usage.cache_write = {std::min(written.value_or(0), *prompt - usage.cache_read.value)};
    usage.input_uncached = Tokens{*prompt} - usage.cache_read - usage.cache_write;
    usage.reasoning = {std::min(reasoning.value_or(0), *completion)};
    usage.output_visible = Tokens{*completion} - usage.reasoning;
    return usage;
}

}  // namespace vidai::node::dialect::openai_chat
