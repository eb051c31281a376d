// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/register_round.h"

#include <string>

namespace vidai::mesh::state {

namespace {

std::unexpected<Error> no_answer(const char* what) {
    return fail(ErrorCode::kProtocol, std::string("an answer to a question for registers ") + what,
                "answer");
}

}  // namespace

Result<bool> RegisterRound::take(const std::vector<Register>& told, std::optional<Cursor> next,
                                 std::size_t bytes_max) {
    std::size_t bytes = 0;
    for (const Register& each : told) bytes += page_bytes(each);
    if (told.size() > 1 && bytes > bytes_max) return no_answer("has more than was asked for");
    registers_ += told.size();
    bytes_ += bytes;
    // Each name comes once, so no round has more than a set.
    if (registers_ > kRegistersMax || bytes_ > kRegisterBytesMax) return no_answer("has no end");
    if (!next || told.empty()) return false;
    if (*next <= from_) return no_answer("goes on where it has been already");
    from_ = std::move(*next);
    return true;
}

}  // namespace vidai::mesh::state
