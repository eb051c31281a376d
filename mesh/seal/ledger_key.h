// SPDX-License-Identifier: Apache-2.0
// The key of a volume's part in the mesh's money, in DATA_DIR/ledger, beside the journal that it
// signs for. It is made with the volume: an empty one has another, so that nobody can take it for
// the one that was lost. Blocking; called at start.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "mesh/seal/disk.h"
#include "mesh/seal/keys.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::seal {

struct LedgerVolume {
    std::shared_ptr<const SecretKey> key;
    std::string journal;  // its path
};

// Makes an empty journal of that key's at `path`, synced but for its name.
using MakeJournal = std::function<Result<void>(const std::string& path, const SecretKey& key)>;

// Makes the folder, the key and the journal when the folder is absent: that, and only that, is an
// empty volume. Else as read_ledger_volume(). The caller holds the data directory's lock.
Result<LedgerVolume> open_ledger_volume(const std::string& data_dir, RandomSource& random,
                                        const MakeJournal& make_journal,
                                        const Disk& disk = system_disk());

// Of one that has been made. kCorrupt, with the way to recover, when anything in it is missing or
// damaged; kIo.
Result<LedgerVolume> read_ledger_volume(const std::string& data_dir,
                                        const Disk& disk = system_disk());

}  // namespace vidai::mesh::seal
