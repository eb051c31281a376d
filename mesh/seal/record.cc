// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/record.h"

#include <algorithm>
#include <cstring>

#include <sodium/utils.h>

#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::seal {
namespace {

constexpr std::size_t kLengthSize = 2;
constexpr std::size_t kTagSize = crypto_secretstream_xchacha20poly1305_ABYTES;
constexpr std::uint8_t kTagMessage = crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;
constexpr std::uint8_t kTagRekey = crypto_secretstream_xchacha20poly1305_TAG_REKEY;
constexpr std::uint8_t kTagFinal = crypto_secretstream_xchacha20poly1305_TAG_FINAL;

// Both sides derive the header from the handshake, so both start the stream the same way;
// init_push would draw a random one to be sent, and does nothing else besides.
void start(crypto_secretstream_xchacha20poly1305_state& state, const DirectionKeys& keys) {
    CHECK(crypto_secretstream_xchacha20poly1305_init_pull(&state, keys.header.data(),
                                                          keys.key.data()) == 0);
}

std::size_t ciphertext_size(const std::uint8_t* record) {
    return static_cast<std::size_t>(record[0]) << 8 | record[1];
}

}  // namespace

DirectionKeys::~DirectionKeys() {
    sodium_memzero(key.data(), key.size());
    sodium_memzero(header.data(), header.size());
}

Sealer::Sealer(const DirectionKeys& keys, MonoTime now) : rekeyed_(now) {
    start(state_, keys);
}

Sealer::~Sealer() {
    sodium_memzero(&state_, sizeof state_);
}

void Sealer::push(ByteView plaintext, std::uint8_t tag, Bytes& out) {
    const std::size_t at = out.size();
    const std::size_t size = plaintext.size() + kTagSize;
    out.resize(at + kLengthSize + size);
    std::uint8_t* record = out.data() + at;
    record[0] = static_cast<std::uint8_t>(size >> 8);
    record[1] = static_cast<std::uint8_t>(size);
    crypto_secretstream_xchacha20poly1305_push(&state_, record + kLengthSize, nullptr,
                                               plaintext.data(), plaintext.size(), record,
                                               kLengthSize, tag);
}

void Sealer::seal(ByteView plaintext, MonoTime now, Bytes& out) {
    CHECK(!finished_, "sealing after the final record");
    while (!plaintext.empty()) {
        const std::size_t size = std::min(plaintext.size(), kRecordPlaintextMax);
        const bool rekey = ++records_ >= kRekeyRecords || now - rekeyed_ >= kRekeyInterval;
        push(plaintext.first(size), rekey ? kTagRekey : kTagMessage, out);
        if (rekey) {
            records_ = 0;
            rekeyed_ = now;
        }
        plaintext = plaintext.subspan(size);
    }
}

void Sealer::finish(Bytes& out) {
    if (finished_) return;
    push({}, kTagFinal, out);
    finished_ = true;
}

Opener::Opener(const DirectionKeys& keys) {
    start(state_, keys);
}

Opener::~Opener() {
    sodium_memzero(&state_, sizeof state_);
    sodium_memzero(plaintext_.data(), plaintext_.size());
}

Checked<Opener::Opened> Opener::refuse(Refusal why) {
    refused_ = true;
    why_ = why;
    return std::unexpected(why);
}

Checked<Opener::Opened> Opener::feed(ByteView in) {
    if (refused_) return std::unexpected(why_);
    if (in.empty()) return Opened{};
    if (finished_) return refuse(Refusal::kRecordAfterFinal);

    // A record that lies whole in the input is opened where it is.
    if (held_ == 0 && in.size() >= kLengthSize) {
        const std::size_t size = kLengthSize + ciphertext_size(in.data());
        if (in.size() >= size) return open(in.first(size), size);
    }
    std::size_t consumed = 0;
    const auto take_up_to = [&](std::size_t target) {
        const std::size_t count = std::min(target - held_, in.size() - consumed);
        std::memcpy(pending_.data() + held_, in.data() + consumed, count);
        held_ += count;
        consumed += count;
        return held_ == target;
    };
    if (held_ < kLengthSize && !take_up_to(kLengthSize)) return Opened{consumed, {}};
    const std::size_t size = kLengthSize + ciphertext_size(pending_.data());
    // Checked before the bytes are waited for: a hostile length must not hold a connection open.
    if (size > kRecordBytesMax || size < kRecordOverhead) return refuse(Refusal::kRecordSize);
    if (!take_up_to(size)) return Opened{consumed, {}};
    held_ = 0;
    return open(ByteView(pending_).first(size), consumed);
}

Checked<Opener::Opened> Opener::open(ByteView record, std::size_t consumed) {
    if (record.size() > kRecordBytesMax || record.size() < kRecordOverhead) {
        return refuse(Refusal::kRecordSize);
    }
    const ByteView ciphertext = record.subspan(kLengthSize);
    std::uint8_t tag = 0;
    if (crypto_secretstream_xchacha20poly1305_pull(&state_, plaintext_.data(), nullptr, &tag,
                                                   ciphertext.data(), ciphertext.size(),
                                                   record.data(), kLengthSize) != 0) {
        if (VIDAI_MUTANT("bad-record-skipped")) return Opened{consumed, {}};
        return refuse(Refusal::kRecordNotAuthentic);
    }
    const std::size_t size = ciphertext.size() - kTagSize;
    // An empty record would cost the reader work and give it nothing; only the end is empty.
    const bool final = tag == kTagFinal;
    if ((size == 0) != final || (!final && tag != kTagMessage && tag != kTagRekey)) {
        return refuse(Refusal::kRecordKind);
    }
    finished_ = final;
    return Opened{consumed, ByteView(plaintext_).first(size)};
}

Checked<void> Opener::end() const {
    if (refused_) return std::unexpected(why_);
    if (!finished_) return std::unexpected(Refusal::kTruncated);
    return {};
}

}  // namespace vidai::mesh::seal
