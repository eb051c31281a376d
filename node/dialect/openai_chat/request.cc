// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/request.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "node/dialect/json/names.h"
#include "node/dialect/json/scanner.h"
#include "node/dialect/json/text.h"
#include "node/request/estimate.h"

namespace vidai::node::dialect::openai_chat {

namespace {

using json::Kind;
using request::ChatFacts;
using request::UsageSplice;

enum Field : std::uint8_t {
    kModel,
    kMessages,
    kStream,
    kStreamOptions,
    kMaxCompletionTokens,
    kMaxTokens,
    kChoices,
};
constexpr std::array<std::string_view, 7> kFieldNames = {
    "model", "messages", "stream", "stream_options", "max_completion_tokens", "max_tokens", "n"};
constexpr std::array<std::string_view, 1> kOptionNames = {"include_usage"};

constexpr std::string_view kOptionsMember = R"("stream_options":{"include_usage":true},)";
constexpr std::string_view kOptionsValue = R"({"include_usage":true})";
constexpr std::string_view kOnlyField = R"("include_usage":true)";
constexpr std::string_view kFirstField = R"("include_usage":true,)";

// Inline attachments weigh in bytes what they do not in tokens. Found by text, not by parsing: an
// estimate may be fooled, it is settled with the provider's count afterwards.
Tokens estimate_input(std::string_view messages) {
    constexpr std::string_view kMark = ";base64,";  // of a data: URL
    auto bytes = static_cast<std::int64_t>(messages.size());
    Tokens attachments;
    std::size_t at = messages.find(kMark);
    while (at != std::string_view::npos) {
        const std::size_t end = std::min(messages.find('"', at), messages.size());
        bytes -= static_cast<std::int64_t>(end - at);
        attachments += request::kTokensPerAttachment;
        at = messages.find(kMark, end);
    }
    return request::tokens_of_bytes(bytes) + attachments;
}

// The reading of one body. A step returns false when the reading is over: then `error_` says what
// is wrong with a field, or the scanner has met malformed JSON.
class Reading {
  public:
    Reading(std::string_view body, std::string& model) : body_(body), in_(body), model_(model) {}

    bool read_body();
    const ChatFacts& finish();
    Error take_error() &&;

  private:
    bool refuse(std::string_view param, std::string message,
                ErrorCode code = ErrorCode::kInvalidRequest);
    bool identify(std::string_view key, std::span<const std::string_view> names,
                  std::string_view path, std::uint32_t& seen, int& index);
    bool read_field(int field);
    bool read_model();
    bool read_messages();
    bool read_stream();
    bool read_stream_options();
    bool read_include_usage();
    bool read_count(int field, std::int64_t most, std::optional<std::int64_t>& count);
    void plan_splice(UsageSplice splice, std::size_t begin, std::size_t end, std::string_view text);

