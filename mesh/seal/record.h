// SPDX-License-Identifier: Apache-2.0
// The sealed stream after a handshake: records of libsodium's secretstream (XChaCha20-Poly1305),
// each behind a u16 length that is its associated data. Order, completeness and the clean end are
// authenticated. Format: docs/security.md, section 6. Sans-IO; one thread per object.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <sodium/crypto_secretstream_xchacha20poly1305.h>

#include "mesh/seal/encoding.h"
#include "mesh/seal/refusal.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::seal {

inline constexpr std::size_t kRecordPlaintextMax = 16 * 1024;
inline constexpr std::size_t kRecordOverhead = 2 + crypto_secretstream_xchacha20poly1305_ABYTES;
inline constexpr std::size_t kRecordBytesMax = kRecordPlaintextMax + kRecordOverhead;
inline constexpr std::uint64_t kRekeyRecords = std::uint64_t{1} << 20;
inline constexpr std::chrono::hours kRekeyInterval{1};

// One direction of one session; used for one Sealer and one Opener, once. Wiped when it dies.
struct DirectionKeys {
    std::array<std::uint8_t, 32> key{};
    std::array<std::uint8_t, 24> header{};  // secretstream's header: derived, not sent
    DirectionKeys() = default;
    DirectionKeys(const DirectionKeys&) = default;
    DirectionKeys& operator=(const DirectionKeys&) = default;
    ~DirectionKeys();
};

class Sealer {
  public:
    Sealer(const DirectionKeys& keys, MonoTime now);
    ~Sealer();
    Sealer(const Sealer&) = delete;
    Sealer& operator=(const Sealer&) = delete;

    // Appends `plaintext` to `out` as records; no bytes, no record. Allocates only when `out`
    // grows. CHECKs that the stream was not finished.
    void seal(ByteView plaintext, MonoTime now, Bytes& out);
    // Appends the final record; after it nothing may be sealed. The second call does nothing.
    void finish(Bytes& out);
    bool finished() const { return finished_; }

  private:
    void push(ByteView plaintext, std::uint8_t tag, Bytes& out);
    crypto_secretstream_xchacha20poly1305_state state_;
    std::uint64_t records_ = 0;  // since the last rekey
    MonoTime rekeyed_;
    bool finished_ = false;
};

// Memory: one record of ciphertext and one of plaintext, about 32 KiB, inside the object.
class Opener {
  public:
    struct Opened {
        std::size_t consumed = 0;  // how much of the input was used; feed the rest again
        ByteView plaintext;        // of at most one record; valid until the next call
    };

    explicit Opener(const DirectionKeys& keys);
    ~Opener();
    Opener(const Opener&) = delete;
    Opener& operator=(const Opener&) = delete;

    // Takes input up to the end of one record. Every refusal is final: each later call repeats it.
    Checked<Opened> feed(ByteView in);
    // The stream ended: kTruncated unless the final record came first.
    Checked<void> end() const;
    bool finished() const { return finished_; }  // the final record came

  private:
    Checked<Opened> open(ByteView record, std::size_t consumed);
    Checked<Opened> refuse(Refusal why);
    crypto_secretstream_xchacha20poly1305_state state_;
    std::array<std::uint8_t, kRecordBytesMax> pending_;
    std::array<std::uint8_t, kRecordPlaintextMax> plaintext_;
    std::size_t held_ = 0;  // bytes of an incomplete record in pending_
    bool finished_ = false;
    bool refused_ = false;
    Refusal why_{};
};

}  // namespace vidai::mesh::seal
