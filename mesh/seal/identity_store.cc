// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/identity_store.h"

#include <cerrno>
#include <limits>
#include <string_view>
#include <utility>

#include <sodium/utils.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mesh/seal/rotation.h"

namespace vidai::mesh::seal {
namespace {

constexpr std::size_t kFileBytesMax = 64 * 1024;
constexpr mode_t kSecretMode = 0600;
constexpr mode_t kPublicMode = 0644;
constexpr mode_t kDirectoryMode = 0700;

Result<Secret> read_file(const Disk& disk, const std::string& path, Privacy privacy) {
    Result<Bytes> bytes = disk.read(path, privacy, kFileBytesMax);
    if (!bytes) return fail(std::move(bytes).error());
    Secret text{std::string(text_of(*bytes))};
    sodium_memzero(bytes->data(), bytes->size());
    return text;
}

Result<void> make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
        return io_error(errno, "create", path);
    }
    return {};
}

bool exists(const std::string& path) {
    struct stat status{};
    return ::lstat(path.c_str(), &status) == 0 || errno != ENOENT;
}

template <class T>
Result<T> load(const std::string& path, Privacy privacy,
               Result<T> (*decode)(std::string_view, std::string_view)) {
    Result<Secret> text = read_file(system_disk(), path, privacy);
    if (!text && text.error().code == ErrorCode::kPermissionDenied) {
        // A file that is public by its nature is another file than was meant: no case for chmod.
        auto open = read_file(system_disk(), path, Privacy::kPublic);
        if (open && decode_trust(open->reveal(), path)) text = std::move(open);
    }
    if (!text) return fail(text.error());
    Result<T> value = decode(text->reveal(), path);
    if (!value && value.error().code == ErrorCode::kCorrupt) {
        value.error().message += ". Restore it from a backup, or make and distribute it again";
    }
    return value;
}

constexpr std::string_view kKeyFile = "node.key";
constexpr std::string_view kGenerationFile = "generation";

std::unexpected<Error> not_made(Error error) {
    error.message = "this node cannot keep an identity, so it has none: " + error.message +
                    ". Make room on that disk, or name a directory that this user may write to "
                    "with --data-dir; the next start is the first one again";
    return fail(std::move(error));
}

// Key and generation appear together, by one rename, so that a crash in a first start leaves
// nothing that looks like a damaged identity.
Result<NodeIdentity> first_start(const std::string& data_dir, const std::string& folder,
                                 RandomSource& random, const Disk& disk) {
    const std::string fresh = folder + ".new";
    const std::string key_path = fresh + "/" + std::string(kKeyFile);
    const std::string generation_path = fresh + "/" + std::string(kGenerationFile);
    ::unlink(key_path.c_str());
    ::unlink(generation_path.c_str());
    if (auto made = make_directory(fresh); !made) return not_made(std::move(made).error());
    NodeIdentity identity{std::make_shared<const SecretKey>(SecretKey::generate(random)),
                          Generation{1}};
    const std::string generation =
        encode_generation(identity.generation, identity.key->public_key());
    Result<void> done =
        disk.create(key_path, bytes_of(encode_node_key(*identity.key).reveal()), kSecretMode);
    if (done) done = disk.create(generation_path, bytes_of(generation), kSecretMode);
    if (done) done = disk.sync_directory(fresh);
    if (done) done = disk.rename(fresh, folder);
    if (done) done = disk.sync_directory(data_dir);
    if (!done) return not_made(std::move(done).error());
    return identity;
}

// Says how to recover; a node must never quietly become another one.
std::unexpected<Error> unusable(Error error, const std::string& folder) {
    error.code = ErrorCode::kCorrupt;
    error.message = "this node's identity is incomplete or damaged: " + error.message +
                    ". Restore " + folder +
                    " from a backup; or, to start as a new node, move that folder away: the mesh "
                    "will see a new key under this node id";
    return fail(std::move(error));
}

// A file that cannot be read may be whole: only one that is not there, or is no file, is damage.
std::unexpected<Error> unreadable(Error error, const std::string& folder) {
    const bool damage =
        error.code == ErrorCode::kNotFound || error.code == ErrorCode::kConfigInvalid;
    if (damage) return unusable(std::move(error), folder);
    return fail(std::move(error));
}

// A start that is not counted would be the last one again, and the mesh would take its word for
// old.
std::unexpected<Error> not_counted(Error error) {
    error.message = "this start cannot be counted, so it is none: " + error.message +
                    ". Make room on the disk or replace it; the identity is as it was";
    return fail(std::move(error));
}

