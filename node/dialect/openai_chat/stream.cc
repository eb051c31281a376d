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
    std::optional<request::Usage> usage;
    std::optional<mesh::pricing::ServiceTier> served;
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
    if (read_as_before(data)) return StreamAction::kForward;
    Chunk chunk;
    if (!read_chunk(data, chunk)) return StreamAction::kInvalid;
    content_bytes_ += chunk.choices.content_bytes;
    saw_finish_reason_ |= chunk.choices.finished;
    if (chunk.served) served_ = chunk.served;
    if (chunk.usage) {
        usage_ = chunk.usage;
        usage_final_ = chunk.choices.count == 0;
    }
    if (usage_) usage_->served = served_;
    if (chunk.has_error) return StreamAction::kError;
    if (chunk.has_usage) {
        const bool nothing_else = chunk.choices.is_array && chunk.choices.count == 0;
        return nothing_else && !client_wants_usage_ ? StreamAction::kDrop : StreamAction::kForward;
    }
    if (chunk.choices.strings == 1 && !chunk.choices.finished) {
        remember_frame(data, chunk.choices.last_string);
    }
    return StreamAction::kForward;
}

bool StreamReader::read_chunk(std::string_view data, Chunk& chunk) {
    Scanner in(data);
    std::string_view key;
    in.begin_object();
    while (in.next_member(key)) {
        if (key == "choices") {
            read_choices(in, chunk.choices);
        } else if (key == "usage") {
            chunk.has_usage = in.peek() == Kind::kObject;
            chunk.usage = read_usage(in);
        } else if (key == "service_tier") {
            chunk.served = read_served(in);
        } else if (key == "error") {
            chunk.has_error |= in.peek() != Kind::kNull;
            in.skip();
        } else {
            in.skip();
        }
    }
    return in.finish();
}

// The frame includes the quotes of the string it surrounds.
bool StreamReader::read_as_before(std::string_view data) {
    const std::string_view frame(frame_.data(), frame_size_);
    const std::string_view head = frame.substr(0, frame_head_);
    const std::string_view tail = frame.substr(frame_head_);
    if (frame.empty() || data.size() < frame.size() || !data.starts_with(head)) return false;
    Scanner in(data.substr(head.size() - 1));
    std::string_view content;
    if (!in.read_string(content)) return false;
    if (data.substr(head.size() + content.size()) != tail) return false;
    content_bytes_ += static_cast<std::int64_t>(content.size());
    return true;
}

void StreamReader::remember_frame(std::string_view data, std::string_view content) {
    const std::size_t size = data.size() - content.size();
    if (size > kFrameMax) return;
    const auto head = static_cast<std::size_t>(content.data() - data.data());
    std::copy_n(data.data(), head, frame_.data());
    std::copy_n(content.data() + content.size(), size - head, frame_.data() + head);
    frame_head_ = static_cast<std::uint16_t>(head);
    frame_size_ = static_cast<std::uint16_t>(size);
}

}  // namespace vidai::node::dialect::openai_chat
