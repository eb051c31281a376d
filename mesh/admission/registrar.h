// SPDX-License-Identifier: Apache-2.0
// Registrar: who gets a certificate from this node. It has something to give only where there is
// an issuer key. The first key under a node id keeps it: another one is turned away until the old
// one has been revoked or its member forgotten. No I/O, no clock; mesh thread.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mesh/operator.h"
#include "mesh/seal/certificate.h"
#include "mesh/seal/identity.h"
#include "mesh/seal/keys.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::admission {

using Binding = std::array<std::uint8_t, 32>;  // of a handshake

struct JoinRequest {
    std::string node;
    seal::PublicKey key;
    seal::Signature proof;  // that the caller has the key: seal::sign_request()
};

// What the mesh knows of a node: under which key, and the serial of its newest certificate.
struct KnownNode {
    seal::PublicKey key;
    std::uint64_t serial = 0;
};

class Registrar {
  public:
    // Nothing: the mesh does not know that node, or not any more.
    using Known = std::function<std::optional<KnownNode>(const NodeId&)>;

    // Whether the mesh has told this node who is in it.
    using Informed = std::function<bool()>;

    Registrar(std::optional<seal::Issuer> issuer, Known known, Informed informed,
              seal::RandomSource& random)
        : issuer_(std::move(issuer)),
          known_(std::move(known)),
          informed_(std::move(informed)),
          random_(random) {}

    bool can_certify() const { return issuer_.has_value(); }
    const std::optional<seal::Issuer>& issuer() const { return issuer_; }
    void set_issuer(seal::Issuer issuer) { issuer_ = std::move(issuer); }

    // kConflict without an issuer key, else as seal::issue_join_certificate().
    Result<CreatedToken> make_token(const TokenRequest& request, WallTime now) const;
    // What the holder of `token` asks for. param is the reason for the metric.
    Result<seal::Bytes> admit(const seal::PeerIdentity& token, const Binding& binding,
                              const JoinRequest& request, WallTime now);
    // An operator has removed that node, or revoked its key or the one that certified it: the id is
    // free again.
    void release(const NodeId& node) { given_.erase(node); }
    void release(const seal::PublicKey& key) {
        std::erase_if(given_, [&](const auto& entry) {
            return entry.second.key == key || entry.second.issuer == key;
        });
    }
    // For a node that has proved who it is; kConflict where it has had another key since.
    Result<seal::Bytes> renew(const seal::PeerIdentity& peer, WallTime now) const;
    // For the key that is to take the place of the one that it has proved.
    Result<seal::Bytes> rotate(const seal::PeerIdentity& peer, const seal::PublicKey& next,
                               WallTime now);

  private:
    Result<std::uint64_t> last_serial(const seal::PeerIdentity& peer) const;

    static constexpr std::size_t kGivenMax = 4'096;
    std::optional<seal::Issuer> issuer_;
    Known known_;
    Informed informed_;
    seal::RandomSource& random_;  // outlives it
    // Certified here and perhaps not heard of yet.
    struct Given {
        WallTime until;
        seal::PublicKey key, issuer;
    };
    std::map<NodeId, Given> given_;
};

}  // namespace vidai::mesh::admission
