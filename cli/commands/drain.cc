// SPDX-License-Identifier: Apache-2.0
// `node drain NODE`, and `mesh leave NODE`, which is the same.
#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/member_text.h"
#include "cli/commands/reach.h"

namespace vidai::cli::commands {
namespace {

using print::Answer;
using std::chrono::milliseconds;

constexpr milliseconds kLook{100};

// Asks the node itself, by its name: only it can stop taking connections. A program that does not
// look at the name drains whatever it is.
Result<mesh::Draining> ask(Call& call, Operator& mesh, const mesh::Member& member,
                           milliseconds grace) {
    if (member.self) return mesh.drain(member.id, grace);
    auto there = reach(call, member);
    if (!there) return fail(std::move(there).error());
    auto draining = (*there)->drain(member.id, grace);
    if (draining && draining->node != member.id) {
        return fail(ErrorCode::kConflict,
                    member.address + " is answered by " + draining->node.str() + " instead of " +
                        member.id.str() + ", and that node drains now",
                    member.id.str());
    }
    return draining;
}

// As the node sees it that was asked first.
Result<mesh::Member> wait_left(Call& call, Operator& mesh, const NodeId& node, milliseconds limit) {
    for (milliseconds waited{0};; waited += kLook) {
        auto member = find_member(mesh, node);
        if (!member || member->status == mesh::MemberStatus::kLeft) return member;
        if (waited >= limit) {
            return fail(ErrorCode::kDeadlineExceeded,
                        node.str() +
                            " drains but has not left yet: its --grace is not over, or requests "
                            "are still under way there; --within takes a longer time, asking "
                            "again is safe",
                        "--within");
        }
        call.world().pause(kLook);
    }
}

Result<Answer> run_drain(Call& call) {
    const Result<NodeId> node = call.node_argument(0);
    if (!node) return fail(node.error());
    const auto grace = call.time_flag("--grace");
    if (!grace) return fail(grace.error());
    const auto wait = call.time_flag("--within");
    if (!wait) return fail(wait.error());
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto member = find_member(**mesh, *node);
    if (!member) return fail(member.error());
    mesh::Member now = *member;
    Answer answer;
    if (member->status == mesh::MemberStatus::kLeft) {
        answer.note = node->str() + " has left already.\n";
    } else {
        const auto draining = ask(call, **mesh, *member, grace->value_or(milliseconds(0)));
        if (!draining) return fail(draining.error());
        if (draining->already) answer.note = node->str() + " was asked to drain before.\n";
        if (*wait) {
            const auto left = wait_left(call, **mesh, *node, **wait);
            if (!left) return fail(left.error());
            now = *left;
        } else {
            answer.note += "It drains; `vidaictl mesh members --watch` shows when it has left.\n";
        }
    }
    answer.data = member_value(now);
    answer.fields = {{"Node", {node->str()}}, {"Status", status_cell(now.status)}};
    if (now.status == mesh::MemberStatus::kLeft) {
        answer.note += "It serves nobody any more: stop its process when you like.\n";
    }
    return answer;
}

Command drain_command(std::string_view noun, std::string_view verb, std::string_view doc) {
    return {noun,
            verb,
            doc,
            {"NODE"},
            {{"--grace", "TIME",
              "How long it still takes connections after /readyz has begun to say no: longer than "
              "your load balancer needs to notice. Default: none."},
             {"--within", "TIME",
              "Wait until it has left, at most that long; status 4 when it has not."}},
            run_drain};
}

}  // namespace

std::vector<Command> drain_commands() {
    return {drain_command("node", "drain",
                          "Take a node out of service: it is not ready any more, ends the requests "
                          "it has, tells the others its last counters and leaves the mesh. Its "
                          "process stays until it is stopped, and rejoins when it is started."),
            drain_command("mesh", "leave", "The same as `vidaictl node drain`.")};
}

}  // namespace vidai::cli::commands
