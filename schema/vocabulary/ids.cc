// SPDX-License-Identifier: Apache-2.0
#include "schema/vocabulary/ids.h"

#include <algorithm>

namespace vidai {
namespace {

bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

}  // namespace

Result<NodeId> parse_node_id(std::string_view text) {
    const bool good =
        !text.empty() && text.size() <= 63 && is_alnum(text.front()) && is_alnum(text.back()) &&
        std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-' || c == '.'; });
    if (!good) {
        return fail(ErrorCode::kInvalidRequest,
                    "a node id is 1 to 63 of a-z, 0-9, '-' and '.', starting and ending with a "
                    "letter or digit",
                    "node id");
    }
    return NodeId(std::string(text));
}

Result<BudgetId> parse_budget_id(std::string_view text) {
    constexpr std::string_view kMarks = "-_.:/@+";
    const auto letter = [](char c) { return is_alnum(c) || (c >= 'A' && c <= 'Z'); };
    const bool good = !text.empty() && text.size() <= kBudgetIdBytesMax && letter(text.front()) &&
                      std::ranges::all_of(text, [&](char c) {
                          return letter(c) || kMarks.find(c) != std::string_view::npos;
                      });
    if (!good) {
        return fail(ErrorCode::kInvalidRequest,
                    "a budget's id is 1 to 128 of a-z, A-Z, 0-9, '-', '_', '.', ':', '/', '@' and "
                    "'+', starting with a letter or digit",
                    "budget");
    }
    return BudgetId(std::string(text));
}

std::string to_hex(const MeshId& id) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (const std::uint8_t byte : id.bytes) {
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
    }
    return out;
}

Result<MeshId> parse_mesh_id(std::string_view hex) {
    MeshId id;
    if (hex.size() != 2 * id.bytes.size()) {
        return fail(ErrorCode::kInvalidRequest, "a mesh id is 32 lower-case hex digits", "mesh id");
    }
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        const int high = hex_value(hex[2 * i]);
        const int low = hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return fail(ErrorCode::kInvalidRequest, "a mesh id is 32 lower-case hex digits",
                        "mesh id");
        }
        id.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return id;
}

}  // namespace vidai
