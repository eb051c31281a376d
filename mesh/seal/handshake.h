// SPDX-License-Identifier: Apache-2.0
// The mutually authenticated handshake that opens every mesh and operator connection: SIGMA-I
// (Krawczyk 2003) over ephemeral X25519, three messages, each at most kHandshakeMessageMax bytes.
// Specification: docs/security.md, section 5. Sans-IO state machines; one thread per object.
//
// The adapter sends start(), then feeds what it reads and sends what it is told, until the state
// is kDone or kRefused. A refusal sends nothing, but for what tells the other side of a new root:
// close the connection. Bytes beyond `consumed`
// already belong to the record layer. Time-outs and the number of handshakes at once are the
// adapter's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "mesh/seal/certificate.h"
#include "mesh/seal/keys.h"
#include "mesh/seal/record.h"
#include "mesh/seal/refusal.h"
#include "mesh/seal/revoked.h"
#include "mesh/seal/roots.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::seal {

inline constexpr std::size_t kHandshakeMessageMax = 1024;  // its two bytes of length included
inline constexpr std::size_t kAddressMax = 255;

// Which versions of the RPC schema a program speaks.
struct WireRange {
    std::uint16_t min = 1, max = 1;
    friend bool operator==(const WireRange&, const WireRange&) = default;
};

// What each side says about itself under the handshake's protection.
struct Hello {
    Generation generation;  // 0 for an operator
    WireRange wire;
    std::string address;  // HOST:PORT to dial it on, printable ASCII, <= kAddressMax; may be empty
    friend bool operator==(const Hello&, const Hello&) = default;
};

// How far a handshake may go, and with whom.
struct HandshakeOptions {
    std::shared_ptr<const Credentials> self;
    Hello hello;
    Roles accept = Role::kPeer;  // the other side must hold one of these
    NodeId expect;               // the node that was dialled; empty: whoever answers
    WallTime now;
    std::shared_ptr<const RevokedKeys> revoked{};  // whom not to believe any more; may be nothing
    std::shared_ptr<const Roots> roots{};          // whom to believe; nothing: self's root alone
    bool accept_retired = false;  // also a chain under a root of `roots` that was retired since
};

struct Session {
    DirectionKeys send, receive;
    std::array<std::uint8_t, 32>
        binding{};  // the same on both sides, not secret, names the session
    PeerIdentity peer;
    Hello hello;  // the other side's
};

class KeyAgreement;
struct Proven;

class Handshake {
  public:
    enum class State : std::uint8_t { kOngoing, kDone, kRefused };
    struct Progress {
        State state = State::kOngoing;
        Bytes send;                // to be sent now, also with kDone
        std::size_t consumed = 0;  // of the input
    };

    virtual ~Handshake();
    Handshake(const Handshake&) = delete;
    Handshake& operator=(const Handshake&) = delete;

    // What to send before anything is read: M1, or nothing for a Responder.
    virtual Bytes start() = 0;
    // Takes bytes in any split. With kOngoing all input was consumed.
    Progress feed(ByteView in);

    State state() const { return state_; }
    Refusal refusal() const;  // CHECKs kRefused
    // With kRootRolled: what an initiator was told of the roots that followed its own, to be
    // verified (mesh/state/succession.h).
    const Bytes& told() const { return told_; }
    Session take_session();  // CHECKs kDone; once

  protected:
    Handshake(HandshakeOptions options, RandomSource& random);

    // One whole message, length prefix included; the bytes to answer with.
    virtual Checked<Bytes> on_message(ByteView message) = 0;
    // The answer that on_message() gives is the last one: refused, whatever it says.
    void refuse_after_answer(Refusal why) { parting_ = why; }
    // The end: `transcript` covers all three messages.
    void complete(bool as_initiator, Proven peer, const std::array<std::uint8_t, 32>& transcript);

    const HandshakeOptions options_;
    RandomSource& random_;
    std::unique_ptr<KeyAgreement> agreement_;
    Trust trust_;  // by whose root the two sides find each other
    Bytes told_;

  private:
    std::optional<Refusal> parting_;
    std::array<std::uint8_t, kHandshakeMessageMax> pending_;
    std::size_t held_ = 0;
    State state_ = State::kOngoing;
    Refusal refusal_{};
    std::unique_ptr<Session> session_;
};

class Initiator final : public Handshake {
  public:
    // `random` outlives the handshake.
    Initiator(HandshakeOptions options, RandomSource& random);
    Bytes start() override;

  private:
    Checked<Bytes> on_message(ByteView m2) override;
    Bytes m1_;
};

class Responder final : public Handshake {
  public:
    Responder(HandshakeOptions options, RandomSource& random);
    Bytes start() override { return {}; }

  private:
    Checked<Bytes> on_message(ByteView message) override;
    Checked<Bytes> on_m1(ByteView m1);
    Bytes tell_roots(const PublicKey& root);
    Checked<Bytes> on_m3(ByteView m3);
    bool answered_ = false;
    std::array<std::uint8_t, 32> transcript_{};
};

}  // namespace vidai::mesh::seal
