// SPDX-License-Identifier: Apache-2.0
// Volume: one file that a journal is written into, as far as a disk keeps promises: bytes that were
// written are there, or not, or in part, until a sync has returned, and there for good after it.
// Blocking; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "mesh/seal/encoding.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::journal {

class Volume {
  public:
    virtual ~Volume() = default;

    // Each kIo where the system call failed, or no space is left; what it did is then unknown.
    virtual Result<std::uint64_t> size() = 0;
    // As many bytes as there are, up to out.size().
    virtual Result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> out) = 0;
    virtual Result<void> write(std::uint64_t offset, seal::ByteView bytes) = 0;
    virtual Result<void> truncate(std::uint64_t size) = 0;
    virtual Result<void> sync() = 0;

    virtual const std::string& name() const = 0;  // for messages: its path
};

// A regular file, made with mode 0600 if it is not there, its name synced in its folder, and locked
// against other processes for as long as this lives. kConflict where one has it.
Result<std::unique_ptr<Volume>> open_file(const std::string& path);

// An empty one beside `path`, in place of what an earlier attempt has left there, and locked as
// that by open_file(). It gets that name, and takes the place of who has it, by take_place(): once
// that returns, for good.
Result<std::unique_ptr<Volume>> create_beside(const std::string& path);
Result<void> take_place(const Volume& of);
// Removes what create_beside() has left.
void remove_beside(const std::string& path);

// A copy in memory that takes what is written to it and leaves the file alone; another process may
// be writing to that. kNotFound, kIo; kCorrupt: larger than that.
Result<std::unique_ptr<Volume>> copy_file(const std::string& path, std::size_t bytes_max);

}  // namespace vidai::mesh::journal