Result<NodeIdentity> next_start(const std::string& folder, const Disk& disk) {
    const std::string key_path = folder + "/" + std::string(kKeyFile);
    const Result<Secret> key_text = read_file(disk, key_path, Privacy::kSecret);
    if (!key_text) return unreadable(key_text.error(), folder);
    Result<std::shared_ptr<const SecretKey>> key = decode_node_key(key_text->reveal(), key_path);
    if (!key) return unusable(std::move(key).error(), folder);
    const std::string generation_path = folder + "/" + std::string(kGenerationFile);
    const Result<Secret> text = read_file(disk, generation_path, Privacy::kPublic);
    if (!text) return unreadable(text.error(), folder);
    Result<Generation> last =
        decode_generation(text->reveal(), (*key)->public_key(), generation_path);
    if (last && last->value == std::numeric_limits<std::uint64_t>::max()) {
        last = fail(ErrorCode::kCorrupt, generation_path + " cannot count further");
    }
    if (!last) return unusable(std::move(last).error(), folder);
    const Generation now{last->value + 1};
    const std::string counted = encode_generation(now, (*key)->public_key());
    if (auto kept = disk.replace(generation_path, bytes_of(counted)); !kept) {
        return not_counted(std::move(kept).error());
    }
    return NodeIdentity{*std::move(key), now};
}

}  // namespace

Result<Trust> load_trust(const std::string& path) {
    return load<Trust>(path, Privacy::kPublic, decode_trust);
}
Result<Root> load_root(const std::string& path) {
    return load<Root>(path, Privacy::kSecret, decode_root);
}
Result<Issuer> load_issuer(const std::string& path) {
    return load<Issuer>(path, Privacy::kSecret, decode_issuer);
}
Result<Credentials> load_operator(const std::string& path) {
    return load<Credentials>(path, Privacy::kSecret, decode_operator);
}

Result<Bytes> load_succession(const std::string& path) {
    return load<Bytes>(path, Privacy::kPublic, decode_succession);
}

Result<void> store_succession(const std::string& directory, ByteView signed_by_both) {
    return system_disk().replace(directory + "/succession",
                                 bytes_of(encode_succession(signed_by_both)));
}

std::string change_stamp(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return {};
    return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) + ":" +
           std::to_string(status.st_size) + ":" + std::to_string(status.st_mtim.tv_sec) + ":" +
           std::to_string(status.st_mtim.tv_nsec) + ":" + std::to_string(status.st_ctim.tv_sec) +
           ":" + std::to_string(status.st_ctim.tv_nsec);  // also of who may read it
}

Result<void> write_new_files(const std::string& directory, std::span<const NewFile> files) {
    if (auto made = make_directory(directory); !made) return made;
    for (const NewFile& file : files) {
        const std::string path = directory + "/" + file.name;
        if (exists(path)) {
            return fail(ErrorCode::kAlreadyExists,
                        path +
                            " exists and is not overwritten: name another directory, or move "
                            "the old files away",
                        path);
        }
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
        const std::string path = directory + "/" + files[i].name;
        auto put = system_disk().create(path, bytes_of(files[i].text.reveal()),
                                        files[i].secret ? kSecretMode : kPublicMode);
        if (put) continue;
        for (std::size_t j = 0; j < i; ++j) {
            ::unlink((directory + "/" + files[j].name).c_str());
        }
        return put;
    }
    if (auto synced = system_disk().sync_directory(directory); !synced) return synced;
    return system_disk().sync_directory(folder_of(directory));
}

Result<NodeIdentity> open_node_identity(const std::string& data_dir, RandomSource& random,
                                        const Disk& disk) {
    const std::string folder = data_dir + "/identity";
    if (auto settled = settle_node_identity(data_dir, disk); !settled) {
        return fail(std::move(settled).error());
    }
    if (!exists(folder)) return first_start(data_dir, folder, random, disk);
    return next_start(folder, disk);
}

Result<void> count_starts(const std::string& data_dir, const NodeIdentity& identity,
                          const Disk& disk) {
    const std::string counted = encode_generation(identity.generation, identity.key->public_key());
    return disk.replace(data_dir + "/identity/" + std::string(kGenerationFile), bytes_of(counted));
}

std::string membership_path(const std::string& data_dir) {
    return data_dir + "/identity/certificate";
}

Result<StoredMembership> load_membership(const std::string& data_dir) {
    const std::string path = membership_path(data_dir);
    const Result<Secret> text = read_file(system_disk(), path, Privacy::kPublic);
    if (!text) return fail(text.error());
    auto held = decode_membership(text->reveal(), path);
    if (held) return held;
    return fail(ErrorCode::kCorrupt,
                held.error().message +
                    ". Restore it from a backup; or remove it and join again with a new token",
                path);
}

Result<void> store_membership(const std::string& data_dir, const StoredMembership& held) {
    return system_disk().replace(membership_path(data_dir), bytes_of(encode_membership(held)));
}

}  // namespace vidai::mesh::seal
