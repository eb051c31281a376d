// SPDX-License-Identifier: Apache-2.0
#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/member_text.h"
#include "cli/commands/watch.h"
#include "cli/print/text.h"

namespace vidai::cli::commands {
namespace {

using print::Answer;

Result<Answer> ask_node(Call& call, Operator& mesh) {
    const Result<NodeId> node = call.node_argument(0);
    if (!node) return fail(node.error());
    const auto found = mesh.node_show(*node);
    if (!found) return fail(found.error());
    const mesh::Member& member = found->member;
    const WallTime until = found->certificate_until;
    Answer answer;
    answer.data = member_value(member);
    answer.data.set("key", found->key);
    answer.data.set("key_fingerprint", found->key_fingerprint);
    answer.data.set("certificate_until", time_value(until));
    answer.data.set("issuer", found->issuer);
    answer.data.set("issuer_key_fingerprint", found->issuer_fingerprint);
    answer.data.set("root", found->root);
    const std::string issuer_key =
        found->issuer_fingerprint.empty() ? "" : "  (key " + found->issuer_fingerprint + ")";
    const std::string age = print::age_text(call.world().clock(), member.since);
    answer.fields = {
        {"Node", {member.id.str() + (member.self ? "  (the node that answered)" : "")}},
        {"Status", status_cell(member)},
        {"Since", {age == "-" ? "" : age + " (" + print::time_text(member.since) + ")"}},
        {"Address", {member.address}},
        {"Connected",
         {member.self            ? ""
          : is_connected(member) ? "yes"
                                 : "no"}},
        {"Round trip", {print::rtt_text(rtt_of(member))}},
        {"Generation", {std::to_string(member.generation.value)}},
        {"Incarnation", {std::to_string(member.incarnation.value)}},
        {"Program", {member.version}},
        {"Wire versions", {wire_text(member)}},
        {"Capabilities", {capabilities_text(member.capabilities)}},
        {"Key", {found->key}},
        {"Key fingerprint", {found->key_fingerprint}},
        {"Certified by", {found->issuer + issuer_key}},
        {"Under the root", {found->root}},
        {"Certified until", {until == WallTime{} ? "" : print::time_text(until)}}};
    return answer;
}

Result<Answer> run_show(Call& call) {
    if (const auto node = call.node_argument(0); !node) return fail(node.error());
    return once_or_watched(call, ask_node);
}

}  // namespace

std::vector<Command> node_commands() {
    return {{"node", "show", "Show one node of the mesh.", {"NODE"}, {kWatch}, run_show}};
}

}  // namespace vidai::cli::commands
