// SPDX-License-Identifier: Apache-2.0
// Rewrite: a journal without what nobody needs any more. It is written beside the one that is in
// use, a piece at a time, while that one goes on; what is committed meanwhile comes behind it; and
// when it has all it takes the other's place by one rename. A crash on the way leaves one of the
// two, whole. One thread, that of the journal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mesh/journal/journal.h"
#include "mesh/journal/volume.h"

namespace vidai::mesh::journal {

class Rewrite {
  public:
    struct Record {
        std::uint8_t kind = 0;
        seal::Bytes bytes;
    };
    using Source = std::function<Record()>;
    struct Made {
        std::unique_ptr<Volume> volume;
        Journal journal;  // on it
    };

    // Of the journal at `path`: it is to have these, in order. kIo.
    static Result<Rewrite> begin(const std::string& path, const Owner& owner,
                                 seal::RandomSource& random, std::vector<Source> records);
    // Given up: what is beside the journal is removed.
    ~Rewrite();
    Rewrite(Rewrite&& other) noexcept;
    Rewrite& operator=(Rewrite&&) = delete;
    Rewrite(const Rewrite&) = delete;
    Rewrite& operator=(const Rewrite&) = delete;

    // Was committed to the journal since begin().
    void add(std::uint8_t kind, seal::ByteView bytes);
    // Writes and syncs another piece, a MiB or a record beyond it. True: nothing is left of what
    // it began with. kIo: give it up; the journal is as it was.
    Result<bool> step();
    // The rest, whatever there is of it. kIo, as step().
    Result<void> finish();
    // From here on this is the journal. kIo: then nobody knows which of the two is, and neither may
    // be written to before it has been read again.
    Result<Made> take_place() &&;

  private:
    Rewrite(std::unique_ptr<Volume> volume, Journal journal, std::vector<Source> records);

    std::unique_ptr<Volume> volume_;
    Journal journal_;
    std::vector<Source> records_;
    std::size_t written_ = 0;  // of those
    std::vector<Record> behind_;
};

}  // namespace vidai::mesh::journal
