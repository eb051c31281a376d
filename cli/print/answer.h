// SPDX-License-Identifier: Apache-2.0
// A command's whole answer, in the form for programs and in the form for people, and its
// rendering. Commands fill it, only this folder decides how it looks. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/print/value.h"

namespace vidai::cli::print {

enum class Output : std::uint8_t { kTable, kWide, kCsv, kJson, kYaml };
enum class Tone : std::uint8_t { kPlain, kGood, kWarn, kBad };

struct Cell {
    std::string text;  // empty is shown as "-"
    Tone tone = Tone::kPlain;
};

struct Column {
    std::string_view title;
    bool wide = false;     // only with -o wide
    bool numeric = false;  // aligned to the right
};

struct Table {
    std::vector<Column> columns;  // none: no table
    std::vector<std::vector<Cell>> rows;
    std::vector<std::size_t> widths_min{};  // of each column, where rows go on below others
};

struct Field {
    std::string_view label;
    Cell cell;
};

struct Answer {
    Value data;                 // for -o json and yaml
    std::vector<Field> fields;  // for people; before the table
    Table table;
    Table detail;          // with -o wide, after the table
    std::string verbatim;  // when not empty, all of standard output for people, as it is
    std::string note;      // for people, on standard error, whatever the output
    int status = 0;        // for the shell: the answer is not what one wished (exit_code.h)
    bool script = false;   // `verbatim` is meant for a program: it is the answer in any output
};

struct Style {
    Output output = Output::kTable;
    bool headers = true;
    bool color = false;
};

// What goes to standard output.
std::string render(const Answer& answer, const Style& style);
// How wide each column is shown, for another table below it.
std::vector<std::size_t> widths_of(const Table& table, const Style& style);

}  // namespace vidai::cli::print
