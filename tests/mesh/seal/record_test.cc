// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/record.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

constexpr MonoTime kStart{};

DirectionKeys keys_from(std::uint64_t seed) {
    SeededRandom random(seed);
    DirectionKeys keys;
    random.fill(keys.key);
    random.fill(keys.header);
    return keys;
}

Bytes some_bytes(std::size_t size, std::uint64_t seed = 5) {
    SeededRandom random(seed);
    Bytes out(size);
    random.fill(out);
    return out;
}

// Feeds `wire` in pieces of at most `piece` bytes; what came out, or why it stopped.
Checked<Bytes> open_all(Opener& opener, ByteView wire, std::size_t piece) {
    Bytes out;
    while (!wire.empty()) {
        ByteView part = wire.first(std::min(piece, wire.size()));
        wire = wire.subspan(part.size());
        while (!part.empty()) {
            const auto opened = opener.feed(part);
            if (!opened) return std::unexpected(opened.error());
            out.insert(out.end(), opened->plaintext.begin(), opened->plaintext.end());
            part = part.subspan(opened->consumed);
        }
    }
    return out;
}

TEST(Record, CarriesBytesThroughAnySplit) {
    const Bytes plain = some_bytes(3 * kRecordPlaintextMax + 17);
    Bytes wire;
    Sealer sealer(keys_from(1), kStart);
    sealer.seal(plain, kStart, wire);
    sealer.finish(wire);
    for (const std::size_t piece : {1UL, 2UL, 3UL, 1000UL, 16403UL, 16404UL, 100000UL}) {
        Opener opener(keys_from(1));
        EXPECT_EQ(open_all(opener, wire, piece), plain) << "pieces of " << piece;
        EXPECT_TRUE(opener.finished());
        EXPECT_TRUE(opener.end());
    }
}

// Each element one record, the last one final.
std::vector<Bytes> three_records(const DirectionKeys& keys) {
    Sealer sealer(keys, kStart);
    std::vector<Bytes> out(3);
    sealer.seal(some_bytes(40, 1), kStart, out[0]);
    sealer.seal(some_bytes(50, 2), kStart, out[1]);
    sealer.finish(out[2]);
    return out;
}

Bytes joined(const std::vector<Bytes>& parts) {
    Bytes out;
    for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
    return out;
}

std::optional<Refusal> refusal_of(const Bytes& wire, const DirectionKeys& keys = keys_from(1)) {
    Opener opener(keys);
    const auto opened = open_all(opener, wire, 7);
    if (!opened) return opened.error();
    const auto end = opener.end();
    return end ? std::nullopt : std::optional(end.error());
}

TEST(Record, IsAsLargeAsItsBoundAndNoLarger) {
    Bytes wire;
    Sealer sealer(keys_from(1), kStart);
    sealer.seal(some_bytes(kRecordPlaintextMax), kStart, wire);
    EXPECT_EQ(wire.size(), kRecordBytesMax);
    sealer.seal(some_bytes(kRecordPlaintextMax + 1), kStart, wire);
    EXPECT_EQ(wire.size(), 2 * kRecordBytesMax + kRecordOverhead + 1);
}

TEST(Record, OfNothingIsNothing) {
    Bytes wire;
    Sealer sealer(keys_from(1), kStart);
    sealer.seal({}, kStart, wire);
    EXPECT_TRUE(wire.empty());
    sealer.finish(wire);
    sealer.finish(wire);
    EXPECT_EQ(wire.size(), kRecordOverhead) << "one final record, however often it is asked for";
}

TEST(Record, ChangedInAnyBitIsRefused) {
    const Bytes good = joined(three_records(keys_from(1)));
    ASSERT_FALSE(refusal_of(good));
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            Bytes wire = good;
            wire[at] ^= static_cast<std::uint8_t>(1 << bit);
            ASSERT_TRUE(refusal_of(wire)) << "byte " << at << " bit " << bit;
        }
    }
}

TEST(Record, CutAnywhereIsATruncationAndNotAnEnd) {
    const Bytes good = joined(three_records(keys_from(1)));
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_EQ(refusal_of(Bytes(good.begin(), good.begin() + static_cast<long>(size))),
                  Refusal::kTruncated);
    }
}

TEST(Record, OutOfOrderRepeatedOrLeftOutIsRefused) {
    const auto r = three_records(keys_from(1));
    EXPECT_EQ(refusal_of(joined({r[1], r[0], r[2]})), Refusal::kRecordNotAuthentic);
    EXPECT_EQ(refusal_of(joined({r[0], r[0], r[1], r[2]})), Refusal::kRecordNotAuthentic);
    EXPECT_EQ(refusal_of(joined({r[1], r[2]})), Refusal::kRecordNotAuthentic);
    EXPECT_EQ(refusal_of(joined({r[0], r[2]})), Refusal::kRecordNotAuthentic);
    EXPECT_EQ(refusal_of(r[2]), Refusal::kRecordNotAuthentic);
}

TEST(Record, OfAnotherSessionOrDirectionIsRefused) {
    EXPECT_EQ(refusal_of(joined(three_records(keys_from(2)))), Refusal::kRecordNotAuthentic);
    DirectionKeys other_header = keys_from(1);
    other_header.header[23] ^= 1;
    EXPECT_EQ(refusal_of(joined(three_records(other_header))), Refusal::kRecordNotAuthentic);
}

