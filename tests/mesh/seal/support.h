// SPDX-License-Identifier: Apache-2.0
// A small mesh on paper for the seal's tests: seeded keys, an issuer, nodes, an operator, and a
// way to carry bytes between two handshakes.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "mesh/seal/certificate.h"
#include "mesh/seal/handshake.h"
#include "mesh/seal/identity.h"
#include "mesh/seal/keys.h"
#include "mesh/seal/record.h"
#include "schema/base/rng.h"

namespace vidai::mesh::seal::testing {

// Repeatable bytes; never for anything but a test.
class SeededRandom final : public RandomSource {
  public:
    explicit SeededRandom(std::uint64_t seed) : rng_(seed) {}
    void fill(std::span<std::uint8_t> out) override {
        for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(rng_.next());
    }

  private:
    Rng rng_;
};

inline constexpr WallTime kNow{std::chrono::milliseconds{1'700'000'000'000}};

inline std::shared_ptr<const SecretKey> key_from(std::uint64_t seed) {
    SeededRandom random(seed);
    return std::make_shared<const SecretKey>(SecretKey::generate(random));
}

struct World {
    explicit World(std::uint64_t seed = 1) : random(seed) {
        root.key = std::make_shared<const SecretKey>(SecretKey::generate(random));
        random.fill(root.trust.mesh.bytes);
        root.trust.root = root.key->public_key();
        issuer = make_issuer(issuer_certificate());
    }

    IssuerCertificate issuer_certificate() {
        if (!issuer_key) {
            issuer_key = std::make_shared<const SecretKey>(SecretKey::generate(random));
        }
        return {.mesh = root.trust.mesh,
                .name = "issuer",
                .key = issuer_key->public_key(),
                .may_grant = Role::kPeer,
                .node_pattern = "vidai-*",
                .validity_max = kNodeValidity,
                .serial = 7,
                .validity = {kNow, kNow + Days{365}}};
    }
    Issuer make_issuer(const IssuerCertificate& certificate) const {
        return {root.trust, issuer_key, sign_certificate(*root.key, certificate)};
    }
    NodeCertificate node_certificate(std::string name, const PublicKey& key, Roles roles) const {
        return {.mesh = root.trust.mesh,
                .node = NodeId(std::move(name)),
                .key = key,
                .roles = roles,
                .serial = 9,
                .validity = {kNow, kNow + kNodeValidity}};
    }
    // Certified by the issuer, as a gateway is.
    std::shared_ptr<const Credentials> node(const std::string& name) {
        auto key = std::make_shared<const SecretKey>(SecretKey::generate(random));
        auto chain = issue_node_certificate(issuer, NodeId(name), key->public_key(), kNow,
                                            kNodeValidity, random);
        return std::make_shared<const Credentials>(
            Credentials{root.trust, std::move(key), std::move(chain).value()});
    }
    // Certified by the root.
    std::shared_ptr<const Credentials> rooted(const std::string& name, Roles roles) {
        auto key = std::make_shared<const SecretKey>(SecretKey::generate(random));
        Bytes leaf = sign_certificate(*root.key, node_certificate(name, key->public_key(), roles));
        return std::make_shared<const Credentials>(
            Credentials{root.trust, std::move(key), encode_chain({}, leaf)});
    }

    SeededRandom random;
    Root root;
    std::shared_ptr<const SecretKey> issuer_key;
    Issuer issuer;
};

inline HandshakeOptions options_for(std::shared_ptr<const Credentials> self,
                                    std::string address = "10.0.0.1:7420") {
    return {.self = std::move(self),
            .hello = {Generation{3}, WireRange{1, 2}, std::move(address)},
            .accept = Role::kPeer | Role::kOperator,
            .expect = {},
            .now = kNow};
}

using State = Handshake::State;

// The three messages of a handshake that succeeds.
struct Exchange {
    Bytes m1, m2, m3;
};

inline Exchange run(Initiator& initiator, Responder& responder) {
    Exchange out;
    out.m1 = initiator.start();
    out.m2 = responder.feed(out.m1).send;
    out.m3 = initiator.feed(out.m2).send;
    responder.feed(out.m3);
    return out;
}

}  // namespace vidai::mesh::seal::testing
