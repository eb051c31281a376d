// SPDX-License-Identifier: Apache-2.0
// KeyWatch: under which key each member was last heard, so that a name which another key has taken
// over is told of. The mesh allows that to whoever has a newer certificate, as a node that lost its
// disk has; so has a machine that should not be there, where somebody has the issuer key. As many
// entries as the roster. Pure; mesh thread.
#pragma once

#include <map>
#include <optional>

#include "mesh/seal/keys.h"
#include "schema/vocabulary/ids.h"

namespace vidai::mesh::rpc {

class KeyWatch {
  public:
    struct Change {
        seal::PublicKey before, now;
        bool announced = false;  // the member had named it, by the key that it had
    };

    // `key` is the member's now; nothing: it was before, or this is the first that we hear of it.
    std::optional<Change> heard(const NodeId& node, const seal::PublicKey& key) {
        const auto [held, first] = held_.try_emplace(node, Held{key, {}});
        if (first || held->second.key == key) return std::nullopt;
        const Change change{held->second.key, key, held->second.next == key};
        held->second = Held{key, {}};
        return change;
    }
    // A member we have heard of names its next key and has proved the one that it has.
    void expect(const NodeId& node, const seal::PublicKey& next) {
        const auto held = held_.find(node);
        if (held != held_.end()) held->second.next = next;
    }
    // An operator has removed it: whoever has the name next is welcome.
    void forget(const NodeId& node) { held_.erase(node); }

  private:
    struct Held {
        seal::PublicKey key;
        std::optional<seal::PublicKey> next;
    };
    std::map<NodeId, Held> held_;
};

}  // namespace vidai::mesh::rpc
