// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/splice.h"

#include "node/dialect/json/text.h"

namespace vidai::node::dialect::openai_chat {

using request::ByteRange;
using request::ChatFacts;
using request::LimitSplice;
using request::UsageSplice;

namespace {

std::size_t length(ByteRange range) {
    return range.end - range.begin;
}

}  // namespace

void append_spliced(std::string& out, std::string_view body, const ChatFacts& facts,
                    std::string_view upstream_model, const LimitSplice* limit) {
    std::size_t copied = 0;
    const auto copy_until = [&](ByteRange replaced) {
        out.append(body.substr(copied, replaced.begin - copied));
        copied = replaced.end;
    };
    const auto splice_limit_before = [&](std::size_t end) {
        if (limit == nullptr || limit->at.begin > end) return;
        copy_until(limit->at);
        out.append(limit->text);
        limit = nullptr;
    };
    const auto splice_usage = [&] {
        if (facts.usage_splice == UsageSplice::kNone) return;
        splice_limit_before(facts.usage_at.begin);
        copy_until(facts.usage_at);
        out.append(facts.usage_text);
    };
    // No two overlap: each is a value of the outermost object, or stands before its first member.
    const bool usage_first = facts.usage_at.begin < facts.model_value.begin;
    if (usage_first) splice_usage();
    splice_limit_before(facts.model_value.begin);
    copy_until(facts.model_value);
    json::append_quoted(out, upstream_model);
    if (!usage_first) splice_usage();
    splice_limit_before(body.size());
    out.append(body.substr(copied));
}

std::size_t spliced_length(std::string_view body, const ChatFacts& facts,
                           std::string_view upstream_model, const LimitSplice* limit) {
    std::size_t bytes =
        body.size() - length(facts.model_value) + json::quoted_length(upstream_model);
    if (facts.usage_splice != UsageSplice::kNone) {
        bytes += facts.usage_text.size() - length(facts.usage_at);
    }
    if (limit != nullptr) bytes += limit->text.size() - length(limit->at);
    return bytes;
}

LimitSplice limit_splice(const request::CostFacts& facts, Tokens limit) {
    const std::string number = std::to_string(limit.value);
    if (facts.limit_is_null) return {facts.limit_at, number};
    return {facts.limit_at, "\"max_completion_tokens\":" + number + ","};
}

}  // namespace vidai::node::dialect::openai_chat
