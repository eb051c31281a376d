// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdio>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/member_text.h"
#include "cli/commands/watch.h"
#include "cli/doctor/diagnose.h"
#include "cli/doctor/gather.h"
#include "cli/exit_code.h"
#include "cli/print/text.h"

namespace vidai::cli::commands {
namespace {

using doctor::Facts;
using doctor::Finding;
using doctor::NodeFacts;
using doctor::Severity;
using print::Answer;
using print::Cell;
using print::Tone;
using print::Value;

Cell severity_cell(Severity severity) {
    constexpr Tone kTones[] = {Tone::kGood, Tone::kPlain, Tone::kWarn, Tone::kBad};
    return {std::string(doctor::severity_name(severity)),
            kTones[static_cast<std::size_t>(severity)]};
}

Value span_value(const std::optional<std::chrono::milliseconds>& span) {
    return span ? Value(span->count()) : Value();
}
std::string span_text(const std::optional<std::chrono::milliseconds>& span) {
    return span ? std::to_string(span->count()) + "ms" : "";
}

std::string digest_text(std::uint64_t digest) {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(digest));
    return text.data();
}

Value link_value(const mesh::PeerReport& peer) {
    Value value = member_value(peer.member);
    value.set("certificate_until", time_value(peer.certificate_until));
    value.set("synced_ago_ms", span_value(peer.synced_ago));
    value.set("digest_match", peer.digest_match ? Value(*peer.digest_match) : Value());
    value.set("counters_heard_ago_ms", span_value(peer.counters_heard_ago));
    value.set("counters_owed_ms", peer.counters_owed.count());
    value.set("clock_offset_ms", span_value(peer.clock_offset));
    return value;
}

Value node_value(const NodeFacts& node) {
    Value value = {{"id", node.id.str()}, {"address", node.address}};
    value.set("error", node.unreachable ? Value(node.unreachable->message) : Value());
    if (!node.report) return value;
    const mesh::NodeReport& report = *node.report;
    value.set("version", report.version);
    value.set("wire_min", report.wire_min);
    value.set("wire_max", report.wire_max);
    value.set("capabilities", capabilities_value(report.self.capabilities));
    value.set("generation", report.self.generation.value);
    value.set("round_trip_ms", node.round_trip.count());
    value.set("clock_offset_ms", node.clock_offset.count());
    value.set("certificate_until", time_value(report.certificate_until));
    value.set("health", report.health);
    value.set("not_ready", report.not_ready);
    value.set("alone", report.alone);
    value.set("unsaved", report.unsaved);
    value.set("set_back_to", report.set_back ? Value(report.set_back->known.value) : Value());
    value.set("key_fingerprint", report.key);
    value.set("registers", report.registers);
    value.set("digest", digest_text(report.digest));
    Value::List refusals;
    for (const mesh::RefusalReport& refusal : report.refusals) {
        refusals.push_back(
            {{"reason", refusal.reason}, {"count", refusal.count}, {"last", refusal.last}});
    }
    value.set("refusals", std::move(refusals));
    Value::List links;
    for (const mesh::PeerReport& peer : report.peers) links.push_back(link_value(peer));
    value.set("peers", std::move(links));
    return value;
}

print::Table findings_table(const std::vector<Finding>& findings) {
    print::Table table;
    table.columns = {{"RESULT"}, {"CHECK"}, {"WHERE"}, {"WHAT"}};
    for (const Finding& finding : findings) {
        table.rows.push_back({severity_cell(finding.severity),
                              {std::string(finding.check)},
                              {finding.where},
                              {finding.what}});
        if (!finding.todo.empty())
            table.rows.push_back({{" "}, {" "}, {" "}, {"  " + finding.todo}});
    }
    return table;
}

print::Table links_table(const Facts& facts) {
    print::Table table;
    table.columns = {{"NODE"},
                     {"PEER"},
                     {"STATUS"},
                     {"LINK"},
                     {"RTT", false, true},
                     {"SYNCED", false, true},
                     {"AT SYNC"},
                     {"HEARD", false, true},
                     {"OWED", false, true},
                     {"CLOCK", false, true},
                     {"WIRE"},
                     {"CERTIFICATE UNTIL"}};
    for (const NodeFacts& node : facts.nodes) {
        if (!node.report) continue;
        for (const mesh::PeerReport& peer : node.report->peers) {
            const mesh::Member& member = peer.member;
            const bool living = member.status != mesh::MemberStatus::kDead &&
                                member.status != mesh::MemberStatus::kLeft;
            Cell link{is_connected(member) ? "up" : "down"};
            if (living) link.tone = is_connected(member) ? Tone::kGood : Tone::kBad;
            const bool dated = peer.certificate_until != WallTime{};
            table.rows.push_back(
                {{node.id.str()},
                 {member.id.str()},
                 status_cell(member.status),
                 std::move(link),
                 {print::rtt_text(rtt_of(member))},
                 {span_text(peer.synced_ago)},
                 {peer.digest_match ? (*peer.digest_match ? "was equal" : "caught up") : ""},
                 {span_text(peer.counters_heard_ago)},
                 {is_connected(member) ? span_text(peer.counters_owed) : ""},
                 {span_text(peer.clock_offset)},
                 {wire_text(member)},
                 {dated ? print::time_text(peer.certificate_until) : ""}});
        }
    }
    return table;
}

Result<Answer> examine(Call& call, Operator& mesh) {
    const auto facts = doctor::gather(call.world(), call.target(), mesh, call.settings().timeout);
    if (!facts) return fail(facts.error());
    const std::vector<Finding> findings = doctor::diagnose(*facts);
    const Severity worst = doctor::worst(findings);
    Answer answer;
    Value::List items, nodes;
    for (const Finding& finding : findings) {
        items.push_back({{"severity", doctor::severity_name(finding.severity)},
                         {"check", finding.check},
                         {"where", finding.where},
                         {"what", finding.what},
                         {"todo", finding.todo}});
    }
    for (const NodeFacts& node : facts->nodes) nodes.push_back(node_value(node));
    answer.data = {{"asked", facts->asked.str()},
                   {"worst", doctor::severity_name(worst)},
                   {"findings", std::move(items)},
                   {"nodes", std::move(nodes)}};
    answer.table = findings_table(findings);
    answer.detail = links_table(*facts);
    if (worst >= Severity::kWarning) answer.status = kExitFindings;
    return answer;
}

Result<Answer> run_doctor(Call& call) {
    return once_or_watched(call, examine);
}

}  // namespace

std::vector<Command> doctor_commands() {
    return {{"mesh",
             "doctor",
             "Prove that the mesh synchronises: ask every node, compare what they hold and how "
             "they are connected, and say what is wrong and what to do. -o wide shows each link. "
             "Changes nothing.",
             {},
             {kWatch},
             run_doctor}};
}

}  // namespace vidai::cli::commands
