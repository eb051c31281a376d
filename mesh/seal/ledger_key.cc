// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/ledger_key.h"

#include <cerrno>
#include <string_view>
#include <utility>

#include <sodium/utils.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mesh/seal/identity.h"

namespace vidai::mesh::seal {
namespace {

constexpr std::size_t kFileBytesMax = 64 * 1024;
constexpr mode_t kSecretMode = 0600;

bool exists(const std::string& path) {
    struct stat status{};
    return ::lstat(path.c_str(), &status) == 0 || errno != ENOENT;
}

std::unexpected<Error> unusable(Error error, const std::string& folder) {
    if (error.code == ErrorCode::kPermissionDenied) return fail(std::move(error));
    error.code = ErrorCode::kCorrupt;
    error.message =
        "this volume's part in the mesh's money is incomplete or damaged: " + error.message +
        ". Restore " + folder +
        " as it was when this node last ran, never an older copy; or, to give up what "
        "only this volume knows, move that folder away: the node begins with an empty "
        "one, and the others take over what they keep copies of";
    return fail(std::move(error));
}

// Key and journal appear together, by one rename.
Result<LedgerVolume> first_start(const std::string& data_dir, const std::string& folder,
                                 RandomSource& random, const MakeJournal& make_journal,
                                 const Disk& disk) {
    const std::string fresh = folder + ".new";
    for (const char* file : {"/key", "/journal"}) ::unlink((fresh + file).c_str());
    if (::mkdir(fresh.c_str(), 0700) != 0 && errno != EEXIST) {
        return io_error(errno, "create", fresh);
    }
    auto key = std::make_shared<const SecretKey>(SecretKey::generate(random));
    Result<void> done =
        disk.create(fresh + "/key", bytes_of(encode_ledger_key(*key).reveal()), kSecretMode);
    if (done) done = make_journal(fresh + "/journal", *key);
    if (done) done = disk.sync_directory(fresh);
    if (done) done = disk.rename(fresh, folder);
    if (done) done = disk.sync_directory(data_dir);
    if (!done) return fail(std::move(done).error());
    return LedgerVolume{std::move(key), folder + "/journal"};
}

}  // namespace

Result<LedgerVolume> open_ledger_volume(const std::string& data_dir, RandomSource& random,
                                        const MakeJournal& make_journal, const Disk& disk) {
    const std::string folder = data_dir + "/ledger";
    if (exists(folder)) return read_ledger_volume(data_dir, disk);
    return first_start(data_dir, folder, random, make_journal, disk);
}

Result<LedgerVolume> read_ledger_volume(const std::string& data_dir, const Disk& disk) {
    const std::string folder = data_dir + "/ledger";
    const std::string path = folder + "/key";
    Result<Bytes> bytes = disk.read(path, Privacy::kSecret, kFileBytesMax);
    if (!bytes) return unusable(std::move(bytes).error(), folder);
    auto key = decode_ledger_key(text_of(*bytes), path);
    sodium_memzero(bytes->data(), bytes->size());
    if (!key) return unusable(std::move(key).error(), folder);
    std::string journal = folder + "/journal";
    if (!exists(journal)) {
        return unusable({ErrorCode::kCorrupt, journal + " is not there", journal}, folder);
    }
    return LedgerVolume{std::move(*key), std::move(journal)};
}

}  // namespace vidai::mesh::seal
