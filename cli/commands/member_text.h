// SPDX-License-Identifier: Apache-2.0
// How a member of the mesh is shown, which two nouns need: `mesh members` and `node show`. Pure;
// any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "cli/print/answer.h"
#include "mesh/view.h"
#include "schema/vocabulary/time.h"

namespace vidai::cli::commands {

print::Value member_value(const mesh::Member& member);
print::Cell status_cell(mesh::MemberStatus status);
print::Cell status_cell(const mesh::Member& member);  // says so of one that is aged
// One that has left or is dead is no part of the mesh, whatever its process still holds open.
bool is_connected(const mesh::Member& member);
std::optional<std::chrono::microseconds> rtt_of(const mesh::Member& member);
std::string wire_text(const mesh::Member& member);
std::string capabilities_text(std::uint64_t capabilities);  // names, with commas
print::Value capabilities_value(std::uint64_t capabilities);
print::Value time_value(WallTime time);  // null for the epoch: unknown

}  // namespace vidai::cli::commands
