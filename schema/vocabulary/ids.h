// SPDX-License-Identifier: Apache-2.0
// Names of things, each a type of its own so that a key id is never passed where a node id is
// meant. Value types; any thread.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "schema/vocabulary/result.h"

namespace vidai {

template <class Tag>
class Name {
  public:
    Name() = default;
    explicit Name(std::string text) : text_(std::move(text)) {}
    const std::string& str() const { return text_; }
    bool empty() const { return text_.empty(); }
    friend auto operator<=>(const Name&, const Name&) = default;
    friend bool operator==(const Name&, const Name&) = default;

  private:
    std::string text_;
};

using NodeId = Name<struct NodeIdTag>;  // operator's name of a node, e.g. "vidai-0"
using KeyId = Name<struct KeyIdTag>;    // public part of a client key, 12 characters

using BudgetId = Name<struct BudgetIdTag>;  // operator's name of a budget, e.g. "team-a"

// 1 to 63 of a-z, 0-9, '-' and '.', starting and ending with a letter or digit (a host name, so
// that a Kubernetes pod name is one). kInvalidRequest otherwise.
Result<NodeId> parse_node_id(std::string_view text);

// 1 to 128 of a-z, A-Z, 0-9, '-', '_', '.', ':', '/', '@' and '+', starting with a letter or digit,
// so that it may be an address or a path. kInvalidRequest otherwise.
inline constexpr std::size_t kBudgetIdBytesMax = 128;
Result<BudgetId> parse_budget_id(std::string_view text);

struct MeshId {
    std::array<std::uint8_t, 16> bytes{};
    friend auto operator<=>(const MeshId&, const MeshId&) = default;
};
std::string to_hex(const MeshId& id);
Result<MeshId> parse_mesh_id(std::string_view hex);

// How often this identity has been started on its volume: grows by one each start, durably.
struct Generation {
    std::uint64_t value = 0;
    friend auto operator<=>(const Generation&, const Generation&) = default;
};

// SWIM's counter within a generation: a node raises its own to refute a suspicion.
struct Incarnation {
    std::uint32_t value = 0;
    friend auto operator<=>(const Incarnation&, const Incarnation&) = default;
};

}  // namespace vidai

template <class Tag>
struct std::hash<vidai::Name<Tag>> {
    std::size_t operator()(const vidai::Name<Tag>& name) const noexcept {
        return std::hash<std::string_view>{}(name.str());
    }
};
