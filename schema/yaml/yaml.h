// SPDX-License-Identifier: Apache-2.0
// YAML text to a plain tree, strictly: one document, maps with unique scalar keys, at most 32
// levels, no anchors, aliases, merge keys or tags. Scalars stay text; their type is the reader's
// business. The only door to yaml-cpp. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/vocabulary/result.h"

namespace vidai::yaml {

inline constexpr int kDepthMax = 32;

struct Node {
    enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };
    struct Member;

    Kind kind = Kind::kNull;
    int line = 0;                 // from 1
    std::string text;             // of a scalar
    std::vector<Node> items;      // of a list
    std::vector<Member> members;  // of a map, in the order written

    const Node* find(std::string_view key) const;
};

struct Node::Member {
    std::string key;
    int line = 0;
    Node value;
};

// kConfigInvalid with "NAME:LINE: what" where `name` is the file's.
Result<Node> parse(const std::string& text, const std::string& name);

}  // namespace vidai::yaml
