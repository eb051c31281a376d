// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/cost.h"

#include <algorithm>
#include <array>

#include "node/dialect/json/names.h"
#include "node/dialect/json/scanner.h"
#include "node/dialect/json/text.h"

namespace vidai::node::dialect::openai_chat {

namespace {

using json::Kind;
using json::Scanner;
using mesh::pricing::ServiceTier;
using request::CostFacts;

enum Field : std::uint8_t {
    kMessages,
    kTools,
    kFunctions,
    kChoices,
    kMaxTokens,
    kMaxCompletionTokens,
    kModalities,
    kAudio,
    kPrediction,
    kServiceTier,
    kFirstOpenEnded,  // these and what follows up to kFirstHarmless
    kFirstHarmless = kFirstOpenEnded + 4,
};
constexpr std::array<std::string_view, 24> kFields = {
    "messages", "tools", "functions", "n", "max_tokens", "max_completion_tokens", "modalities",
    "audio", "prediction", "service_tier",
    // The provider adds to the request, or to the bill, what is not in it.
    "web_search_options", "previous_response_id", "conversation", "enable_search",
    // Objects and arrays that cost no more than their bytes.
    "stop", "logit_bias", "metadata", "response_format", "tool_choice", "function_call",
    "stream_options", "reasoning", "thinking", "chat_template_kwargs"};

constexpr std::array<std::string_view, 3> kMessageFields = {"content", "tool_calls",
                                                            "function_call"};
constexpr std::array<std::string_view, 4> kPartFields = {"type", "image_url", "input_audio",
                                                         "cache_control"};
constexpr std::array<std::string_view, 1> kToolFields = {"type"};

bool is_structure(Kind kind) {
    return kind == Kind::kObject || kind == Kind::kArray;
}

// Of the string that `in` stands at, as spelt; empty for anything else.
std::string_view string_of(Scanner& in) {
    std::string_view raw;
    if (in.peek() == Kind::kString) {
        in.read_string(raw);
    } else {
        in.skip();
    }
    return raw;
}

class Reading {
  public:
    explicit Reading(std::string_view body) : in_(body) {
        facts_.text_bytes = static_cast<std::int64_t>(body.size());
    }
    CostFacts read();

  private:
    void read_field(int field, std::string_view key);
    void read_messages();
    void read_message();
    void read_part();
    void read_tools();
    void read_modalities();
    void read_service_tier();
    std::int64_t read_count();

