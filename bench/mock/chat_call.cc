// SPDX-License-Identifier: Apache-2.0
#include "bench/mock/chat_call.h"

#include <nlohmann/json.hpp>

namespace vidai::bench::mock {
namespace {

using Json = nlohmann::json;

std::uint64_t fnv1a(std::string_view bytes) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    return hash;
}

std::size_t text_bytes(const Json& content) {
    if (content.is_string()) return content.get_ref<const std::string&>().size();
    std::size_t bytes = 0;
    if (content.is_array()) {
        for (const Json& part : content) {
            if (part.is_object() && part.contains("text")) bytes += text_bytes(part["text"]);
        }
    }
    return bytes;
}

Result<std::optional<std::uint32_t>> read_count(const Json& body, const char* name,
                                                std::uint32_t max) {
    const auto field = body.find(name);
    if (field == body.end() || field->is_null()) return std::optional<std::uint32_t>{};
    if (!field->is_number_unsigned() || field->get<std::uint64_t>() < 1 ||
        field->get<std::uint64_t>() > max) {
        return fail(
            ErrorCode::kInvalidRequest,
            "'" + std::string(name) + "' must be an integer from 1 to " + std::to_string(max) + ".",
            name);
    }
    return std::optional<std::uint32_t>(field->get<std::uint32_t>());
}

bool is_true(const Json& body, const char* name) {
    const auto field = body.find(name);
    return field != body.end() && field->is_boolean() && field->get<bool>();
}

}  // namespace

Result<ChatCall> parse_chat_call(std::string_view text) {
    constexpr std::uint32_t kTokensMax = 10'000'000;
    const Json body = Json::parse(text, nullptr, false);
    if (!body.is_object()) {
        return fail(ErrorCode::kInvalidRequest,
                    "We could not parse the JSON body of your request.");
    }
    ChatCall call;
    const auto model = body.find("model");
    if (model == body.end() || !model->is_string()) {
        return fail(ErrorCode::kInvalidRequest, "you must provide a model parameter", "model");
    }
    call.model = model->get<std::string>();
    const auto messages = body.find("messages");
    if (messages == body.end() || !messages->is_array() || messages->empty()) {
        return fail(ErrorCode::kInvalidRequest, "'messages' must be a non-empty array.",
                    "messages");
    }
    std::size_t tokens = 3;
    for (const Json& message : *messages) {
        if (!message.is_object()) {
            return fail(ErrorCode::kInvalidRequest, "each message must be an object.", "messages");
        }
        const auto content = message.find("content");
        tokens += 4 + (content == message.end() ? 0 : (text_bytes(*content) + 3) / 4);
    }
    call.input_tokens = static_cast<std::uint32_t>(tokens);
    call.messages_hash = fnv1a(messages->dump(-1, ' ', false, Json::error_handler_t::replace));
    call.stream = is_true(body, "stream");
    const auto options = body.find("stream_options");
    call.include_usage =
        options != body.end() && options->is_object() && is_true(*options, "include_usage");

    const auto choices = read_count(body, "n", ChatCall::kChoicesMax);
    if (!choices) return fail(choices.error());
    call.choices = choices->value_or(1);
    const auto completion = read_count(body, "max_completion_tokens", kTokensMax);
    if (!completion) return fail(completion.error());
    const auto older = read_count(body, "max_tokens", kTokensMax);
    if (!older) return fail(older.error());
    call.tokens_max = *completion ? *completion : *older;
    return call;
}

}  // namespace vidai::bench::mock
