// SPDX-License-Identifier: Apache-2.0
// What the money's parts on different nodes say to each other. Every message is absolute: it may be
// lost, repeated and overtaken, and what it says stays true. Value types; any thread.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mesh/budget/books.h"
#include "mesh/budget/names.h"
#include "schema/vocabulary/error.h"
#include "schema/vocabulary/time.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh::budget {

// Who the sender's volume is. On each new connection, and when it changes.
struct Hello {
    Boot boot;
    LogHeader log;                // its newest
    std::bitset<kBuckets> owned;  // by that one; a hint, for ownership is read from logs
    bool frozen = false;          // nothing is to be given to it
    std::uint32_t since = 0;      // of its logs before this generation nobody needs anything
    friend bool operator==(const Hello&, const Hello&) = default;
};

// Batches of one log, one behind the other: of the sender, for a custodian; or of another, for who
// asked by Fetch.
struct Append {
    std::vector<BatchRef> batches;
};
// What a custodian has on its disk, and whether it has sealed the log there.
struct Ack {
    LogId log;
    Head head;
    bool sealed = false;
    friend bool operator==(const Ack&, const Ack&) = default;
};
struct AskAck {  // asks for one
    LogId log;
    friend bool operator==(const AskAck&, const AskAck&) = default;
};
// Asks whether a log is over, and says so: a later one has all that it had, for good. That one is
// the sender's; or the sender is a custodian of the log, has forgotten it, and says so to its
// owner.
struct AskOver {
    LogId log;
    friend bool operator==(const AskOver&, const AskOver&) = default;
};
struct Over {
    LogId log;
    bool passed = false;   // as its own owner has said since
    Seq head = kWholeLog;  // what is behind it does not count, as far as the sender knows
    friend bool operator==(const Over&, const Over&) = default;
};
struct Fetch {
    LogId log;
    Seq after = 0;
    friend bool operator==(const Fetch&, const Fetch&) = default;
};
// An Out of the sender's log, to be taken by who it is addressed to.
struct Offer {
    LogHeader log;
    Seq at = 0;
    Bucket bucket;
    LogId to;
    Budgets budgets;
    friend bool operator==(const Offer&, const Offer&) = default;
};
// The sender's newest log has taken that Out, for good. To who gave it, and to whoever offers it.
struct Taken {
    LogId log;
    Seq at = 0;
    friend bool operator==(const Taken&, const Taken&) = default;
};
// A log that has ended and that nobody is known to have taken: sealed by the sender, or closed and
// the sender's own. To all, for its heir may be anybody by now.
struct Ended {
    LogHeader log;
    Head head;            // the last that the sender has of it
    bool sealed = false;  // by the sender
    std::optional<LogId> closed_to;
    friend bool operator==(const Ended&, const Ended&) = default;
};

// Why a budget gives no money just now.
enum class Standing : std::uint8_t {
    kOpen,
    kUnknown,           // there is no such budget
    kOwnerUnreachable,  // nobody that this node reaches has it
    kNoCustodian,       // its owner reaches too few of its custodians
    kTakeover,          // its owner is gone, and its heir at work
    kLogFrozen,         // forked, rolled back or damaged: an operator must look
    kClock,             // its owner cannot tell which window it is
    kDeleted,
};
inline constexpr Standing kStandingMax = Standing::kDeleted;
// What an owner knows of a budget.
struct Position {
    Standing standing = Standing::kOpen;
    MicroUsd limit;
    MicroUsd left;        // of the limit: neither spent, as far as it was told, nor stranded
    bool enforce = true;  // false: it only counts what it would refuse
    friend bool operator==(const Position&, const Position&) = default;
};