    Scanner in_;
    CostFacts facts_;
};

CostFacts Reading::read() {
    std::string_view key;
    in_.begin_object();
    const auto inside = static_cast<std::uint32_t>(in_.offset());
    facts_.limit_at = {inside, inside};
    while (in_.next_member(key)) read_field(json::match_name(key, kFields).index, key);
    return facts_;
}

void Reading::read_field(int field, std::string_view key) {
    const Kind kind = in_.peek();
    const std::size_t begin = in_.offset();
    if (kind == Kind::kNull || kind == Kind::kFalse) {
        in_.skip();
        if (field == kMaxCompletionTokens) {
            facts_.limit_at = {static_cast<std::uint32_t>(begin),
                               static_cast<std::uint32_t>(in_.offset())};
            facts_.limit_is_null = true;
        }
    } else if (field == kMessages) {
        read_messages();
    } else if (field == kTools) {
        read_tools();
    } else if (field == kFunctions) {
        facts_.tools = true;
        in_.skip();
    } else if (field == kChoices) {
        facts_.choices = std::max(facts_.choices, read_count());
    } else if (field == kMaxTokens || field == kMaxCompletionTokens) {
        const Tokens asked{read_count()};
        facts_.output_asked = std::max(facts_.output_asked.value_or(asked), asked);
    } else if (field == kModalities) {
        read_modalities();
    } else if (field == kAudio) {
        facts_.audio_output = true;
        in_.skip();
    } else if (field == kPrediction) {
        in_.skip();
        facts_.prediction_bytes += static_cast<std::int64_t>(in_.offset() - begin);
    } else if (field == kServiceTier) {
        read_service_tier();
    } else {
        const bool harmless = field >= kFirstHarmless || (field < 0 && !is_structure(kind));
        if (!harmless) facts_.open_ended = key;
        in_.skip();
    }
}

std::int64_t Reading::read_count() {
    std::string_view raw;
    if (in_.peek() != Kind::kNumber) {
        in_.skip();
        return 1;
    }
    in_.read_number(raw);
    return json::whole_number(raw).value_or(1);
}

void Reading::read_messages() {
    if (in_.peek() != Kind::kArray) {
        in_.skip();
        return;
    }
    in_.begin_array();
    while (in_.next_element()) {
        if (in_.peek() == Kind::kObject) {
            read_message();
        } else {
            in_.skip();
        }
    }
}

void Reading::read_message() {
    std::string_view key;
    in_.begin_object();
    while (in_.next_member(key)) {
        const json::Match field = json::match_name(key, kMessageFields);
        const Kind kind = in_.peek();
        if (field.index == 0 && !field.disguised && kind == Kind::kArray) {
            in_.begin_array();
            while (in_.next_element()) read_part();
            continue;
        }
        const bool calls = field.index > 0 && !field.disguised;
        if (!calls && is_structure(kind)) facts_.documents = true;
        in_.skip();
    }
}

// A part whose members are all known and of one type, or else a document of any size.
void Reading::read_part() {
    if (in_.peek() != Kind::kObject) {
        in_.skip();
        return;
    }
    const std::size_t begin = in_.offset();
    std::string_view key, type;
    bool plain = true, carries = false, more = false;
    in_.begin_object();
    while (in_.next_member(key)) {
        const json::Match field = json::match_name(key, kPartFields);
        plain = plain && !field.disguised;
        if (field.index == 0) {
            plain = plain && type.empty();
            type = string_of(in_);
            continue;
        }
        if (field.index == 1 || field.index == 2) carries = true;
        if (field.index < 0) more = true;
        if (field.index < 0 && is_structure(in_.peek())) plain = false;
        in_.skip();
    }
    const auto bytes = static_cast<std::int64_t>(in_.offset() - begin);
    if (plain && !carries && (type == "text" || type == "refusal")) return;
    if (plain && !more && type == "image_url") {
        ++facts_.images;
        facts_.text_bytes -= bytes;
    } else if (plain && type == "input_audio") {
        facts_.audio_input = true;
    } else {
        facts_.documents = true;
    }
}

void Reading::read_tools() {
    if (in_.peek() != Kind::kArray) {
        facts_.open_ended = "tools";
        in_.skip();
        return;
    }
    in_.begin_array();
    while (in_.next_element()) {
        facts_.tools = true;
        std::string_view key, type;
        bool plain = in_.peek() == Kind::kObject;
        if (!plain) {
            in_.skip();
        } else {
            in_.begin_object();
            while (in_.next_member(key)) {
                const json::Match field = json::match_name(key, kToolFields);
                if (field.index < 0) {
                    in_.skip();
                    continue;
                }
                plain = plain && !field.disguised && type.empty();
                type = string_of(in_);
            }
        }
        if (!plain || (type != "function" && type != "custom")) facts_.open_ended = "tools";
    }
}

void Reading::read_modalities() {
    if (in_.peek() != Kind::kArray) {
        facts_.open_ended = "modalities";
        in_.skip();
        return;
    }
    in_.begin_array();
    while (in_.next_element()) {
        const std::string_view one = string_of(in_);
        if (one == "audio") {
            facts_.audio_output = true;
        } else if (one != "text") {
            facts_.open_ended = "modalities";
        }
    }
}

void Reading::read_service_tier() {
    const std::string_view tier = string_of(in_);
    if (tier == "priority") {
        facts_.service = ServiceTier::kPriority;
    } else if (tier == "flex") {
        if (facts_.service == ServiceTier::kStandard) facts_.service = ServiceTier::kFlex;
    } else if (tier != "auto" && tier != "default" && tier != "standard" && tier != "scale") {
        facts_.open_ended = "service_tier";
    }
}

}  // namespace

CostFacts read_cost_facts(std::string_view body) {
    return Reading(body).read();
}

}  // namespace vidai::node::dialect::openai_chat
