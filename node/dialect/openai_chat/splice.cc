// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/splice.h"

#include "node/dialect/json/text.h"

namespace vidai::node::dialect::openai_chat {

using request::ByteRange;
using request::ChatFacts;
using request::UsageSplice;

namespace {

std::size_t length(ByteRange range) {
    return range.end - range.begin;
}

}  // namespace

void append_spliced(std::string& out, std::string_view body, const ChatFacts& facts,
                    std::string_view upstream_model) {
    std::size_t copied = 0;
    const auto copy_until = [&](ByteRange replaced) {
        out.append(body.substr(copied, replaced.begin - copied));
        copied = replaced.end;
    };
    const auto splice_usage = [&] {
        if (facts.usage_splice == UsageSplice::kNone) return;
        copy_until(facts.usage_at);
        out.append(facts.usage_text);
    };
    // The two never overlap: one is a value of the outermost object, the other is outside of it.
    const bool usage_first = facts.usage_at.begin < facts.model_value.begin;
    if (usage_first) splice_usage();
    copy_until(facts.model_value);
    json::append_quoted(out, upstream_model);
    if (!usage_first) splice_usage();
    out.append(body.substr(copied));
}

std::size_t spliced_length(std::string_view body, const ChatFacts& facts,
                           std::string_view upstream_model) {
    std::size_t bytes =
        body.size() - length(facts.model_value) + json::quoted_length(upstream_model);
    if (facts.usage_splice != UsageSplice::kNone) {
        bytes += facts.usage_text.size() - length(facts.usage_at);
    }
    return bytes;
}

}  // namespace vidai::node::dialect::openai_chat
