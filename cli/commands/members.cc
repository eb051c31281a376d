// SPDX-License-Identifier: Apache-2.0
// `mesh members`, once or, with --watch, whenever something changes.
#include <algorithm>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/member_text.h"
#include "cli/print/text.h"

namespace vidai::cli::commands {
namespace {

using print::Answer;
using print::Output;
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

// All members, then each that changes, until nobody reads or the node is gone.
Result<Answer> watch(Call& call, Operator& mesh) {
    print::Style style{call.settings().output, call.settings().headers, call.world().color};
    std::vector<mesh::Member> known;
    std::vector<std::size_t> widths;
    for (bool first = true;; first = false) {
        const auto members = mesh.members();
        if (!members) return fail(members.error());
        const std::vector<mesh::Member> news = changed(known, *members);
        if (first || !news.empty()) {
            Answer answer = answer_of(news, call.world().clock());
            answer.table.widths_min = widths;
            widths = print::widths_of(answer.table, style);
            std::string text = print::render(answer, style);
            if (style.output == Output::kYaml) text += "---\n";
            if (!call.world().write(text)) return Answer{};
            style.headers = false;
        }
        known = *members;
        call.world().pause(kLook);
    }
}

Result<Answer> run_members(Call& call) {
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    if (call.flag("--watch") != nullptr) return watch(call, **mesh);
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
             {{"-w,--watch", "",
               "Then print each node whose status, address, generation, incarnation, program or "
               "connection changes, until Ctrl-C or the node that is asked goes away. With -o json "
               "or yaml "
               "a document each time."}},
             run_members}};
}

}  // namespace vidai::cli::commands