struct Want {  // total that the account needs; `need` of it for requests that wait
    AccountName account;
    BudgetWindow money;
    MicroUsd total;
    MicroUsd need;
    MicroUsd spent;
    std::uint64_t would_refuse = 0;  // requests; as in Report
    friend bool operator==(const Want&, const Want&) = default;
};
struct Grant {
    AccountName account;
    BudgetWindow money;  // of the window that it is, whichever was wanted
    MicroUsd total;
    Position position;
    Duration ends_in{};  // the window; 0: never
    WallTime ends{};     // the same, for people; zero: never, or unknown
    friend bool operator==(const Grant&, const Grant&) = default;
};
struct Report {
    AccountName account;
    BudgetWindow money;
    MicroUsd spent;
    MicroUsd returned;
    std::uint64_t would_refuse = 0;  // requests that an enforced budget would have refused
    friend bool operator==(const Report&, const Report&) = default;
};
struct ReportAck {  // so much of it is committed as returned
    AccountName account;
    BudgetWindow money;
    MicroUsd returned;
    friend bool operator==(const ReportAck&, const ReportAck&) = default;
};
struct Recall {  // give back what is idle: others wait for it
    BudgetWindow money;
    friend bool operator==(const Recall&, const Recall&) = default;
};

// An operator's wish, for the owner. `id` is its sender's.
struct Edit {
    enum class Kind : std::uint8_t {
        kDefine,
        kSetLimit,
        kDelete,
        kSetRule,
        kSetPolicy,
        kTopUp,
        kEndTopUp,
    };
    std::uint64_t id = 0;
    Kind kind = Kind::kDefine;
    BudgetId budget;
    MicroUsd limit;
    Rule rule{};              // of kDefine, kSetRule
    PolicyChange policy{};    // of kDefine, kSetPolicy
    std::string top_up_id{};  // of kTopUp, kEndTopUp
    TopUp top_up{};           // of kTopUp; `until` of zero: the end of the window that is
    friend bool operator==(const Edit&, const Edit&) = default;
};
inline constexpr Edit::Kind kEditKindMax = Edit::Kind::kEndTopUp;
struct EditDone {
    std::uint64_t id = 0;
    bool done = false;
    ErrorCode code{};
    std::string message;
    friend bool operator==(const EditDone&, const EditDone&) = default;
};
// A budget was made or changed: who has heard that there is none asks again.
struct Changed {
    BudgetId budget;
    friend bool operator==(const Changed&, const Changed&) = default;
};
// What is known of budgets where they are owned, for people: of one, or of all behind `after`, at
// most kSightsMax of them.
struct Look {
    std::uint64_t id = 0;
    BudgetId budget;  // empty: all of the asked one's; its owner's answer has it, known or not
    BudgetId after;
    friend bool operator==(const Look&, const Look&) = default;
};
inline constexpr std::size_t kSightsMax = 256;
inline constexpr std::size_t kLeasesShown = 64;  // of one budget
struct Sight {
    struct Lease {
        AccountName account;
        MicroUsd granted;
        MicroUsd spent;     // as its holder said last
        MicroUsd returned;  // committed or not
        bool lost = false;  // its holder is gone, and what it had not returned is stranded
        friend bool operator==(const Lease&, const Lease&) = default;
    };
    BudgetId budget;
    Position position;
    MicroUsd activated;  // A of its log
    MicroUsd returned;   // V of its log
    MicroUsd pool;       // activated by the owner's process and not lent
    std::vector<Lease> leases;
    Rule rule{};
    WallTime ends{};  // its window; zero: never, or unknown
    Policy policy{};
    std::uint64_t would_refuse = 0;          // requests, as the processes that run now say
    std::uint8_t alerted = 0;                // percent: the highest threshold that was reached
    MicroUsd base{};                         // of position.limit, without top-ups
    std::map<std::string, TopUp> top_ups{};  // that are open, by id
    friend bool operator==(const Sight&, const Sight&) = default;
};
struct Seen {
    std::uint64_t id = 0;
    std::vector<Sight> sights;  // by budget
    bool more = false;          // ask again, after the last
    friend bool operator==(const Seen&, const Seen&) = default;
};

using Message =
    std::variant<Hello, Append, Ack, AskAck, Fetch, Offer, Want, Grant, Report, ReportAck, Recall,
                 Edit, EditDone, Changed, Look, Seen, Ended, AskOver, Over, Taken>;

}  // namespace vidai::mesh::budget