    std::string_view body_;
    json::Scanner in_;
    std::string& model_;
    ChatFacts facts_;
    std::optional<Error> error_;
    std::uint32_t seen_ = 0;  // a bit for each Field
    bool asks_for_usage_ = false;
    std::optional<std::int64_t> max_completion_tokens_;
    std::optional<std::int64_t> max_tokens_;
    std::optional<std::int64_t> choices_;
};

// What to say of a body that begins with no "{": a wrong encoding is the usual reason.
std::string no_object(std::string_view body) {
    if (body.starts_with("\xef\xbb\xbf")) {
        return "The request body begins with a byte order mark; send UTF-8 without one.";
    }
    if (body.starts_with("\xff\xfe") || body.starts_with("\xfe\xff") ||
        (body.size() > 1 && body[0] == '\0')) {
        return "The request body is UTF-16 or UTF-32; send UTF-8.";
    }
    return "The request body must be a JSON object.";
}

bool Reading::refuse(std::string_view param, std::string message, ErrorCode code) {
    error_ = Error{code, std::move(message), std::string(param)};
    return false;
}

Error Reading::take_error() && {
    if (error_) return std::move(*error_);
    return {ErrorCode::kInvalidRequest,
            "The request body is not valid JSON: " + std::string(in_.problem()) + " at byte " +
                std::to_string(in_.offset()) + ".",
            {}};
}

void Reading::plan_splice(UsageSplice splice, std::size_t begin, std::size_t end,
                          std::string_view text) {
    facts_.usage_splice = splice;
    facts_.usage_at = {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
    facts_.usage_text = text;
}

bool Reading::read_body() {
    if (in_.peek() != Kind::kObject) return refuse({}, no_object(body_));
    if (!in_.begin_object()) return false;
    // Unless the body brings stream_options, they go in front of the first member.
    plan_splice(UsageSplice::kInsertMember, in_.offset(), in_.offset(), kOptionsMember);
    std::string_view key;
    while (in_.next_member(key)) {
        int field = -1;
        if (!identify(key, kFieldNames, "", seen_, field)) return false;
        if (field < 0 ? !in_.skip() : !read_field(field)) return false;
    }
    if (!in_.finish()) return false;
    if (!json::is_utf8(body_)) return refuse({}, "The request body is not valid UTF-8.");
    if ((seen_ >> kModel & 1) == 0) {
        return refuse("model", "`model` is required: the name of a model this gateway serves.",
                      ErrorCode::kMissingField);
    }
    if ((seen_ >> kMessages & 1) == 0) {
        return refuse("messages", "`messages` is required: an array of at least one message.",
                      ErrorCode::kMissingField);
    }
    return true;
}

const ChatFacts& Reading::finish() {
    facts_.client_wants_usage = facts_.stream && asks_for_usage_;
    if (!facts_.stream || asks_for_usage_) plan_splice(UsageSplice::kNone, 0, 0, {});
    facts_.max_output_tokens = max_completion_tokens_ ? max_completion_tokens_ : max_tokens_;
    facts_.choices = choices_.value_or(1);
    return facts_;
}

// Finds which of `names` the key is, -1 for none; a second one and a disguised one end the reading.
bool Reading::identify(std::string_view key, std::span<const std::string_view> names,
                       std::string_view path, std::uint32_t& seen, int& index) {
    const json::Match match = json::match_name(key, names);
    index = match.index;
    if (index < 0) return true;
    const std::uint32_t bit = 1U << static_cast<unsigned>(index);
    const auto name = [&] {
        return std::string(path) + std::string(names[static_cast<std::size_t>(index)]);
    };
    if (match.disguised) {
        return refuse(name(), "A field is named like `" + name() +
                                  "` but for upper case; spell it in lower case.");
    }
    if ((seen & bit) != 0) return refuse(name(), "`" + name() + "` occurs twice; send it once.");
    seen |= bit;
    return true;
}

bool Reading::read_field(int field) {
    constexpr std::int64_t kTokensMax = std::numeric_limits<std::int32_t>::max();
    switch (field) {
        case kModel:
            return read_model();
        case kMessages:
            return read_messages();
        case kStream:
            return read_stream();
        case kStreamOptions:
            return read_stream_options();
        case kMaxCompletionTokens:
            return read_count(field, kTokensMax, max_completion_tokens_);
        case kMaxTokens:
            return read_count(field, kTokensMax, max_tokens_);
        default:
            return read_count(field, kChoicesMax, choices_);
    }
}

bool Reading::read_model() {
    constexpr auto kWanted = "`model` must be a string of 1 to 256 bytes.";
    if (in_.peek() != Kind::kString) return refuse("model", kWanted);
    const std::size_t begin = in_.offset();
    std::string_view raw;
    if (!in_.read_string(raw)) return false;
    facts_.model_value = {static_cast<std::uint32_t>(begin),
                          static_cast<std::uint32_t>(in_.offset())};
    facts_.model = raw;
    if (raw.find('\\') != std::string_view::npos) {
        model_.clear();
        if (!json::append_unescaped(model_, raw)) {
            return refuse("model", "`model` holds half of a surrogate pair, which is no text.");
        }
        facts_.model = model_;
    }
    if (facts_.model.empty() || facts_.model.size() > kModelBytesMax) {
        return refuse("model", kWanted);
    }
    return true;
}

bool Reading::read_messages() {
    if (in_.peek() != Kind::kArray) {
        return refuse("messages", "`messages` must be an array of messages.");
    }
    const std::size_t begin = in_.offset();
    if (!in_.begin_array()) return false;
    std::size_t count = 0;
    while (in_.next_element()) {
        if (const Kind kind = in_.peek(); kind != Kind::kObject && kind != Kind::kNone) {
            return refuse("messages[" + std::to_string(count) + "]",
                          "Each message must be an object with a role and content.");
        }
        if (!in_.skip()) return false;
        ++count;
    }
    if (in_.failed()) return false;
    if (count == 0) return refuse("messages", "`messages` must hold at least one message.");
    facts_.input_estimate = estimate_input(body_.substr(begin, in_.offset() - begin));
    return true;
}

bool Reading::read_stream() {
    const Kind kind = in_.peek();
    if (kind != Kind::kTrue && kind != Kind::kFalse && kind != Kind::kNull) {
        return refuse("stream", "`stream` must be true or false.");
    }
    facts_.stream = kind == Kind::kTrue;
    return in_.skip();
}

bool Reading::read_stream_options() {
    const Kind kind = in_.peek();
    const std::size_t begin = in_.offset();
    if (kind == Kind::kNull) {
        const bool passed = in_.skip();
        plan_splice(UsageSplice::kReplaceValue, begin, in_.offset(), kOptionsValue);
        return passed;
    }
    if (kind != Kind::kObject)
        return refuse("stream_options", "`stream_options` must be an object.");
    if (!in_.begin_object()) return false;
    const std::size_t inside = in_.offset();
    std::uint32_t seen = 0;
    bool empty = true;
    std::string_view key;
    while (in_.next_member(key)) {
        int option = -1;
        empty = false;
        if (!identify(key, kOptionNames, "stream_options.", seen, option)) return false;
        if (option < 0 ? !in_.skip() : !read_include_usage()) return false;
    }
    if (seen == 0) {
        plan_splice(UsageSplice::kInsertField, inside, inside, empty ? kOnlyField : kFirstField);
    }
    return !in_.failed();
}

bool Reading::read_include_usage() {
    const Kind kind = in_.peek();
    if (kind != Kind::kTrue && kind != Kind::kFalse && kind != Kind::kNull) {
        return refuse("stream_options.include_usage",
                      "`stream_options.include_usage` must be true or false.");
    }
    asks_for_usage_ = kind == Kind::kTrue;
    const std::size_t begin = in_.offset();
    const bool passed = in_.skip();
    plan_splice(UsageSplice::kReplaceValue, begin, in_.offset(), "true");
    return passed;
}

// A whole number from 1 to `most`, or null.
bool Reading::read_count(int field, std::int64_t most, std::optional<std::int64_t>& count) {
    const Kind kind = in_.peek();
    if (kind == Kind::kNull || kind == Kind::kNone) return in_.skip();
    std::int64_t value = 0;
    if (kind == Kind::kNumber) {
        std::string_view raw;
        if (!in_.read_number(raw)) return false;
        value = json::whole_number(raw).value_or(0);
    }
    if (value < 1 || value > most) {
        const std::string_view name = kFieldNames[static_cast<std::size_t>(field)];
        return refuse(name, "`" + std::string(name) + "` must be a whole number from 1 to " +
                                std::to_string(most) + ".");
    }
    count = value;
    return true;
}

}  // namespace

Result<ChatFacts> RequestReader::read(std::string_view body) {
    if (body.size() > std::numeric_limits<std::uint32_t>::max()) {
        return fail(ErrorCode::kBodyTooLarge, "The request body must be shorter than 4 GiB.");
    }
    Reading reading(body, model_);
    if (!reading.read_body()) return fail(std::move(reading).take_error());
    return reading.finish();
}

}  // namespace vidai::node::dialect::openai_chat
