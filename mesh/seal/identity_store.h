// SPDX-License-Identifier: Apache-2.0
// Identities on the disk: reads identity files, writes files once, and keeps a node's key and
// generation durably. Blocking; called at start, before threads. What is in the files is
// identity.h's business, how they get there disk.h's.
#pragma once

#include <span>
#include <string>

#include "mesh/seal/disk.h"
#include "mesh/seal/identity.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::seal {

// kNotFound, kIo, kPermissionDenied (others can read the secret), else as the decoders. The
// message names the path and what to do.
Result<Trust> load_trust(const std::string& path);
Result<Root> load_root(const std::string& path);
Result<Issuer> load_issuer(const std::string& path);
Result<Credentials> load_operator(const std::string& path);
Result<Bytes> load_succession(const std::string& path);
// Replaces what is there, or is not, durably.
Result<void> store_succession(const std::string& directory, ByteView signed_by_both);

// Differs when the file there was changed or replaced; empty: there is none.
std::string change_stamp(const std::string& path);

// Writes all of them, durably, into `directory` (made 0700 if absent), or none: kAlreadyExists
// when any of them is there, and nothing is ever overwritten.
Result<void> write_new_files(const std::string& directory, std::span<const NewFile> files);

// The node's key and this start's generation, durably counted, from DATA_DIR/identity. Makes both
// when the folder is absent: that, and only that, is a first start. Anything missing or damaged
// inside it is refused with the way to recover. The caller holds the data directory's lock.
Result<NodeIdentity> open_node_identity(const std::string& data_dir, RandomSource& random,
                                        const Disk& disk = system_disk());

// Has the next start count on from `identity`, whose key must be the one in DATA_DIR/identity.
// Blocking.
Result<void> count_starts(const std::string& data_dir, const NodeIdentity& identity,
                          const Disk& disk = system_disk());

// DATA_DIR/identity/certificate, 0600: what a node keeps that another one certified. kNotFound when
// there is none; kCorrupt says how to recover.
std::string membership_path(const std::string& data_dir);
Result<StoredMembership> load_membership(const std::string& data_dir);
Result<void> store_membership(const std::string& data_dir, const StoredMembership& held);

}  // namespace vidai::mesh::seal
