// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/cut.h"

#include <algorithm>
#include <array>

#include "node/dialect/json/scanner.h"

namespace vidai::node::dialect::openai_chat {
namespace {

using json::Kind;
using json::Scanner;

// What all chunks of one stream have in common; each is copied as it is spelt.
constexpr std::array<std::string_view, 5> kCommon = {"id", "object", "created", "model",
                                                     "system_fingerprint"};

// `data: {"id":...,"model":...,` of another chunk of the same stream.
void append_head(std::string& out, std::string_view chunk) {
    out += "data: {";
    Scanner in(chunk);
    std::string_view key;
    in.begin_object();
    while (in.next_member(key)) {
        const bool common = std::ranges::find(kCommon, key) != kCommon.end();
        const Kind kind = in.peek();
        const std::size_t begin = in.offset();
        in.skip();
        if (!common || kind == Kind::kObject || kind == Kind::kArray) continue;
        out.append("\"").append(key).append("\":");
        out.append(chunk.substr(begin, in.offset() - begin)).append(",");
    }
}

}  // namespace

void append_length_end(std::string& out, std::string_view chunk, std::int64_t choices,
                       const std::optional<request::Usage>& usage) {
    append_head(out, chunk);
    out += "\"choices\":[";
    for (std::int64_t i = 0; i < choices; ++i) {
        if (i > 0) out += ",";
        out += "{\"index\":" + std::to_string(i) + ",\"delta\":{},\"finish_reason\":\"length\"}";
    }
    out += "]}\n\n";
    if (usage) {
        append_head(out, chunk);
        out +=
            "\"choices\":[],\"usage\":{\"prompt_tokens\":" + std::to_string(usage->input().value) +
            ",\"completion_tokens\":" + std::to_string(usage->output().value) +
            ",\"total_tokens\":" + std::to_string(usage->total().value) + "}}\n\n";
    }
    out += "data: [DONE]\n\n";
}

}  // namespace vidai::node::dialect::openai_chat
