// SPDX-License-Identifier: Apache-2.0
// What one seed does to the mesh's money: faults of processes, disks and paths, wrong verdicts, and
// operators who make, raise and lower budgets while clients spend. Swarm testing (Groce et al.
// 2012): a seed has some kinds of event and not others. Drawn from the seed alone, trimmed by what
// the command line trims (plan.h). Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/vocabulary/time.h"
#include "tests/sim/plan.h"

namespace vidai::sim {

enum class MoneyDeed : std::uint8_t {
    kCrash,       // SIGKILL; back after `lasts`
    kPowerLoss,   // what was not synced is there, torn or gone; back after `lasts`
    kDiskFull,    // nothing can be written for `lasts`, then the process starts again
    kFailedSync,  // a sync fails, and what it held is lost with the process
    kBitRot,      // a bit of what was synced turns over while the process is down
    kLoseVolume,  // back after `lasts` on an empty one, so as somebody else
    kPartition,   // nodes of `group` and the rest do not hear each other
    kOneWay,      // what `node` sends to those of `group` is lost
    kLoss,        // of many messages
    kSlow,        // everything is late
    kFalseDeath,  // `node` thinks `other` dead
    kCreate,      // an operator at `node` makes a budget
    kRaise,       // or raises one
    kLower,       // or lowers it
    // This breaks what the promise assumes; what must hold even then: watch.h.
    kRollBack,  // back on the volume as it was `lasts` before
    // Of budgets that renew or are deleted.
    kNight,       // a day passes in which nothing happens, but for its last seconds
    kClockJump,   // `node`'s clock leaps, and back after `lasts`
    kClockDrift,  // `node`'s clock is slow or fast for `lasts`
    kSetRule,     // an operator gives a budget another window
    kDelete,      // or deletes one, and makes it again after `lasts`
    kTopUp,       // or tops one up for `lasts`, and may end that before
    kCount
};
std::string_view deed_name(MoneyDeed deed);

struct MoneyEvent {
    std::uint32_t number = 0;  // counted from 1, before anything is trimmed
    Duration at{};
    MoneyDeed deed = MoneyDeed::kCrash;
    std::size_t node = 0, other = 0;
    std::uint64_t group = 0;  // bit set of nodes
    Duration lasts{};
    std::uint64_t seed = 0;  // for what is random about it
};

struct MoneyStory {
    std::uint64_t seed = 0;
    std::size_t nodes = 3;
    std::size_t custodians = 2;  // of a log, where there are so many others
    std::int64_t limit = 0;      // of each budget, at first
    Duration latency{}, jitter{};
    double loss = 0, duplicates = 0, late = 0;    // of messages; late: by up to 2 s
    Duration sync{};                              // that a commit takes
    Duration detected = std::chrono::seconds(3);  // who is gone is taken for dead after that
    Duration quiet{};                             // before the first budget: how far the mesh is
    bool clients = true;                          // while faults last
    Duration think{};                             // between two requests at a node
    Duration call{};                              // that the provider takes at most
    std::int64_t dearest = 0;                     // request
    bool equal = false;                           // all are
    bool estimates = false;                       // are above what the provider charges
    std::uint64_t log_bytes = 0;                  // BankOptions; of a journal beyond what is needed
    bool windows = false;                         // some budgets have, and time is told
    bool top_ups = false;                         // budgets are topped up; then time is told, too
    WallTime begins;                              // when mono is an hour
    Duration clocks_apart{};                      // at most, from the true time
    bool nested = false;                          // some requests stand under several budgets
    bool retries = false;                         // some calls are lost, and some tried again
    bool stumbles = false;                        // half of all starts end within two commits
    std::vector<MoneyEvent> events;               // ascending

    // Whether a volume may tell less than had been synced to it.
    bool rolls_back() const;
    std::string describe() const;
};

MoneyStory draw_money(std::uint64_t seed, const Trim& trim = {});

}  // namespace vidai::sim
