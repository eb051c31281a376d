// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/custody.h"

#include <algorithm>

#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::budget {

Custody::Custody(const LogHeader& header) : header_(header), state_(header) {}

Result<Custody> Custody::reopen(const LogHeader& header, std::span<const EntryRef> entries,
                                bool sealed) {
    Custody copy(header);
    if (auto read = copy.on_append(0, entries); !read) return fail(std::move(read).error());
    copy.on_synced(entries.size());
    copy.sealed_ = sealed;
    copy.restart();
    return copy;
}

void Custody::restart() {
    if (VIDAI_MUTANT("seal-forgotten")) sealed_ = false;
}

Result<void> Custody::on_append(Seq after, std::span<const EntryRef> entries) {
    if (sealed_ && !VIDAI_MUTANT("acknowledged-after-seal")) {
        return fail(ErrorCode::kConflict, "this custodian has sealed the log");
    }
    if (after > state_.seq()) return fail(ErrorCode::kConflict, "entries before these are missing");
    for (const EntryRef& entry : entries.subspan(std::min(entries.size(), state_.seq() - after))) {
        if (auto allowed = state_.apply(*entry); !allowed) {
            return fail(ErrorCode::kCorrupt, allowed.error().message);
        }
        entries_.push_back(entry);
    }
    if (VIDAI_MUTANT("acknowledged-before-sync")) acknowledged_ = state_.seq();
    return {};
}

void Custody::on_synced(Seq upto) {
    CHECK(upto <= state_.seq());
    synced_ = std::max(synced_, upto);
    if (!sealed_ || VIDAI_MUTANT("acknowledged-after-seal")) acknowledged_ = synced_;
}

Seq Custody::seal() {
    sealed_ = true;
    synced_ = state_.seq();
    return synced_;
}

}  // namespace vidai::mesh::budget
