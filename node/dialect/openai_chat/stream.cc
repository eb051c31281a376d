// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/stream.h"

#include <algorithm>

#include "node/dialect/openai_chat/choices.h"
#include "node/dialect/openai_chat/usage.h"

namespace vidai::node::dialect::openai_chat {

using json::Kind;
using json::Scanner;

struct StreamReader::Chunk {
    Choices choices;
    bool has_usage = false;
    bool has_error = false;
};

StreamAction StreamReader::on_event(std::string_view data, std::string_view name) {
    if (done_) return StreamAction::kDrop;
    if (name == "error") return StreamAction::kError;
    if (data.empty()) return StreamAction::kForward;
    if (data == "[DONE]") {
        done_ = true;
        return StreamAction::kDone;
    }
    return on_chunk(data);
}

StreamAction StreamReader::on_chunk(std::string_view data) {
    Chunk chunk;
    if (!read_chunk(data, chunk)) return StreamAction::kInvalid;
    content_bytes_ += chunk.choices.content_bytes;
    saw_finish_reason_ |= chunk.choices.finished;
    if (chunk.has_error) return StreamAction::kError;
    const bool only_usage = chunk.has_usage && chunk.choices.is_array && chunk.choices.count == 0;
    return only_usage && !client_wants_usage_ ? StreamAction::kDrop : StreamAction::kForward;
}

bool StreamReader::read_chunk(std::string_view data, Chunk& chunk) {
    const std::string_view prefix(prefix_.data(), prefix_length_);
    const bool known = prefix_length_ != 0 && data.starts_with(prefix);
    Scanner in = known ? Scanner::within_object(data, prefix_length_) : Scanner(data);
    if (known) {
        read_choices(in, chunk.choices);
    } else {
        in.begin_object();
    }
    std::string_view key;
    while (in.next_member(key)) {
        if (key == "choices") {
            if (!chunk.has_usage && !chunk.has_error) remember_prefix(data, in.offset());
            read_choices(in, chunk.choices);
        } else if (key == "usage") {
            chunk.has_usage = in.peek() == Kind::kObject;
            if (const auto usage = read_usage(in); usage) usage_ = usage;
        } else if (key == "error") {
            chunk.has_error |= in.peek() != Kind::kNull;
            in.skip();
        } else {
            in.skip();
        }
    }
    return in.finish();
}

void StreamReader::remember_prefix(std::string_view data, std::size_t length) {
    if (length > kPrefixMax) return;
    std::copy_n(data.begin(), length, prefix_.begin());
    prefix_length_ = static_cast<std::uint16_t>(length);
}

}  // namespace vidai::node::dialect::openai_chat
