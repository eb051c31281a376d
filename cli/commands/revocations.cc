// SPDX-License-Identifier: Apache-2.0
// `mesh revocations`: what operators have voided or removed for good, and every node goes by.
#include <string>
#include <utility>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/member_text.h"
#include "cli/print/text.h"

namespace vidai::cli::commands {
namespace {

using mesh::OperatorStatement;
using print::Answer;
using print::Cell;
using print::Tone;
using print::Value;

const char* what_of(const OperatorStatement& said) {
    return said.revoked ? "revoked" : "forgotten";
}

Value value_of(const OperatorStatement& said) {
    return {{"what", what_of(said)},
            {"subject", said.subject},
            {"key", said.revoked ? Value(said.key) : Value()},
            {"key_fingerprint", said.revoked ? Value(said.fingerprint) : Value()},
            {"generation", said.revoked ? Value() : Value(said.generation.value)},
            {"serial", said.revoked ? Value() : Value(std::to_string(said.serial))},
            {"by", said.by.str()},
            {"at", time_value(said.at)},
            {"until", time_value(said.until)},
            {"reason", said.reason},
            {"proven", said.proven ? Value(*said.proven) : Value()}};
}

// Nobody should go by one that no operator has signed; no honest node holds one.
Cell by_cell(const OperatorStatement& said) {
    if (said.proven.value_or(true)) return {said.by.str()};
    return {said.by.str() + " (not proven)", Tone::kBad};
}

Result<Answer> run_revocations(Call& call) {
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto all = (*mesh)->statements();
    if (!all) return fail(all.error());
    Answer answer;
    answer.table.columns = {{"WHAT"},
                            {"SUBJECT"},
                            {"KEY FINGERPRINT"},
                            {"BY"},
                            {"AT"},
                            {"UNTIL"},
                            {"REASON"},
                            {"KEY", true},
                            {"GENERATION", true, true},
                            {"SERIAL", true, true}};
    Value::List items;
    for (const OperatorStatement& said : *all) {
        items.push_back(value_of(said));
        answer.table.rows.push_back({{what_of(said)},
                                     {said.subject},
                                     {said.fingerprint},
                                     by_cell(said),
                                     {print::time_text(said.at)},
                                     {print::time_text(said.until)},
                                     {said.reason},
                                     {said.key},
                                     {said.revoked ? "" : std::to_string(said.generation.value)},
                                     {said.revoked ? "" : std::to_string(said.serial)}});
    }
    answer.data = {{"items", std::move(items)}};
    return answer;
}

}  // namespace

std::vector<Command> revocations_commands() {
    return {
        {"mesh",
         "revocations",
         "List what is revoked or forgotten, by which operator, when, until when it is kept, "
         "and why, the oldest first. Each one's signature is verified here. -o wide shows whole "
         "keys, and up to which generation and serial a member is forgotten.",
         {},
         {},
         run_revocations}};
}

}  // namespace vidai::cli::commands
