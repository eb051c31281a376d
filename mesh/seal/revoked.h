// SPDX-License-Identifier: Apache-2.0
// The public keys that operators have voided: no chain that contains one is believed, whatever its
// dates say. Pure; one thread writes it, the same reads.
#pragma once

#include <cstddef>
#include <set>

#include "mesh/seal/certificate.h"
#include "mesh/seal/keys.h"

namespace vidai::mesh::seal {

class RevokedKeys {
  public:
    bool add(const PublicKey& key) { return keys_.insert(key).second; }
    void remove(const PublicKey& key) { keys_.erase(key); }
    std::size_t size() const { return keys_.size(); }

    bool contains(const PublicKey& key) const { return keys_.contains(key); }
    // Whether the chain that proved this identity contains one.
    bool covers(const PeerIdentity& who) const {
        // A chain that the root signed itself has no issuer.
        return !keys_.empty() &&
               (contains(who.key) || (who.issuer_key != PublicKey() && contains(who.issuer_key)));
    }

  private:
    std::set<PublicKey> keys_;
};

}  // namespace vidai::mesh::seal
