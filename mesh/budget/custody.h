// SPDX-License-Identifier: Apache-2.0
// Custody: one custodian's copy of one log. It acknowledges what it has on its disk, and once it
// has sealed the log it never acknowledges it again: whoever collects enough seals knows that
// nothing beyond the longest sealed head has been, or will ever be, committed. The duty belongs to
// the volume, so that seals and copies are read back when its process starts. Pure; one thread.
#pragma once

#include <span>
#include <vector>

#include "mesh/budget/log_state.h"

namespace vidai::mesh::budget {

class Custody {
  public:
    explicit Custody(const LogHeader& header);
    // After a restart: what is on the volume. kCorrupt.
    static Result<Custody> reopen(const LogHeader& header, std::span<const EntryRef> entries,
                                  bool sealed);
    // The same of one that was read from there bit by bit.
    void restart();

    // Entries behind `after`, in order; those that it has are skipped. kConflict: sealed, or others
    // are missing in between. kCorrupt: no honest log says it; the copy stays as it was.
    Result<void> on_append(Seq after, std::span<const EntryRef> entries);
    void on_synced(Seq upto);
    // How much its owner may be told: on this disk, and before any seal.
    Seq acknowledged() const { return acknowledged_; }

    // For ever. To be on the disk, behind all that was appended, before anybody is told the head.
    Seq seal();
    bool sealed() const { return sealed_; }

    Seq synced() const { return synced_; }

    // What the log gave away has arrived; what it did behind `head` does not count.
    void forget_passing(Seq at) { state_.forget_passing(at); }
    void forget_passing_behind(Seq head) { state_.forget_passing_behind(head); }

    const LogState& state() const { return state_; }
    Seq size() const { return state_.seq(); }
    // All behind those that were dropped.
    std::span<const EntryRef> entries() const { return entries_; }
    // They are not needed here any more: whoever asks reads them in their batches.
    void drop_entries() { entries_.clear(); }
    const LogHeader& header() const { return header_; }

  private:
    LogHeader header_;
    LogState state_;
    std::vector<EntryRef> entries_;
    Seq synced_ = 0;
    Seq acknowledged_ = 0;
    bool sealed_ = false;
};

}  // namespace vidai::mesh::budget
