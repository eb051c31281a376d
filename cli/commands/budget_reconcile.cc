// SPDX-License-Identifier: Apache-2.0
// `budget reconcile`: what a provider billed beside what was recorded, request by request.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/call.h"
#include "cli/commands/bill_file.h"
#include "cli/commands/command.h"
#include "cli/commands/reach.h"
#include "cli/commands/usage_events.h"
#include "cli/commands/usage_nodes.h"
#include "cli/exit_code.h"
#include "cli/text_file.h"
#include "schema/vocabulary/usd.h"

namespace vidai::cli::commands {
namespace {

using mesh::usage::Bill;
using mesh::usage::Event;
using print::Answer;
using print::Tone;
using print::Value;

constexpr std::size_t kRecordedMax = 1'000'000;  // calls

struct RecordedCall {
    NodeId node;
    MicroUsd cost;  // with its corrections
    bool known = false;
    bool estimated = false;
};
using CallName = std::pair<std::string, std::uint64_t>;  // origin and number
struct Recorded {
    std::map<std::string, std::map<CallName, RecordedCall>> requests;
    std::size_t calls = 0;
};

// A correction may be read before the call that it is of.
void take(const std::string& origin, const NodeId& node, const Event& event, Recorded& all) {
    const std::uint64_t number = event.adjusts != 0 ? event.adjusts : event.number;
    const auto [at, fresh] = all.requests[event.request].try_emplace({origin, number});
    if (fresh) ++all.calls;
    RecordedCall& call = at->second;
    call.cost += cost_of(event);
    if (event.adjusts != 0) return;
    call.node = node;
    call.known = true;
    call.estimated = event.estimated;
}

MicroUsd sum_of(const std::map<CallName, RecordedCall>& calls) {
    MicroUsd sum;
    for (const auto& [name, call] : calls) sum += call.cost;
    return sum;
}

// What each call cost, so that together they come to `billed`: those that the provider had counted
// as they were, as far as it goes, and the rest to the one that was most likely wrong.
std::vector<std::pair<CallName, MicroUsd>> shares(const std::map<CallName, RecordedCall>& calls,
                                                  MicroUsd billed) {
    std::vector<std::pair<CallName, const RecordedCall*>> order;
    for (const auto& [name, call] : calls) order.emplace_back(name, &call);
    std::ranges::stable_sort(order, {}, [](const auto& one) { return one.second->estimated; });
    std::vector<std::pair<CallName, MicroUsd>> parts;
    for (const auto& [name, call] : order) {
        const MicroUsd part = std::clamp(call->cost, MicroUsd{}, billed);
        billed -= part;
        parts.emplace_back(name, part);
    }
    parts.back().second += billed;
    return parts;
}

struct Wanted {
    std::map<std::string, Billed> billed;
    std::string provider;
    mesh::usage::Search search;
    bool apply = false, complete = false;
};

Result<Wanted> wanted_of(const Call& call) {
    Wanted wanted;
    const std::string* const provider = call.flag("--provider");
    if (provider == nullptr) {
        return fail(ErrorCode::kUsage, "--provider says whose file it is", "--provider");
    }
    wanted.provider = *provider;
    const auto since = time_flag(call, "--since", WallTime::min());
    if (!since) return fail(since.error());
    const auto until = time_flag(call, "--until", WallTime::max());
    if (!until) return fail(until.error());
    wanted.search.since = *since;
    wanted.search.until = *until;
    wanted.apply = call.flag("--apply") != nullptr;
    wanted.complete = call.flag("--complete") != nullptr;
    const auto text = read_text_file(call.argument(0), kBillBytesMax);
    if (!text) return fail(text.error());
    auto billed = read_bill(*text, call.argument(0));
    if (!billed) return fail(std::move(billed).error());
    wanted.billed = std::move(*billed);
    return wanted;
}

struct Findings {
    Answer answer;
    Value::List items;
    std::map<std::string, std::pair<NodeId, std::vector<Bill>>> bills;  // by origin
    std::size_t left = 0;  // that no correction makes good

