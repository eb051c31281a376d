// SPDX-License-Identifier: Apache-2.0
// All events of a folder, for whoever asks: files that are written to meanwhile, and what is left
// of damaged ones. Blocking; any thread, and other processes.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "mesh/journal/journal.h"
#include "mesh/usage/numbers.h"
#include "mesh/usage/segment.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::usage {

// A file, of which something cannot be read.
struct Unread {
    std::string path;
    std::uint64_t bytes = 0;  // that are passed over, where the rest was read
    Error why;
};

// Gives `read` each event of the file, by rising number; where it is damaged, those of the records
// that are whole, and adds to `unread`. False: it is not there.
bool read_segment(const std::string& path, const journal::Owner& origin, const Segment::Read& read,
                  std::vector<Unread>& unread);

// Gives `read` each event of the span in `folder`, by rising number. Beyond Counts::synced a number
// may yet be lost with its event and given again, so nothing beyond it is told to another node.
// Returns what could not be read, a file each; empty: all was. A folder that is not there has no
// events. Takes the memory of one file at a time, and ends behind one once it is asked to stop.
std::vector<Unread> read_folder(const std::string& folder, const journal::Owner& origin,
                                const Span& span, const Segment::Read& read,
                                const std::stop_token& stop = {});

}  // namespace vidai::mesh::usage
