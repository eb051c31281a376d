// SPDX-License-Identifier: Apache-2.0
#include "cli/print/answer.h"

#include <algorithm>
#include <utility>

#include "cli/print/text.h"

namespace vidai::cli::print {
namespace {

constexpr std::size_t kGap = 2;  // between columns

std::string_view tone_code(Tone tone) {
    switch (tone) {
        case Tone::kGood:
            return "\033[32m";
        case Tone::kWarn:
            return "\033[33m";
        case Tone::kBad:
            return "\033[31m";
        case Tone::kPlain:
            break;
    }
    return "";
}

std::string shown(const Cell& cell) {
    return cell.text.empty() ? "-" : printable(cell.text);
}

std::string painted(const std::string& text, Tone tone, bool color) {
    if (!color || tone == Tone::kPlain) return text;
    return std::string(tone_code(tone)) + text + "\033[0m";
}

std::string fields_text(const std::vector<Field>& fields, bool color) {
    std::size_t width = 0;
    for (const Field& field : fields) width = std::max(width, field.label.size());
    std::string out;
    for (const Field& field : fields) {
        out += std::string(field.label) + ":" +
               std::string(width - field.label.size() + kGap, ' ') +
               painted(shown(field.cell), field.cell.tone, color) + "\n";
    }
    return out;
}

}  // namespace

std::vector<std::size_t> widths_of(const Table& table, const Style& style) {
    std::vector<std::size_t> widths(table.columns.size());
    for (std::size_t i = 0; i < widths.size(); ++i) {
        if (i < table.widths_min.size()) widths[i] = table.widths_min[i];
        if (style.headers) widths[i] = std::max(widths[i], columns(table.columns[i].title));
        for (const auto& row : table.rows) {
            widths[i] = std::max(widths[i], columns(shown(row[i])));
        }
    }
    return widths;
}

namespace {

// Lines without blanks at their end, whatever their last column.
std::string table_text(const Table& table, const Style& style) {
    std::vector<std::size_t> picked;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        if (!table.columns[i].wide || style.output == Output::kWide) picked.push_back(i);
    }
    std::vector<std::vector<Cell>> rows;
    if (style.headers) {
        auto& titles = rows.emplace_back();
        for (const Column& column : table.columns) titles.push_back({std::string(column.title)});
    }
    rows.insert(rows.end(), table.rows.begin(), table.rows.end());

    const std::vector<std::size_t> widths = widths_of(table, style);
    std::string out;
    for (const auto& row : rows) {
        std::size_t owed = 0;  // blanks that are written once something follows
        for (const std::size_t i : picked) {
            const std::string text = shown(row[i]);
            const std::size_t rest = widths[i] - columns(text);
            const bool right = table.columns[i].numeric;
            out += std::string(owed + (right ? rest : 0), ' ');
            out += painted(text, row[i].tone, style.color);
            owed = kGap + (right ? 0 : rest);
        }
        out += '\n';
    }
    return out;
}

// RFC 4180, with the ends of lines that this system has. All columns; what is empty is empty, and
// bytes are as they were, but for what a spreadsheet would take for a formula.
std::string csv_field(const std::string& text) {
    const bool formula = text.size() > 1 && std::string_view("=+-@\t\r").contains(text.front());
    std::string plain = formula ? "'" + text : text;
    if (plain.find_first_of(",\"\r\n") == std::string::npos) return plain;
    std::string out = "\"";
    for (const char c : plain) {
        out += c;
        if (c == '"') out += c;
    }
    return out + "\"";
}

std::string csv_text(const Table& table, bool headers) {
    std::string out;
    const auto line = [&](const auto& cells, auto text_of) {
        bool first = true;
        for (const auto& cell : cells) {
            if (!std::exchange(first, false)) out += ',';
            out += csv_field(std::string(text_of(cell)));
        }
        out += '\n';
    };
    if (headers) line(table.columns, [](const Column& column) { return column.title; });
    for (const auto& row : table.rows) line(row, [](const Cell& cell) { return cell.text; });
    return out;
}

}  // namespace

std::string render(const Answer& answer, const Style& style) {
    if (answer.script) return answer.verbatim;
    if (style.output == Output::kJson) return to_json(answer.data);
    if (style.output == Output::kYaml) return to_yaml(answer.data);
    if (style.output == Output::kCsv && !answer.table.columns.empty()) {
        return csv_text(answer.table, style.headers);
    }
    if (!answer.verbatim.empty()) return answer.verbatim;
    std::string out = fields_text(answer.fields, style.color);
    for (const Table* table : {&answer.table, &answer.detail}) {
        if (table->rows.empty()) continue;
        if (table == &answer.detail && style.output != Output::kWide) continue;
        if (!out.empty()) out += '\n';
        out += table_text(*table, style);
    }
    return out;
}

}  // namespace vidai::cli::print
