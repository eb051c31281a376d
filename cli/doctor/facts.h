// SPDX-License-Identifier: Apache-2.0
// What `vidaictl mesh doctor` found out before it judges: the report of every node that could be
// asked, and why the others could not. Values; any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "mesh/node_report.h"
#include "schema/vocabulary/error.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"

namespace vidai::cli::doctor {

struct NodeFacts {
    NodeId id;                                 // who should answer at
    std::string address;                       // this address
    std::optional<mesh::NodeReport> report;    // the last one
    std::optional<Error> unreachable;          // exactly when there is no report
    std::chrono::milliseconds round_trip{};    // of asking for it
    std::chrono::milliseconds clock_offset{};  // its clock minus vidaictl's, +- round_trip / 2
    bool digest_moving = false;                // another digest than when it was asked before
};

struct Facts {
    NodeId asked;                  // the node that vidaictl was pointed at
    std::vector<NodeFacts> nodes;  // ordered by id; all that are known and have not left
    WallTime now;                  // by vidaictl's clock
    bool local_only = false;       // over the operator socket: no other node could be asked
};

}  // namespace vidai::cli::doctor
