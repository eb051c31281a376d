// SPDX-License-Identifier: Apache-2.0
// What lies in a volume's journal of hard budgets, for an operator who wants to see or to check it:
// its own logs and the copies that it keeps of others'. Reads a copy in memory, so that the node
// may be running; changes nothing. Blocking; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/vocabulary/result.h"

namespace vidai::mesh {

struct LedgerLog {
    std::string name;  // fingerprint of its volume's key, and its generation: "1234:.../2"
    bool own = false;  // of this volume; else a copy
    std::uint64_t entries = 0;
    bool sealed = false;  // the copy takes nothing more: this custodian has sealed the log
    bool closed = false;  // it ended with an entry that names its heir
    std::uint64_t buckets = 0, budgets = 0;  // that it owns at its end
};

struct LedgerEntry {
    std::string log;
    std::uint64_t number = 0;                                        // from 1
    std::string what;                                                // "activate", "return", ...
    std::vector<std::pair<std::string_view, std::string>> fields{};  // names are literals
};

struct LedgerAudit {
    std::string path, ledger;   // the file, and the fingerprint of the volume's key
    std::uint64_t bytes = 0;    // that could be read
    std::uint64_t records = 0;  // batches of entries, starts and seals
    std::uint64_t torn = 0;     // bytes at the end that nobody was promised, and that a start cuts
    std::vector<LedgerLog> logs;  // own ones first
};

// Every record is checked as a start of the node checks it: checksums, signatures, the chain of
// each log, and whether its state allows each entry. `each` is called for all entries, log by log,
// by rising number. kNotFound: no node has started in that directory. kCorrupt, with where and what
// to do: it is damaged. kIo.
Result<LedgerAudit> read_ledger(const std::string& data_dir,
                                const std::function<void(const LedgerEntry&)>& each = {});

}  // namespace vidai::mesh
