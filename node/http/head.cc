// SPDX-License-Identifier: Apache-2.0
#include "node/http/head.h"

#include <algorithm>

#include "node/http/head_parser.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::http {

Field MessageHead::field(std::size_t i) const {
    CHECK(i < count_);
    const Slot& slot = fields_[i];
    return Field{{base_ + slot.name_at, slot.name_size},
                 {base_ + slot.value_at, slot.value_size},
                 slot.known};
}

std::string_view MessageHead::find(std::string_view name) const {
    for (std::size_t i = 0; i < count_; ++i) {
        const Field candidate = field(i);
        if (equals_ignoring_case(candidate.name, name)) return candidate.value;
    }
    return {};
}

bool MessageHead::hop_by_hop(std::size_t i) const {
    const Field candidate = field(i);
    if (candidate.known != KnownField::kOther &&
        (field_bit(candidate.known) & kHopByHopFields) != 0) {
        return true;
    }
    if (!connection_names_fields_) return false;
    for (std::size_t j = 0; j < count_; ++j) {
        if (fields_[j].known != KnownField::kConnection) continue;
        std::string_view list = field(j).value;
        while (!list.empty()) {
            if (equals_ignoring_case(next_list_item(list), candidate.name)) return true;
        }
    }
    return false;
}

void MessageHead::reset_fields() {
    parsed_ = 0;
    count_ = 0;
    repeated_ = 0;
    content_length_ = 0;
    start_line_done_ = false;
    keep_alive_ = false;
    connection_names_fields_ = false;
    framing_ = Framing::kNone;
    slots_.fill(0);
}

void RequestHead::reset() {
    reset_fields();
    expect_continue_ = false;
    path_ = query_ = authority_ = Slice{};
}

void ResponseHead::reset() {
    reset_fields();
    status_ = 0;
}

std::string_view next_list_item(std::string_view& list) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!item.empty() && blank(item.front())) item.remove_prefix(1);
    while (!item.empty() && blank(item.back())) item.remove_suffix(1);
    return item;
}

}  // namespace vidai::node::http
