// SPDX-License-Identifier: Apache-2.0
// RegisterSet: all replicated registers of a node, and how two nodes find out cheaply what one has
// that the other lacks: 256 bucket sums (a Merkle tree of depth one; Merkle 1987), then the
// registers of the buckets that differ, page by page. Holds verified registers only. Pure; mesh
// thread.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mesh/state/register.h"

namespace vidai::mesh::state {

inline constexpr std::size_t kRegistersMax = 131'072;
// Signed by one origin: it can write all keys that there may be.
inline constexpr std::size_t kRegistersPerOriginMax = 104'000;
// The last places are for origins of which few are held: nodes that have written few keys, and
// operators, whom nobody with many may keep from a word.
inline constexpr std::size_t kRegistersReserved = 16'384;
inline constexpr std::size_t kRegistersFew = 1'024;
// Of values and chains: ten times what so many keys take, and half of what a state file may be.
inline constexpr std::size_t kRegisterBytesMax = std::size_t{256} << 20;
inline constexpr std::size_t kRegisterBytesPerOriginMax = std::size_t{192} << 20;
inline constexpr std::size_t kBuckets = 256;

struct RegisterName {
    RegisterKind kind = RegisterKind::kKey;
    std::string id;
    friend auto operator<=>(const RegisterName&, const RegisterName&) = default;
};

// Each bucket is the wrapping sum of the first eight bytes of its registers' signatures.
struct RegisterDigest {
    std::array<std::uint64_t, kBuckets> buckets{};
    std::uint64_t root() const;  // one number for all: equal when the registers are
    friend bool operator==(const RegisterDigest&, const RegisterDigest&) = default;
};

// Where a page ended; the next goes on behind it.
struct Cursor {
    std::size_t bucket = 0;
    std::optional<RegisterName> after;  // empty: from the start of the bucket
    friend auto operator<=>(const Cursor&, const Cursor&) = default;
};

// What a register weighs on a page.
inline std::size_t page_bytes(const Register& held) {
    return held.statement.value.size() + 256;
}
struct Page {
    std::vector<const Register*> registers;  // valid until the set changes
    std::optional<Cursor> next;              // empty: that was all
};

class RegisterSet {
  public:
    enum class Merge : std::uint8_t { kApplied, kKnown, kFull };

    // kFull: it is new or greater than the one before, and there is no room for it: a bound above,
    // of all or of its origin's.
    Merge merge(Register candidate);
    const Register* find(const RegisterName& name) const;
    std::size_t size() const { return all_.count; }
    std::size_t size_of(const NodeId& origin) const;
    std::size_t bytes() const { return all_.bytes; }
    // For what has outlived its purpose everywhere: it comes back if a peer still holds it.
    void erase(const RegisterName& name);

    const RegisterDigest& digest() const { return digest_; }
    // What `theirs` may lack, from `from` on: registers of at most about `bytes_max` bytes, and at
    // least one if any is left; none of a kind after `newest`, for who does not know it. The first
    // page begins with the statements of roots, by which the rest is believed.
    Page page(const RegisterDigest& theirs, const Cursor& from, std::size_t bytes_max,
              RegisterKind newest = RegisterKind{kRegisterKindMax}) const;

    template <class Visit>
    void for_each(Visit visit) const {
        for (const auto& bucket : buckets_) {
            for (const auto& [name, held] : bucket) visit(held);
        }
    }

  private:
    struct Share {
        std::size_t count = 0, bytes = 0;
    };
    std::vector<const Register*> roots_for(const RegisterDigest& theirs,
                                           std::size_t bytes_max) const;
    bool has_room(const Register& candidate, const Register* before) const;
    void count(const Register& held);
    void uncount(const Register& held);
    using Bucket = std::map<RegisterName, Register>;
    std::array<Bucket, kBuckets> buckets_;
    RegisterDigest digest_;
    Share all_;
    std::map<NodeId, Share> by_origin_;
};

}  // namespace vidai::mesh::state
