// SPDX-License-Identifier: Apache-2.0
// A small mesh of signers for tests: a root, and nodes that it certified.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "mesh/seal/certificate.h"
#include "mesh/seal/keys.h"
#include "mesh/state/register.h"

namespace vidai::mesh::state::testing {

inline const WallTime kNow{std::chrono::milliseconds(1'790'000'000'000)};

struct Origin {
    NodeId node;
    std::shared_ptr<const seal::SecretKey> key;
    std::shared_ptr<const seal::Bytes> chain;
};

class Origins {
  public:
    Origins() : root_(seal::SecretKey::generate(seal::system_random())) {
        trust_.mesh.bytes.fill(7);
        trust_.root = root_.public_key();
    }

    Origin make(const std::string& name, seal::Roles roles = seal::Role::kPeer) const {
        auto key = std::make_shared<const seal::SecretKey>(
            seal::SecretKey::generate(seal::system_random()));
        seal::NodeCertificate certificate;
        certificate.mesh = trust_.mesh;
        certificate.node = NodeId(name);
        certificate.key = key->public_key();
        certificate.roles = roles;
        certificate.serial = 1;
        certificate.validity = {kNow - std::chrono::days(1), kNow + std::chrono::days(6)};
        const seal::Bytes node = seal::sign_certificate(root_, certificate);
        auto chain = std::make_shared<seal::Bytes>(seal::encode_chain({}, node));
        return {NodeId(name), std::move(key), std::move(chain)};
    }
    const seal::Trust& trust() const { return trust_; }

  private:
    seal::SecretKey root_;
    seal::Trust trust_;
};

inline Register write(const Origin& origin, const std::string& id, Hlc time,
                      const std::string& value, bool retired = false) {
    Statement said{RegisterKind::kKey,          id, retired, time, origin.node,
                   {value.begin(), value.end()}};
    return sign_register(std::move(said), *origin.key, origin.chain);
}

}  // namespace vidai::mesh::state::testing