TEST(Record, AfterTheFinalOneIsRefused) {
    Bytes wire = joined(three_records(keys_from(1)));
    wire.push_back(0);
    EXPECT_EQ(refusal_of(wire), Refusal::kRecordAfterFinal);
}

TEST(Record, WithAnImpossibleLengthIsRefusedBeforeItsBytesAreAwaited) {
    constexpr auto kTooLong = kRecordBytesMax - 2 + 1;
    EXPECT_EQ(refusal_of({kTooLong >> 8, kTooLong & 0xff}), Refusal::kRecordSize);
    EXPECT_EQ(refusal_of({0xff, 0xff}), Refusal::kRecordSize);
    EXPECT_EQ(refusal_of({0, 16}), Refusal::kRecordSize);
    EXPECT_EQ(refusal_of({0, 0}), Refusal::kRecordSize);
}

TEST(Record, RefusalIsFinal) {
    auto r = three_records(keys_from(1));
    Opener opener(keys_from(1));
    Bytes bad = r[0];
    bad.back() ^= 1;
    ASSERT_FALSE(opener.feed(bad));
    const auto again = opener.feed(r[0]);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error(), Refusal::kRecordNotAuthentic);
    EXPECT_EQ(opener.end().error(), Refusal::kRecordNotAuthentic);
}

// libsodium's own stream, to make records that our Sealer never makes and to read their tags.
struct RawStream {
    explicit RawStream(const DirectionKeys& keys) {
        crypto_secretstream_xchacha20poly1305_init_pull(&state, keys.header.data(),
                                                        keys.key.data());
    }
    Bytes push(ByteView plain, std::uint8_t tag) {
        Bytes out(plain.size() + kRecordOverhead);
        out[0] = static_cast<std::uint8_t>((out.size() - 2) >> 8);
        out[1] = static_cast<std::uint8_t>(out.size() - 2);
        crypto_secretstream_xchacha20poly1305_push(&state, out.data() + 2, nullptr, plain.data(),
                                                   plain.size(), out.data(), 2, tag);
        return out;
    }
    int tag_of(const Bytes& record) {
        Bytes plain(record.size());
        std::uint8_t tag = 0xff;
        const int bad = crypto_secretstream_xchacha20poly1305_pull(
            &state, plain.data(), nullptr, &tag, record.data() + 2, record.size() - 2,
            record.data(), 2);
        return bad ? -1 : tag;
    }
    crypto_secretstream_xchacha20poly1305_state state;
};

TEST(Record, OfAKindThatTheProtocolLacksIsRefused) {
    const Bytes some = some_bytes(9);
    EXPECT_EQ(refusal_of(RawStream(keys_from(1)).push({}, 0)), Refusal::kRecordKind) << "empty";
    EXPECT_EQ(refusal_of(RawStream(keys_from(1)).push({}, 2)), Refusal::kRecordKind) << "rekey";
    EXPECT_EQ(refusal_of(RawStream(keys_from(1)).push(some, 1)), Refusal::kRecordKind) << "push";
    EXPECT_EQ(refusal_of(RawStream(keys_from(1)).push(some, 3)), Refusal::kRecordKind)
        << "final with content";
}

TEST(Record, RekeysOnceAnHourAndBothSidesFollow) {
    Sealer sealer(keys_from(1), kStart);
    Opener opener(keys_from(1));
    RawStream raw(keys_from(1));
    int rekeys = 0;
    for (int minute = 0; minute < 180; minute += 10) {
        Bytes wire;
        sealer.seal(some_bytes(10), kStart + std::chrono::minutes{minute}, wire);
        ASSERT_TRUE(open_all(opener, wire, 100));
        rekeys += raw.tag_of(wire) == crypto_secretstream_xchacha20poly1305_TAG_REKEY;
    }
    EXPECT_EQ(rekeys, 2);
}

TEST(Record, RekeysAfterItsCountAndBothSidesFollow) {
    Sealer sealer(keys_from(1), kStart);
    Opener opener(keys_from(1));
    RawStream raw(keys_from(1));
    const Bytes one = some_bytes(1);
    Bytes wire;
    std::uint64_t rekeyed_at = 0;
    for (std::uint64_t i = 1; i <= kRekeyRecords + 2; ++i) {
        wire.clear();
        sealer.seal(one, kStart, wire);
        ASSERT_TRUE(opener.feed(wire));
        if (raw.tag_of(wire) == crypto_secretstream_xchacha20poly1305_TAG_REKEY) {
            ASSERT_EQ(rekeyed_at, 0U);
            rekeyed_at = i;
        }
    }
    EXPECT_EQ(rekeyed_at, kRekeyRecords);
}

TEST(Record, ReusesTheBufferThatItIsGiven) {
    Sealer sealer(keys_from(1), kStart);
    const Bytes plain = some_bytes(1000);
    Bytes wire;
    sealer.seal(plain, kStart, wire);
    const auto* const before = wire.data();
    for (int i = 0; i < 100; ++i) {
        wire.clear();
        sealer.seal(plain, kStart, wire);
    }
    EXPECT_EQ(wire.data(), before);
}

}  // namespace
}  // namespace vidai::mesh::seal
