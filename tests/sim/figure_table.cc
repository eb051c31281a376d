// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/figure_table.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <utility>

namespace vidai::sim {

void FigureTable::add(Row row) {
    std::string verdict;
    if (row.goal) {
        // A negative value is a trial that never ended.
        const bool met = row.value >= 0 && (row.op == ">="   ? row.value >= *row.goal
                                            : row.op == "==" ? row.value == *row.goal
                                                             : row.value <= *row.goal);
        char goal[32];
        std::snprintf(goal, sizeof goal, "%s %g", row.op.c_str(), *row.goal);
        verdict = std::string("goal ") + goal + (met ? " met" : " MISSED");
    }
    std::printf("%-30s %10.4g %-8s %-22s %s\n", row.id.c_str(), row.value, row.unit.c_str(),
                verdict.c_str(), row.conditions.c_str());
    std::fflush(stdout);
    rows_.push_back(std::move(row));
    write();
}

bool FigureTable::write() const {
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
    std::FILE* file = std::fopen(path_.c_str(), "w");
    if (file == nullptr) {
        std::fprintf(stderr, "vidai-sim: cannot write %s: %s\n", path_.c_str(),
                     std::strerror(errno));
        return false;
    }
    char date[32];
    const std::time_t now = std::time(nullptr);
    std::strftime(date, sizeof date, "%Y-%m-%d %H:%M", std::gmtime(&now));
    std::fputs("[\n", file);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
        const Row& r = rows_[i];
        char goal[32] = "null";
        if (r.goal) std::snprintf(goal, sizeof goal, "%g", *r.goal);
        std::fprintf(file,
                     "  {\"id\": \"%s\", \"figure\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", "
                     "\"op\": \"%s\", \"goal\": %s, \"anchor\": \"%s\", \"kind\": \"simulated\", "
                     "\"command\": \"%s\", \"conditions\": \"%s\", \"revision\": \"%s\", "
                     "\"date\": \"%s\"}%s\n",
                     r.id.c_str(), r.figure.c_str(), r.value, r.unit.c_str(), r.op.c_str(), goal,
                     r.anchor.c_str(), command_.c_str(), r.conditions.c_str(), revision_.c_str(),
                     date, i + 1 < rows_.size() ? "," : "");
    }
    std::fputs("]\n", file);
    return std::fclose(file) == 0;
}

}  // namespace vidai::sim
