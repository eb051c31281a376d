// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/member_text.h"

#include "cli/print/text.h"
#include "mesh/capabilities.h"

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

Cell status_cell(const mesh::Member& member) {
    Cell cell = status_cell(member.status);
    if (member.aged) cell.text += " (aged)";
    return cell;
}

namespace {

bool is_gone(const mesh::Member& member) {
    return member.status == mesh::MemberStatus::kLeft || member.status == mesh::MemberStatus::kDead;
}

}  // namespace

bool is_connected(const mesh::Member& member) {
    return member.connected && !is_gone(member);
}

std::optional<std::chrono::microseconds> rtt_of(const mesh::Member& member) {
    return is_gone(member) ? std::nullopt : member.rtt;
}

std::string wire_text(const mesh::Member& member) {
    if (member.wire_max == 0) return "";  // asked of a program that does not say
    return std::to_string(member.wire_min) + "-" + std::to_string(member.wire_max);
}

std::string capabilities_text(std::uint64_t capabilities) {
    std::string text;
    for (const std::string& name : mesh::capability_names(capabilities)) {
        text += (text.empty() ? "" : ",") + name;
    }
    return text;
}

Value capabilities_value(std::uint64_t capabilities) {
    Value::List names;
    for (std::string& name : mesh::capability_names(capabilities)) names.push_back(std::move(name));
    return Value(std::move(names));
}

Value time_value(WallTime time) {
    return time == WallTime{} ? Value() : Value(print::time_text(time));
}

Value member_value(const mesh::Member& member) {
    const auto rtt = rtt_of(member);
    return {{"id", member.id.str()},
            {"status", status_cell(member.status).text},
            {"address", member.address},
            {"generation", member.generation.value},
            {"incarnation", member.incarnation.value},
            {"self", member.self},
            {"connected", is_connected(member)},
            {"rtt_us", rtt ? Value(rtt->count()) : Value()},
            {"since", time_value(member.since)},
            {"aged", member.aged},
            {"version", member.version},
            {"wire_min", member.wire_min},
            {"wire_max", member.wire_max},
            {"capabilities", capabilities_value(member.capabilities)}};
}

}  // namespace vidai::cli::commands
