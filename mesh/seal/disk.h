// SPDX-License-Identifier: Apache-2.0
// Disk: the one place where identities and the node's memory meet a disk: whole files in, whole
// files out. What is written is there after a crash at any point, either as it was before or as it
// is now; a write that fails leaves what was there, and nothing beside it. The three calls that a
// disk fails with can be replaced, so that tests see a full and a broken one. Blocking; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "mesh/seal/encoding.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::seal {

enum class Privacy : std::uint8_t { kPublic, kSecret };

class Disk {
  public:
    virtual ~Disk() = default;

    // All of a regular file of at most `most` bytes. kNotFound, kIo, kPermissionDenied (also a
    // secret that others can read or change), kConfigInvalid for what is no such file. The message
    // names the path and what to do. Bytes that were read are wiped where that fails.
    Result<Bytes> read(const std::string& path, Privacy privacy, std::size_t most) const;
    // A file that is not there yet: kAlreadyExists.
    Result<void> create(const std::string& path, ByteView bytes, ::mode_t mode) const;
    // Takes the place of what is there, if anything, mode 0600, by way of PATH.new. One writer at a
    // time.
    Result<void> replace(const std::string& path, ByteView bytes) const;
    // What is in a directory, as far as names go, survives a crash.
    Result<void> sync_directory(const std::string& path) const;
    Result<void> rename(const std::string& from, const std::string& to) const;

  protected:
    // As the system calls of these names.
    virtual ssize_t do_write(int fd, const void* bytes, std::size_t size) const;
    virtual int do_sync(int fd) const;
    virtual int do_rename(const char* from, const char* to) const;
};
const Disk& system_disk();

std::string folder_of(std::string path);
// kNotFound, kPermissionDenied, kAlreadyExists or kIo: "cannot DOING PATH: why".
std::unexpected<Error> io_error(int number, std::string_view doing, const std::string& path);

}  // namespace vidai::mesh::seal
