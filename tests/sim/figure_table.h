// SPDX-License-Identifier: Apache-2.0
// The rows of a figures run: printed as they come, kept as JSON beside what other runs measured.
// The file is written anew with each row, so that a run that is cut short leaves those it had. One
// thread.
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
    FigureTable(std::string command, std::string revision, std::string path)
        : command_(std::move(command)), revision_(std::move(revision)), path_(std::move(path)) {}
    void add(Row row);
    bool write() const;  // creates the folder; says what went wrong

  private:
    const std::string command_, revision_, path_;
    std::vector<Row> rows_;
};

}  // namespace vidai::sim
