// SPDX-License-Identifier: Apache-2.0
// Who may take over logs of which each one's heir has ended as well. A sealed log passes to its
// successor, and a closed one to the log that its Close names; where that leads in a circle, nobody
// is left who may begin. Then the next log of one of the circle's volumes is the circle's heir: one
// log, that everybody finds alike from what was sealed, and that nobody else is the heir of. Where
// that log has ended too and leads into the circle again, it is part of a larger one, with an heir
// of its own. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "mesh/budget/entry.h"

namespace vidai::mesh::budget {

struct Circle {
    std::set<std::size_t> logs;  // places in what was given
    LogId heir;                  // none of them, nor of what they represent
};

// Whether everybody reads the same of it, for ever: enough custodians have its Close, or each has
// sealed it.
bool is_final(const EndedLog& log);

// Of a log that all its custodians have sealed, what is committed: so much as makes an entry so
// have it. Behind that one of three may have more, a Close or an Adopt that never was committed.
Seq committed_head(const LogHeader& log, std::span<const SealedHead> seals);

// All circles of these logs, smaller ones that a larger one has taken in among them. Each log is
// final, and none represents another. Quadratic.
std::vector<Circle> find_circles(std::span<const EndedLog> logs);

// The heir of a circle that consists of just these; nothing: they are none.
std::optional<LogId> heir_of_circle(std::span<const EndedLog> logs);

}  // namespace vidai::mesh::budget
