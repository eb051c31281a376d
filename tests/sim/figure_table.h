// SPDX-License-Identifier: Apache-2.0
// The rows of a figures run: printed as they come, kept as JSON beside what other runs measured.
// One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace vidai::sim {

struct Row {
    std::string id, figure, unit;
    std::string op = "<=";  // how value is to stand to goal
    double value = 0;
    std::optional<double> goal;
    std::string anchor;  // what others reach
    std::string conditions;
};

class FigureTable {
  public:
    explicit FigureTable(std::string command) : command_(std::move(command)) {}
    void add(Row row);
    bool write(const std::string& path) const;  // creates the folder

  private:
    const std::string command_;
    std::vector<Row> rows_;
};

}  // namespace vidai::sim
