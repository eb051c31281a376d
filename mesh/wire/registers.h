// SPDX-License-Identifier: Apache-2.0
// Pages of registers and the questions for them, to and from the wire. Signatures are checked by
// state::RegisterVerifier, not here. Any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "mesh/state/register_set.h"
#include "schema/rpc/values.capnp.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::wire {

inline constexpr std::size_t kPageBytes = 16 * 1024;  // what a sender aims at, at most
inline constexpr std::size_t kRegistersPerPage = 4'096;

struct RegisterPage {
    std::vector<state::Register> registers;
    std::optional<state::Cursor> next;
    std::optional<std::uint64_t> digest;  // of all that the sender holds
    std::optional<WallTime> clock;        // the sender's
};
struct RegisterPull {
    state::RegisterDigest digest;  // of the side that asks
    state::Cursor from;
    std::size_t bytes_max = kPageBytes;  // how much the side that asks can take now
};

// How much an answer may have: an older node does not know how much was asked for.
inline std::size_t page_bytes_max(const RegisterPull& pull) {
    return std::max(pull.bytes_max, kPageBytes);
}

void write(const state::Page& page, proto::RegisterPage::Builder out);
// With what an answer to a pull says besides.
void write(const state::Page& page, std::uint64_t digest, WallTime clock,
           proto::RegisterPage::Builder out);
void write(const RegisterPull& pull, proto::RegisterPull::Builder out);
// kProtocol.
Result<RegisterPage> read(proto::RegisterPage::Reader in);
Result<RegisterPull> read(proto::RegisterPull::Reader in);

}  // namespace vidai::mesh::wire
