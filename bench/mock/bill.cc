// SPDX-License-Identifier: Apache-2.0
#include "bench/mock/bill.h"

#include <algorithm>

#include "bench/mock/text.h"

namespace vidai::bench::mock {

Bill::Ticket Bill::start(const std::string& credential, const std::string& model) {
    auto row = std::find_if(rows_.begin(), rows_.end(), [&](const Row& r) {
        return r.credential == credential && r.model == model;
    });
    if (row == rows_.end()) {
        const bool last = rows_.size() + 1 >= kRowsMax;
        if (rows_.size() < kRowsMax) {
            Row& added = rows_.emplace_back();
            added.credential = last ? "(others)" : credential;
            added.model = last ? "(others)" : model;
        }
        row = rows_.end() - 1;
    }
    ++row->started;
    return {.epoch = epoch_, .row = static_cast<std::size_t>(row - rows_.begin())};
}

Bill::Row* Bill::row_of(const Ticket& ticket) {
    return ticket.epoch == epoch_ ? &rows_[ticket.row] : nullptr;
}

void Bill::add_input(const Ticket& ticket, std::uint64_t tokens, std::uint64_t cached) {
    if (Row* row = row_of(ticket)) {
        row->input_tokens += tokens;
        row->cached_tokens += cached;
    }
}

void Bill::add_produced(Ticket& ticket, std::uint64_t tokens) {
    ticket.output_tokens += tokens;
    if (Row* row = row_of(ticket)) row->produced += tokens;
}

void Bill::add_sent(const Ticket& ticket, std::uint64_t tokens) {
    if (Row* row = row_of(ticket)) row->sent += tokens;
}

void Bill::end(const Ticket& ticket, End how, std::chrono::nanoseconds after) {
    Row* row = row_of(ticket);
    if (row == nullptr) return;
    ++row->ended[static_cast<std::size_t>(how)];
    if (how != End::kAborted) return;
    if (row->aborts.size() == kAbortsMax) row->aborts.pop_front();
    row->aborts.push_back({.after = after, .output_tokens = ticket.output_tokens});
}

void Bill::reset() {
    ++epoch_;
    rows_.clear();
}

std::string Bill::json() const {
    std::string out = "{\"rows\":[";
    for (const Row& row : rows_) {
        if (&row != &rows_.front()) out += ',';
        append(out, "{\"credential\":", json_string(row.credential),
               ",\"model\":", json_string(row.model), ",\"started\":", row.started,
               ",\"finished\":", row.ended[0], ",\"rejected\":", row.ended[1],
               ",\"broken\":", row.ended[2], ",\"aborted\":", row.ended[3],
               ",\"input_tokens\":", row.input_tokens, ",\"cached_tokens\":", row.cached_tokens,
               ",\"output_tokens\":", row.produced, ",\"output_tokens_sent\":", row.sent,
               ",\"aborts\":[");
        for (const Abort& abort : row.aborts) {
            if (&abort != &row.aborts.front()) out += ',';
            append(out, "{\"after_us\":", abort.after.count() / 1000,
                   ",\"output_tokens\":", abort.output_tokens, "}");
        }
        out += "]}";
    }
    return out += "]}\n";
}

}  // namespace vidai::bench::mock
