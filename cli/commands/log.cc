// SPDX-License-Identifier: Apache-2.0
// `log verify|dump|tail`: a node's journal of hard budgets, read from its data directory. No node
// is asked, and it may be running.
#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/exit_code.h"
#include "cli/print/answer.h"

namespace vidai::cli::commands {
namespace {

using mesh::LedgerEntry;
using mesh::LedgerLog;
using print::Answer;
using print::Tone;
using print::Value;

constexpr std::uint64_t kTail = 20;
constexpr std::uint64_t kTailMax = 100'000;

std::string state_of(const LedgerLog& log) {
    if (log.sealed) return "sealed";
    return log.closed ? "closed" : "open";
}

Result<Answer> run_verify(Call& call) {
    const auto audit = call.world().read_ledger(call.argument(0), {});
    if (!audit) return fail(about_file(audit.error()));
    Answer answer;
    answer.fields = {{"Journal", {audit->path}},
                     {"Volume", {audit->ledger}},
                     {"Verified",
                      {std::to_string(audit->records) + " records, " +
                           std::to_string(audit->bytes) + " bytes: all are whole and allowed",
                       Tone::kGood}}};
    if (audit->torn > 0) {
        answer.fields.push_back(
            {"Torn",
             {std::to_string(audit->torn) +
                  " bytes at the end were being written, and nobody was promised them",
              Tone::kWarn}});
    }
    answer.table.columns = {{"LOG"},
                            {"OF"},
                            {"STATE"},
                            {"ENTRIES", false, true},
                            {"BUCKETS", false, true},
                            {"BUDGETS", false, true}};
    Value::List logs;
    for (const LedgerLog& log : audit->logs) {
        answer.table.rows.push_back({{log.name},
                                     {log.own ? "this volume" : "another"},
                                     {state_of(log)},
                                     {std::to_string(log.entries)},
                                     {std::to_string(log.buckets)},
                                     {std::to_string(log.budgets)}});
        logs.push_back({{"log", log.name},
                        {"own", log.own},
                        {"state", state_of(log)},
                        {"entries", log.entries},
                        {"buckets", log.buckets},
                        {"budgets", log.budgets}});
    }
    answer.data = {{"journal", audit->path},    {"volume", audit->ledger},
                   {"records", audit->records}, {"bytes", audit->bytes},
                   {"torn_bytes", audit->torn}, {"logs", std::move(logs)}};
    return answer;
}

Value entry_value(const LedgerEntry& entry) {
    Value fields(std::initializer_list<Value::Member>{});
    Value::List from;  // of a circle there are several
    for (const auto& [name, value] : entry.fields) {
        if (name == "from") {
            from.push_back(value);
        } else {
            fields.set(name, value);
        }
    }
    if (!from.empty()) fields.set("from", std::move(from));
    return {{"log", entry.log},
            {"number", entry.number},
            {"entry", entry.what},
            {"fields", std::move(fields)}};
}

// Of the log that the flag names; empty: of all.
bool wanted(const Call& call, const LedgerEntry& entry) {
    const std::string* const log = call.flag("--log");
    return log == nullptr || *log == entry.log;
}

Result<Answer> run_dump(Call& call) {
    bool read_on = true;
    const auto audit = call.world().read_ledger(call.argument(0), [&](const LedgerEntry& entry) {
        if (!read_on || !wanted(call, entry)) return;
        read_on = call.world().write(to_json_line(entry_value(entry)));
    });
    if (!audit) return fail(about_file(audit.error()));
    Answer answer;
    answer.script = true;  // what there is to write is written
    return answer;
}

Result<Answer> run_tail(Call& call) {
    const auto last = call.count_flag("--last", kTailMax);
    if (!last) return fail(last.error());
    std::deque<LedgerEntry> entries;
    const auto audit = call.world().read_ledger(call.argument(0), [&](const LedgerEntry& entry) {
        if (!wanted(call, entry)) return;
        entries.push_back(entry);
        if (entries.size() > last->value_or(kTail)) entries.pop_front();
    });
    if (!audit) return fail(about_file(audit.error()));
    Answer answer;
    answer.table.columns = {{"LOG"}, {"NUMBER", false, true}, {"ENTRY"}, {"OF"}};
    Value::List items;
    for (const LedgerEntry& entry : entries) {
        std::string fields;
        for (const auto& [name, value] : entry.fields) {
            fields += fields.empty() ? "" : ", ";
            fields += std::string(name) + " " + value;
        }
        answer.table.rows.push_back(
            {{entry.log}, {std::to_string(entry.number)}, {entry.what}, {fields}});
        items.push_back(entry_value(entry));
    }
    if (items.empty()) answer.note = "No entries.\n";
    answer.data = {{"items", std::move(items)}};
    return answer;
}

constexpr Flag kLog{"--log", "LOG", "Only of that log, as `log verify` names it."};

}  // namespace

std::vector<Command> log_commands() {
    return {{"log",
             "verify",
             "Check the journal of hard budgets in a node's data directory as a start of the node "
             "would: checksums, signatures and whether each entry was allowed. Changes nothing.",
             {"DATA_DIR"},
             {},
             run_verify},
            {"log",
             "dump",
             "Write all entries of that journal as JSON lines, log by log; amounts are "
             "micro-dollars.",
             {"DATA_DIR"},
             {kLog},
             run_dump},
            {"log",
             "tail",
             "Show the last entries of that journal.",
             {"DATA_DIR"},
             {{"--last", "N", "How many. Default: 20."}, kLog},
             run_tail}};
}

}  // namespace vidai::cli::commands
