// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/choices.h"

#include <string_view>

namespace vidai::node::dialect::openai_chat {

namespace {

using json::Kind;
using json::Scanner;

bool enter_object(Scanner& in) {
    if (in.peek() == Kind::kObject) return in.begin_object();
    in.skip();
    return false;
}

bool enter_array(Scanner& in) {
    if (in.peek() == Kind::kArray) return in.begin_array();
    in.skip();
    return false;
}

void count_string(Scanner& in, Choices& choices) {
    if (in.peek() != Kind::kString) {
        in.skip();
        return;
    }
    std::string_view raw;
    if (!in.read_string(raw)) return;
    choices.content_bytes += static_cast<std::int64_t>(raw.size());
    choices.last_string = raw;
    ++choices.strings;
}

// A string, or an array of parts with a text each.
void count_content(Scanner& in, Choices& choices) {
    if (in.peek() != Kind::kArray) return count_string(in, choices);
    in.begin_array();
    while (in.next_element()) {
        if (!enter_object(in)) continue;
        std::string_view key;
        while (in.next_member(key)) {
            if (key == "text") {
                count_string(in, choices);
            } else {
                in.skip();
            }
        }
    }
}

void count_function(Scanner& in, Choices& choices) {
    if (!enter_object(in)) return;
    std::string_view key;
    while (in.next_member(key)) {
        if (key == "name" || key == "arguments") {
            count_string(in, choices);
        } else {
            in.skip();
        }
    }
}

void count_tool_calls(Scanner& in, Choices& choices) {
    if (!enter_array(in)) return;
    while (in.next_element()) {
        if (!enter_object(in)) continue;
        std::string_view key;
        while (in.next_member(key)) {
            if (key == "function") {
                count_function(in, choices);
            } else {
                in.skip();
            }
        }
    }
}

void count_output(Scanner& in, Choices& choices) {
    if (!enter_object(in)) return;
    std::string_view key;
    while (in.next_member(key)) {
        if (key == "content") {
            count_content(in, choices);
        } else if (key == "reasoning_content" || key == "reasoning" || key == "refusal") {
            count_string(in, choices);
        } else if (key == "tool_calls") {
            count_tool_calls(in, choices);
        } else if (key == "function_call") {
            count_function(in, choices);
        } else {
            in.skip();
        }
    }
}

}  // namespace

void read_choices(Scanner& in, Choices& choices) {
    if (!enter_array(in)) return;
    choices.is_array = true;
    while (in.next_element()) {
        ++choices.count;
        if (!enter_object(in)) continue;
        std::string_view key;
        while (in.next_member(key)) {
            if (key == "delta" || key == "message") {
                count_output(in, choices);
            } else if (key == "finish_reason") {
                choices.finished |= in.peek() == Kind::kString;
                in.skip();
            } else {
                in.skip();
            }
        }
    }
}

}  // namespace vidai::node::dialect::openai_chat
