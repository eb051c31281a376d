// SPDX-License-Identifier: Apache-2.0
// `mesh members`, once or, with --watch, whenever something changes.
#include <algorithm>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/member_text.h"
#include "cli/commands/watch.h"
#include "cli/print/text.h"

namespace vidai::cli::commands {
namespace {

using print::Answer;
using print::Value;

constexpr std::chrono::milliseconds kLook{250};

std::string yes(bool is) {
    return is ? "yes" : "no";
}

Answer answer_of(const std::vector<mesh::Member>& members, WallTime now) {
    Answer answer;
    answer.table.columns = {{"NODE"},
                            {"STATUS"},
                            {"ADDRESS"},
                            {"RTT", false, true},
                            {"SINCE", false, true},
                            {"GENERATION", true, true},
                            {"INCARNATION", true, true},
                            {"VERSION", true},
                            {"WIRE", true},
                            {"CAPABILITIES", true},
                            {"CONNECTED", true},
                            {"SELF", true}};
    Value::List items;
    for (const mesh::Member& member : members) {
        items.push_back(member_value(member));
        answer.table.rows.push_back({{member.id.str()},
                                     status_cell(member),
                                     {member.address},
                                     {print::rtt_text(rtt_of(member))},
                                     {print::age_text(now, member.since)},
                                     {std::to_string(member.generation.value)},
                                     {std::to_string(member.incarnation.value)},
                                     {member.version},
                                     {wire_text(member)},
                                     {capabilities_text(member.capabilities)},
                                     {member.self ? "" : yes(is_connected(member))},
                                     {yes(member.self)}});
    }
    answer.data = {{"items", std::move(items)}};
    return answer;
}

// Round trips and ages change all the time: that is no news.
bool same(const mesh::Member& a, const mesh::Member& b) {
    return a.status == b.status && a.address == b.address && a.generation == b.generation &&
           a.incarnation == b.incarnation && a.connected == b.connected && a.aged == b.aged &&
           a.version == b.version && a.capabilities == b.capabilities;
}

std::vector<mesh::Member> changed(const std::vector<mesh::Member>& before,
                                  const std::vector<mesh::Member>& now) {
    std::vector<mesh::Member> news;
    for (const mesh::Member& member : now) {
        const auto found = std::ranges::find(before, member.id, &mesh::Member::id);
        if (found == before.end() || !same(*found, member)) news.push_back(member);
    }
    return news;
}

// All members, then each that changes.
Result<Answer> watch_members(Call& call, Operator& mesh, std::chrono::milliseconds pause) {
    std::vector<mesh::Member> known;
    return watch(call, pause, Pages::kBelow, [&]() -> Result<std::optional<Answer>> {
        const auto members = mesh.members();
        if (!members) return fail(members.error());
        const bool first = known.empty();
        const std::vector<mesh::Member> news = changed(known, *members);
        known = *members;
        if (news.empty() && !first) return std::optional<Answer>();
        return std::optional(answer_of(news, call.world().clock()));
    });
}

Result<Answer> run_members(Call& call) {
    const auto pause = watch_pause(call, kLook);
    if (!pause) return fail(pause.error());
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    if (*pause) return watch_members(call, **mesh, **pause);
    const auto members = (*mesh)->members();
    if (!members) return fail(members.error());
    return answer_of(*members, call.world().now);
}

}  // namespace

std::vector<Command> members_commands() {
    return {{"mesh",
             "members",
             "List the nodes of the mesh as one node sees them; -o wide shows the program of each.",
             {},
             {{kWatch.name, kWatch.value,
               "Look again every SECONDS (default: four times a second) and print each node whose "
               "status, address, generation, incarnation, program or connection has changed, until "
               "Ctrl-C or the node that is asked goes away. With -o json or yaml a document each "
               "time."}},
             run_members}};
}

}  // namespace vidai::cli::commands
