// SPDX-License-Identifier: Apache-2.0
// What one node itself has on its volume and in its memory of the mesh's money, for `vidaictl
// budget audit`, which asks all nodes and compares: as an owner, as a holder and as a custodian.
// Facts only, judged by cli/audit; nothing of it is what another node said, but for names. Amounts
// are micro-dollars. Values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh {

// A log: the key of its volume, 64 hex digits, and its generation.
struct LogName {
    std::string ledger;
    std::uint32_t generation = 0;
    friend auto operator<=>(const LogName&, const LogName&) = default;
};
// Where a log, or a copy of it, ended at some time: so many entries, and the hash of all batches.
struct LogEnd {
    std::uint64_t entries = 0;
    std::string hash;  // 64 hex digits
    friend auto operator<=>(const LogEnd&, const LogEnd&) = default;
};

struct MoneyBooks {
    struct OwnLog {  // the newest of this volume
        LogName log;
        std::uint64_t committed = 0;          // entries
        std::vector<LogEnd> ends;             // of its newest kEndsMax batches that are written
        std::vector<std::string> custodians;  // keys of their volumes
        std::vector<NodeId> keepers;          // the same as nodes; empty ones were not met
        std::uint32_t needed = 0;             // of them, for a commit
    };
    struct KeptLog {  // a copy of another's
        LogName log;
        LogEnd end;  // on this disk
        bool sealed = false;
    };
    struct Lent {
        std::string ledger;  // of the holder's volume
        std::uint32_t start = 0;
        NodeId node;  // empty: not met
        MicroUsd granted, spent, returned;
        bool lost = false;
    };
    // A budget's window as the own log has it; one of 0, and nothing, where it has none yet.
    struct Owned {
        BudgetId budget;
        std::uint32_t window = 0;
        MicroUsd limit, activated, returned;
        MicroUsd uncommitted;     // of what is activated
        MicroUsd activated_here;  // by this process, and committed
        MicroUsd granted_here;    // of that
        bool enforced = true;
        std::vector<Lent> lent{};  // by this process
        bool deleted = false;
    };
    // An account, read at one moment.
    struct Held {
        BudgetId budget;
        std::uint32_t window = 0;
        LogName log;              // who lends
        std::uint32_t start = 0;  // of whom
        MicroUsd granted, spent, reserved, returned, free;
    };
    struct Kept {  // as a copy has it
        LogName log;
        BudgetId budget;
        std::uint32_t window = 0;
        MicroUsd activated, returned;
    };
    static constexpr std::size_t kEndsMax = 512;
    static constexpr std::size_t kBudgetsMax = 128;  // of an answer

    NodeId node;
    std::string ledger;       // key of its volume; empty: it takes no part in money
    std::uint32_t start = 0;  // of its process
    std::string frozen;       // why it neither spends nor lends; or empty
    std::vector<bool> owns;   // of 1024 buckets, in a log that can lend
    std::vector<OwnLog> own;  // one at most
    std::vector<KeptLog> kept_logs;
    std::vector<Owned> owned;
    std::vector<Held> held;
    std::vector<Kept> kept;
    // Of which budgets these are all; by bucket and name. `more`: ask again, behind the last.
    std::vector<BudgetId> budgets;
    bool more = false;
};

}  // namespace vidai::mesh
