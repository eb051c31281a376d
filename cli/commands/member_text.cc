// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/member_text.h"

#include "cli/print/text.h"

namespace vidai::cli::commands {

using print::Cell;
using print::Tone;
using print::Value;

// The words are what programs match on in -o json, and so are spelled here, with the output.
Cell status_cell(mesh::MemberStatus status) {
    switch (status) {
        case mesh::MemberStatus::kJoining:
            return {"joining", Tone::kWarn};
        case mesh::MemberStatus::kAlive:
            return {"alive", Tone::kGood};
        case mesh::MemberStatus::kSuspect:
            return {"suspect", Tone::kWarn};
        case mesh::MemberStatus::kDead:
            return {"dead", Tone::kBad};
        case mesh::MemberStatus::kLeft:
            return {"left", Tone::kPlain};
    }
    return {"unknown", Tone::kWarn};
}

Value time_value(WallTime time) {
    return time == WallTime{} ? Value() : Value(print::time_text(time));
}

Value member_value(const mesh::Member& member) {
    return {{"id", member.id.str()},
            {"status", status_cell(member.status).text},
            {"address", member.address},
            {"generation", member.generation.value},
            {"incarnation", member.incarnation.value},
            {"self", member.self},
            {"connected", member.connected},
            {"rtt_us", member.rtt ? Value(member.rtt->count()) : Value()},
            {"since", time_value(member.since)}};
}

}  // namespace vidai::cli::commands