    void add(const std::string& what, const std::string& request, const NodeId& node,
             MicroUsd recorded, MicroUsd billed) {
        items.push_back({{"what", what},
                         {"request", request},
                         {"node", node.str()},
                         {"recorded_micro_usd", recorded.value},
                         {"billed_micro_usd", billed.value}});
        answer.table.rows.push_back({{what, Tone::kWarn},
                                     {request},
                                     {node.str()},
                                     {signed_usd(recorded)},
                                     {print_usd(billed)},
                                     {signed_usd(billed - recorded)}});
    }
    void correct(const std::map<CallName, RecordedCall>& calls, MicroUsd billed) {
        for (const auto& [name, cost] : shares(calls, billed)) {
            auto& [node, list] = bills[name.first];
            node = calls.at(name).node;
            list.push_back({name.second, cost});
        }
    }
};

void compare(const Wanted& wanted, const Recorded& recorded, Findings& found) {
    for (const auto& [request, billed] : wanted.billed) {
        const auto at = recorded.requests.find(request);
        if (at == recorded.requests.end()) {
            found.add("not recorded", request, {}, {}, billed.cost);
            ++found.left;
            continue;
        }
        const MicroUsd sum = sum_of(at->second);
        if (sum == billed.cost) continue;
        found.add(billed.cost > sum ? "billed more" : "billed less", request,
                  at->second.begin()->second.node, sum, billed.cost);
        found.correct(at->second, billed.cost);
    }
    for (const auto& [request, calls] : recorded.requests) {
        const MicroUsd sum = sum_of(calls);
        if (wanted.billed.contains(request) || sum.value == 0) continue;
        found.add("not billed", request, calls.begin()->second.node, sum, {});
        if (wanted.complete) {
            found.correct(calls, {});
        } else {
            ++found.left;
        }
    }
}

// Each by the node that made it; what could not be is said, and left.
std::size_t apply(Call& call, Operator& mesh, Findings& found) {
    std::size_t corrected = 0;
    for (const auto& [origin, bills] : found.bills) {
        const auto& [node, list] = bills;
        auto done = [&]() -> Result<void> {
            const auto member = find_member(mesh, node);
            if (!member) return fail(member.error());
            std::unique_ptr<Operator> other;
            if (!member->self) {
                auto reached = reach(call, *member);
                if (!reached) return fail(std::move(reached).error());
                other = std::move(*reached);
            }
            Operator& there = other ? *other : mesh;
            for (std::size_t from = 0; from < list.size(); from += mesh::usage::kBillsMax) {
                const std::size_t to = std::min(list.size(), from + mesh::usage::kBillsMax);
                const std::vector<Bill> part(list.begin() + static_cast<std::ptrdiff_t>(from),
                                             list.begin() + static_cast<std::ptrdiff_t>(to));
                const auto billed = there.usage_bill(origin, part);
                if (!billed) return fail(billed.error());
                corrected += billed->sums.corrected;
            }
            return {};
        }();
        if (done) continue;
        found.answer.status = kExitUnavailable;
        found.answer.note +=
            "What " + node.str() + " recorded is as it was: " + done.error().message + "\n";
        ++found.left;
    }
    return corrected;
}

Result<Answer> run_reconcile(Call& call) {
    auto wanted = wanted_of(call);
    if (!wanted) return fail(std::move(wanted).error());
    Recorded recorded;
    Answer unreadable;
    auto searched = search_usage(call, wanted->search, [&](const mesh::UsagePage& page) {
        note_unreadable(page, unreadable);
        for (const Event& event : page.events) {
            if (event.callee.provider != wanted->provider) continue;
            take(page.origin, page.node, event, recorded);
        }
        return recorded.calls <= kRecordedMax;
    });
    if (!searched) return searched;
    if (recorded.calls > kRecordedMax) {
        return fail(ErrorCode::kInvalidRequest,
                    "more than " + std::to_string(kRecordedMax) +
                        " calls were recorded in that time: name a shorter one by --since and "
                        "--until",
                    "--since");
    }
    Findings found;
    found.answer.note = searched->note + unreadable.note;
    found.answer.status = std::max(searched->status, unreadable.status);
    if (wanted->apply && found.answer.status != kExitOk) {
        return fail(ErrorCode::kUnavailable,
                    "nothing was corrected, for not all calls could be read: " + found.answer.note);
    }
    found.answer.table.columns = {{"WHAT"},
                                  {"REQUEST"},
                                  {"NODE"},
                                  {"RECORDED", false, true},
                                  {"BILLED", false, true},
                                  {"DIFFERENCE", false, true}};
    compare(*wanted, recorded, found);
    std::size_t corrected = 0;
    if (wanted->apply && !found.bills.empty()) {
        auto mesh = call.connect();
        if (!mesh) return fail(std::move(mesh).error());
        corrected = apply(call, **mesh, found);
        found.answer.note += std::to_string(corrected) + " calls were corrected.\n";
    }
    const bool open = wanted->apply ? found.left > 0 : !found.items.empty();
    if (open && found.answer.status == kExitOk) found.answer.status = kExitFindings;
    if (found.items.empty()) found.answer.note += "What was billed is what was recorded.\n";
    found.answer.data = {{"items", std::move(found.items)},
                         {"billed", wanted->billed.size()},
                         {"recorded", recorded.calls},
                         {"corrected", corrected}};
    return std::move(found.answer);
}

}  // namespace

std::vector<Command> budget_reconcile_commands() {
    return {
        {"budget",
         "reconcile",
         "Compare what a provider billed with the record of calls, request by request, by a "
         "file with `request`, the x-request-id that was sent to it, and `cost_usd`: CSV with a "
         "line of names, or a JSON object a line. Exits with 6 where something differs that is "
         "not corrected.",
         {"FILE"},
         {{"--provider", "NAME", "Whose file it is: its name under `providers`.", true},
          {"--since", "TIME",
           "The calls that the file is about: from then on; as for 'usage "
           "report'."},
          {"--until", "TIME", "And before then."},
          {"--apply", "",
           "Correct the record: each request comes to what was billed, and reports show that. "
           "What budgets were charged stays."},
          {"--complete", "",
           "With --apply: the file has all calls of that time, so that one which is not in it "
           "cost nothing."}},
         run_reconcile}};
}

}  // namespace vidai::cli::commands
