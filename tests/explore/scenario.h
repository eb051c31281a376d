// SPDX-License-Identifier: Apache-2.0
// What is explored: a few nodes and logs, one budget, and which faults may strike and how often, so
// that all interleavings can be visited.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace vidai::explore {

struct Scenario {
    using Pair = std::pair<int, int>;
    struct Log {
        int node = 0;
        std::vector<int> custodians;  // nodes
        int successor = 0;            // a log
    };
    std::string name;
    std::string about;
    int limit = 2;
    // Later logs of a node are its later generations. The first begins the mesh.
    std::vector<Log> logs{{0, {1, 2}, 1}, {1, {0, 2}, 2}, {2, {0, 1}, 0}};
    std::vector<int> holders{0, 2};  // nodes
    std::vector<int> sealable{0};    // logs
    std::vector<Pair> moves{};       // the bucket from log to log
    std::vector<Pair> closes{};      // log in favour of log
    std::vector<Pair> edits{};       // by log, to a limit; one each
    std::vector<int> crash{0};       // nodes
    int crashes_max = 1;
    int entries_max = 4;  // of each log, besides its beginning
    int activated_max = 3;
    int returned_max = 1;  // of an account
    bool random = false;   // too large to exhaust: walked
};

const std::vector<Scenario>& scenarios();
const Scenario* find_scenario(const std::string& name);

}  // namespace vidai::explore
