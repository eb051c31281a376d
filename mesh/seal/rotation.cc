// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/rotation.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include <sys/stat.h>

#include "mesh/seal/identity_store.h"

namespace vidai::mesh::seal {

namespace {

namespace fs = std::filesystem;

constexpr mode_t kSecretMode = 0600;

Bytes rotation_bytes(const PublicKey& held, const MeshId& mesh, const NodeId& node,
                     const PublicKey& next) {
    Bytes out;
    Writer(out).fixed(mesh.bytes).var8(bytes_of(node.str())).fixed(held.bytes).fixed(next.bytes);
    return out;
}

struct Places {
    explicit Places(const std::string& data_dir)
        : now(data_dir + "/identity"), next(now + ".next"), old(now + ".old") {}
    std::string now, next, old;
};

bool exists(const std::string& path) {
    std::error_code error;
    return fs::exists(path, error);
}

// What cannot be removed is tried again at the next start.
void discard(const std::string& folder) {
    std::error_code error;
    fs::remove_all(folder, error);
}

Result<void> write_identity(const std::string& folder, const NodeIdentity& identity,
                            const std::optional<StoredMembership>& held, const Disk& disk) {
    if (::mkdir(folder.c_str(), 0700) != 0) return io_error(errno, "create", folder);
    const std::string generation =
        encode_generation(identity.generation, identity.key->public_key());
    Result<void> done = disk.create(folder + "/node.key",
                                    bytes_of(encode_node_key(*identity.key).reveal()), kSecretMode);
    if (done) done = disk.create(folder + "/generation", bytes_of(generation), kSecretMode);
    if (done && held) {
        done =
            disk.create(folder + "/certificate", bytes_of(encode_membership(*held)), kSecretMode);
    }
    if (done) done = disk.sync_directory(folder);
    return done;
}

void roll_back(const Places& at, const Disk& disk) {
    if (exists(at.old)) {
        if (exists(at.now)) (void)disk.rename(at.now, at.next);
        (void)disk.rename(at.old, at.now);
    }
    discard(at.next);
}

}  // namespace

Signature sign_rotation(const SecretKey& next, const PublicKey& held, const MeshId& mesh,
                        const NodeId& node) {
    return next.sign(Domain::kKeyRotation, rotation_bytes(held, mesh, node, next.public_key()));
}

bool verify_rotation(const PublicKey& next, const PublicKey& held, const MeshId& mesh,
                     const NodeId& node, const Signature& proof) {
    return verify(next, Domain::kKeyRotation, rotation_bytes(held, mesh, node, next), proof);
}

Result<void> replace_node_identity(const std::string& data_dir, const NodeIdentity& identity,
                                   const std::optional<StoredMembership>& held, const Disk& disk) {
    const Places at(data_dir);
    discard(at.next);
    discard(at.old);
    Result<void> done = write_identity(at.next, identity, held, disk);
    if (done) done = disk.rename(at.now, at.old);
    if (done) done = disk.sync_directory(data_dir);
    if (done) done = disk.rename(at.next, at.now);
    if (done) done = disk.sync_directory(data_dir);
    if (!done) {
        roll_back(at, disk);
        return done;
    }
    discard(at.old);
    return {};
}

Result<void> settle_node_identity(const std::string& data_dir, const Disk& disk) {
    const Places at(data_dir);
    if (!exists(at.now) && exists(at.old)) {
        // The next one was whole before the old one was moved away.
        if (auto moved = disk.rename(exists(at.next) ? at.next : at.old, at.now); !moved) {
            return moved;
        }
        if (auto synced = disk.sync_directory(data_dir); !synced) return synced;
    }
    discard(at.next);
    discard(at.old);
    return {};
}

}  // namespace vidai::mesh::seal
