// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/usage.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "node/dialect/json/text.h"

namespace vidai::node::dialect::openai_chat {

namespace {

using json::Kind;
using json::Scanner;
using Count = std::optional<std::int64_t>;

constexpr std::int64_t kCountMax = 1'000'000'000'000;

void read_count(Scanner& in, Count& count) {
    if (in.peek() != Kind::kNumber) {
        in.skip();
        return;
    }
    std::string_view raw;
    if (!in.read_number(raw)) return;
    const Count value = json::whole_number(raw);
    if (value && *value >= 0 && *value <= kCountMax) count = value;
}

// What both details objects may hold; null and other kinds hold none.
struct Details {
    Count cached;
    Count written;
    Count reasoning;
    Count audio;

    void read(Scanner& in) {
        if (in.peek() != Kind::kObject) {
            in.skip();
            return;
        }
        in.begin_object();
        std::string_view key;
        while (in.next_member(key)) {
            if (key == "cached_tokens") {
                read_count(in, cached);
            } else if (key == "cache_write_tokens") {
                read_count(in, written);
            } else if (key == "reasoning_tokens") {
                read_count(in, reasoning);
            } else if (key == "audio_tokens") {
                read_count(in, audio);
            } else {
                in.skip();
            }
        }
    }
};

}  // namespace

std::optional<request::Usage> read_usage(Scanner& in) {
    if (in.peek() != Kind::kObject) {
        in.skip();
        return std::nullopt;
    }
    Count prompt;
    Count completion;
    Count total;
    Details prompt_details;
    Details completion_details;
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
            prompt_details.read(in);
        } else if (key == "completion_tokens_details") {
            completion_details.read(in);
        } else {
            in.skip();
        }
    }
    if (prompt && !completion && total && *total >= *prompt) completion = *total - *prompt;
    if (in.failed() || !prompt || !completion) return std::nullopt;

    request::Usage usage;
    usage.cache_read = {std::min(prompt_details.cached.value_or(0), *prompt)};
    usage.cache_write = {
        std::min(prompt_details.written.value_or(0), *prompt - usage.cache_read.value)};
    usage.input_uncached = Tokens{*prompt} - usage.cache_read - usage.cache_write;
    usage.audio_input = {std::min(prompt_details.audio.value_or(0), usage.input_uncached.value)};
    usage.input_uncached -= usage.audio_input;
    usage.reasoning = {std::min(completion_details.reasoning.value_or(0), *completion)};
    usage.output_visible = Tokens{*completion} - usage.reasoning;
    usage.audio_output = {
        std::min(completion_details.audio.value_or(0), usage.output_visible.value)};
    usage.output_visible -= usage.audio_output;
    return usage;
}

std::optional<mesh::pricing::ServiceTier> read_served(Scanner& in) {
    using mesh::pricing::ServiceTier;
    if (in.peek() != Kind::kString) {
        in.skip();
        return std::nullopt;
    }
    std::string_view tier;
    if (!in.read_string(tier)) return std::nullopt;
    if (tier == "priority") return ServiceTier::kPriority;
    if (tier == "flex") return ServiceTier::kFlex;
    if (tier == "batch") return ServiceTier::kBatch;
    if (tier == "default" || tier == "standard" || tier == "scale") return ServiceTier::kStandard;
    return std::nullopt;
}

}  // namespace vidai::node::dialect::openai_chat
