// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/spread.h"

#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

namespace vidai::cli::commands {

using print::Answer;
using print::Value;

namespace {

std::string names_of(const std::vector<NodeId>& nodes) {
    std::string out;
    for (const NodeId& node : nodes) out += (out.empty() ? "" : ", ") + node.str();
    return out;
}

Value::List list_of(const std::vector<NodeId>& nodes) {
    Value::List out;
    for (const NodeId& node : nodes) out.push_back(node.str());
    return out;
}

}  // namespace

Result<Answer> spread(Call& call, Operator& mesh, const mesh::Stated& said, Answer answer) {
    if (call.flag("--wait") == nullptr) {
        answer.note += "The other nodes are told as soon as they can be reached.\n";
        return answer;
    }
    const auto heard = mesh.acknowledged(said);
    if (!heard) return fail(heard.error());
    const std::string count = std::to_string(heard->by.size()) + " of " +
                              std::to_string(heard->by.size() + heard->missing.size()) + " nodes";
    if (!heard->missing.empty()) {
        return fail(ErrorCode::kDeadlineExceeded,
                    "it is in force, and acknowledged by " + count + " of the roster (" +
                        names_of(heard->by) + "); missing: " + names_of(heard->missing) +
                        ". They are told as soon as they can be reached",
                    said.subject);
    }
    answer.data.set("acknowledged", list_of(heard->by));
    answer.data.set("missing", list_of(heard->missing));
    answer.fields.push_back(
        {"Acknowledged", {"by " + count + " of the roster: " + names_of(heard->by)}});
    return answer;
}

Result<std::chrono::seconds> parse_span(const std::string& flag, const std::string& text) {
    constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {
        {"s", 1}, {"m", 60}, {"h", 3'600}, {"d", 86'400}};
    constexpr std::int64_t kMax = 3'650LL * 86'400;
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    for (const auto& [unit, scale] : kUnits) {
        if (error != std::errc() || std::string_view(end) != unit) continue;
        if (count >= 1 && count <= kMax / scale) return std::chrono::seconds(count * scale);
    }
    return fail(ErrorCode::kUsage,
                flag + " takes a time such as 90s, 15m, 1h or 7d, not '" + text + "'", flag);
}

}  // namespace vidai::cli::commands
