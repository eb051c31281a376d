// SPDX-License-Identifier: Apache-2.0
#include "tests/explore/scenario.h"

#include <algorithm>

namespace vidai::explore {

namespace {

// A table, one scenario after the other.
// clang-format off
std::vector<Scenario> make() {
    using Log = Scenario::Log;
    const Log a{0, {1, 2}, 1}, b{1, {0, 2}, 2}, c{2, {0, 1}, 0};
    std::vector<Scenario> all;
    const auto add = [&](Scenario one) { all.push_back(std::move(one)); };
    add({.name = "alone", .about = "one node, no custodian, restarts",
         .logs = {{0, {}, 0}}, .holders = {0}, .sealable = {}, .crashes_max = 2});
    add({.name = "pair", .about = "two nodes, one keeps the other's log",
         .logs = {{0, {1}, 1}, {1, {}, 0}}, .holders = {0, 1}});
    add({.name = "takeover", .about = "the owner is sealed by both custodians and adopted"});
    add({.name = "crashes", .about = "as takeover, and any node restarts, twice",
         .crash = {0, 1, 2}, .crashes_max = 2, .entries_max = 3, .activated_max = 2});
    add({.name = "edits", .about = "the limit is lowered by the owner or its heir",
         .edits = {{0, 1}, {1, 1}}, .crashes_max = 0, .entries_max = 3, .activated_max = 2});
    add({.name = "raise", .about = "the limit is raised while a process ends",
         .limit = 1, .holders = {2}, .edits = {{0, 2}}, .activated_max = 2});
    add({.name = "handover", .about = "the bucket goes to another log, both may be sealed",
         .logs = {{0, {1, 2}, 2}, {1, {0, 2}, 2}, c}, .sealable = {0, 1}, .moves = {{0, 1}},
         .crashes_max = 0, .entries_max = 3, .activated_max = 2});
    add({.name = "handover-crash", .about = "as handover, giver or taker restarts",
         .logs = {{0, {1, 2}, 2}, {1, {0, 2}, 2}, c}, .moves = {{0, 1}}, .crash = {0, 1},
         .entries_max = 3, .activated_max = 2});
    add({.name = "chain", .about = "the heir is sealed too",
         .sealable = {0, 1}, .crashes_max = 0, .entries_max = 3, .activated_max = 2});
    add({.name = "new-generation", .about = "the taker has a later log of its own",
         .logs = {{0, {1, 2}, 2}, {1, {0, 2}, 2}, c, {1, {0, 2}, 2}}, .holders = {0},
         .sealable = {1}, .moves = {{0, 1}}, .crash = {1}, .entries_max = 3, .activated_max = 2});
    add({.name = "own-generation", .about = "the giver's own later log takes the bucket",
         .logs = {a, b, c, {0, {1, 2}, 1}}, .moves = {{0, 3}}, .entries_max = 3,
         .activated_max = 2});
    add({.name = "quorum", .about = "three custodians",
         .logs = {{0, {1, 2, 3}, 1}, {1, {2, 3}, 2}, {2, {0, 1}, 0}, {3, {0, 1}, 0}},
         .entries_max = 3, .activated_max = 2});
    add({.name = "quorum-handover", .about = "as quorum, and the bucket goes to another log",
         .limit = 1, .logs = {{0, {1, 2, 3}, 2}, {1, {0, 2}, 2}, c, {3, {0, 1}, 0}},
         .moves = {{0, 1}}, .crashes_max = 0, .entries_max = 3, .activated_max = 2});
    add({.name = "quorum-close", .about = "as quorum, and the log passes to a later one",
         .limit = 1, .logs = {{0, {1, 2, 3}, 1}, {1, {0, 2}, 2}, c, {3, {0, 1}, 0},
                              {0, {1, 2, 3}, 1}},
         .closes = {{0, 4}}, .crashes_max = 0, .entries_max = 3, .activated_max = 2});
    add({.name = "close", .about = "the heir-to-be moves to a new generation and is sealed as well",
         .limit = 1, .logs = {a, b, c, {1, {0, 2}, 2}}, .holders = {0}, .sealable = {0, 1},
         .closes = {{1, 3}}, .crashes_max = 0, .entries_max = 3, .activated_max = 1});
    add({.name = "close-handover", .about = "a closed log had given or was given the bucket",
         .limit = 1, .logs = {{0, {1, 2}, 2}, {1, {0, 2}, 2}, c, {1, {0, 2}, 2}},
         .holders = {0, 1}, .sealable = {0, 1}, .moves = {{0, 1}}, .closes = {{1, 3}},
         .crashes_max = 0, .entries_max = 3, .activated_max = 1});
    // The heir of each circle is the first node's next log.
    const Log heir{0, {1, 2}, 2};
    add({.name = "circle", .about = "two logs are each other's successors, and both are sealed",
         .limit = 1, .logs = {a, {1, {0, 2}, 0}, c, heir}, .holders = {0}, .sealable = {0, 1},
         .crashes_max = 0, .entries_max = 3, .activated_max = 2});
    add({.name = "circle-of-one", .about = "a log's successor is itself",
         .logs = {{0, {1, 2}, 0}, b, c, heir}, .holders = {0, 2}, .entries_max = 3,
         .activated_max = 2});
    add({.name = "circle-twice", .about = "the heir of a circle leads back into it",
         .limit = 1, .logs = {a, {1, {0, 2}, 0}, c, {0, {1, 2}, 1}, heir}, .holders = {0},
         .sealable = {0, 1, 3}, .crashes_max = 0, .entries_max = 2, .activated_max = 1});
    add({.name = "circle-closed", .about = "a log of the circle passes to its next generation",
         .limit = 1, .logs = {a, {1, {0, 2}, 0}, c, {0, {1, 2}, 1}, heir}, .holders = {0},
         .sealable = {0, 1, 3}, .moves = {{0, 1}}, .closes = {{0, 3}}, .crashes_max = 0,
         .entries_max = 2, .activated_max = 1});
    add({.name = "circle-quorum", .about = "a circle of logs with three custodians each",
         .logs = {{0, {1, 2, 3}, 1}, {1, {0, 2, 3}, 4}, {2, {0, 1}, 3}, {3, {0, 1}, 2},
                  {0, {1, 2, 3}, 1}, {0, {1, 2, 3}, 2}},
         .holders = {0, 2}, .sealable = {0, 1, 4}, .moves = {{0, 1}}, .closes = {{0, 4}},
         .crash = {0, 1}, .entries_max = 5, .activated_max = 3, .random = true});
    add({.name = "returns", .about = "money comes back and is given out again",
         .holders = {2}, .sealable = {}, .entries_max = 8, .activated_max = 4, .returned_max = 2});
    add({.name = "wide", .about = "everything at once on four nodes",
         .limit = 5, .logs = {{0, {1, 2, 3}, 1}, {1, {0, 2, 3}, 2}, {2, {0, 1, 3}, 3},
                              {3, {0, 1, 2}, 0}},
         .holders = {0, 1, 2, 3}, .sealable = {0, 1},
         .moves = {{0, 1}, {1, 2}, {2, 0}, {0, 3}, {3, 2}}, .edits = {{0, 3}, {1, 6}, {2, 4}},
         .crash = {0, 1, 2, 3}, .crashes_max = 3, .entries_max = 12, .activated_max = 12,
         .returned_max = 3, .random = true});
    add({.name = "generations", .about = "everything at once, with later logs of two nodes",
         .limit = 4, .logs = {a, b, c, {0, {1, 2}, 1}, {1, {0, 2}, 2}}, .holders = {0, 1, 2},
         .sealable = {0, 1, 3}, .moves = {{0, 1}, {1, 2}, {2, 4}, {4, 3}, {3, 2}},
         .closes = {{0, 3}, {1, 4}}, .edits = {{0, 3}}, .crash = {0, 1, 2}, .crashes_max = 3,
         .entries_max = 12, .activated_max = 12, .returned_max = 3, .random = true});
    return all;
}
// clang-format on

}  // namespace

const std::vector<Scenario>& scenarios() {
    static const std::vector<Scenario> all = make();
    return all;
}

const Scenario* find_scenario(const std::string& name) {
    const auto found = std::ranges::find(scenarios(), name, &Scenario::name);
    return found == scenarios().end() ? nullptr : &*found;
}

}  // namespace vidai::explore
