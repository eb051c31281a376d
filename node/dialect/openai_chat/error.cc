// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/error.h"

#include "node/dialect/json/scanner.h"
#include "node/dialect/json/text.h"

namespace vidai::node::dialect::openai_chat {

namespace {

void append_or_null(std::string& out, std::string_view text) {
    if (text.empty()) {
        out.append("null");
    } else {
        json::append_quoted(out, text);
    }
}

}  // namespace

void append_error(std::string& out, const ErrorBody& error) {
    out.append(R"({"error":{"message":)");
    json::append_quoted(out, error.message);
    out.append(R"(,"type":)");
    json::append_quoted(out, error.type);
    out.append(R"(,"param":)");
    append_or_null(out, error.param);
    out.append(R"(,"code":)");
    append_or_null(out, error.code);
    for (const ErrorDetail& detail : error.details) {
        if (detail.text.empty()) continue;
        out.append(",\"").append(detail.name).append("\":");
        json::append_quoted(out, detail.text);
    }
    out.append("}}");
}

void append_error_event(std::string& out, const ErrorBody& error) {
    out.append("data: ");
    append_error(out, error);
    out.append("\n\n");
}

bool is_error(std::string_view body) {
    json::Scanner in(body);
    bool found = false;
    std::string_view key;
    in.begin_object();
    while (in.next_member(key)) {
        if (key != "error" || in.peek() != json::Kind::kObject) {
            in.skip();
            continue;
        }
        found = false;
        in.begin_object();
        while (in.next_member(key)) {
            found |= key == "message" && in.peek() == json::Kind::kString;
            in.skip();
        }
    }
    return in.finish() && found && json::is_utf8(body);
}

}  // namespace vidai::node::dialect::openai_chat
