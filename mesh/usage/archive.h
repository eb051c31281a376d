// SPDX-License-Identifier: Apache-2.0
// Archive: DATA_DIR/usage, with a folder for each origin whose events lie on this volume: its own,
// and any that it had before or keeps copies of. Where an event lies does not matter to a report:
// its origin and number name it. Blocking; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/journal/journal.h"
#include "mesh/seal/keys.h"
#include "mesh/usage/reading.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::usage {

// Named by the 64 hex digits of its key.
std::string origin_folder(const std::string& archive, const seal::PublicKey& origin);
std::optional<seal::PublicKey> parse_origin(std::string_view hex);
// By rising key; other names are passed over. An archive that is not there has none. kIo.
Result<std::vector<seal::PublicKey>> list_origins(const std::string& archive);

// Makes the archive, and moves what an earlier program left in it, files without a folder, to those
// of their origins: one of which nobody knows whose it is, and one of another mesh, stays where it
// is and is returned. One that was never finished is `own`. Nothing else may write there. kIo.
Result<std::vector<Unread>> open_archive(const std::string& archive, const journal::Owner& own);

}  // namespace vidai::mesh::usage
