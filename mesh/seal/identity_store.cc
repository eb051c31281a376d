// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/identity_store.h"

#include <array>
#include <cerrno>
#include <limits>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sodium/utils.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vidai::mesh::seal {
namespace {

constexpr std::size_t kFileBytesMax = 64 * 1024;
constexpr mode_t kSecretMode = 0600;
constexpr mode_t kPublicMode = 0644;
constexpr mode_t kDirectoryMode = 0700;

std::unexpected<Error> io_error(int number, std::string_view doing, const std::string& path) {
    ErrorCode code = ErrorCode::kIo;
    if (number == ENOENT) code = ErrorCode::kNotFound;
    if (number == EACCES || number == EPERM) code = ErrorCode::kPermissionDenied;
    if (number == EEXIST) code = ErrorCode::kAlreadyExists;
    return fail(code,
                "cannot " + std::string(doing) + " " + path + ": " +
                    std::generic_category().message(number),
                path);
}

class File {
  public:
    File(const std::string& path, int flags, mode_t mode = 0)
        : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int fd() const { return fd_; }
    bool is_open() const { return fd_ >= 0; }

  private:
    int fd_;
};

// Others must not read a secret. A file of ours must not be readable by its group either; one of
// somebody else's (a mounted Kubernetes secret: root's, our group) we could not read otherwise.
Result<void> check_private(const struct stat& status, const std::string& path) {
    const mode_t forbidden = status.st_uid == ::geteuid() ? 077 : 027;
    if ((status.st_mode & forbidden) == 0) return {};
    std::array<char, 8> mode{};
    for (int i = 0; i < 4; ++i) {
        mode[static_cast<std::size_t>(i)] =
            static_cast<char>('0' + (status.st_mode >> (9 - 3 * i) & 7));
    }
    return fail(ErrorCode::kPermissionDenied,
                path + " holds a secret and others can read or change it (mode " + mode.data() +
                    "): run `chmod 600 " + path + "`",
                path);
}

enum class Privacy : std::uint8_t { kPublic, kSecret };

Result<Secret> read_file(const std::string& path, Privacy privacy) {
    const File file(path, O_RDONLY | O_NONBLOCK);  // a FIFO must not stop the start
    if (!file.is_open()) return io_error(errno, "read", path);
    struct stat status{};
    if (::fstat(file.fd(), &status) != 0) return io_error(errno, "inspect", path);
    if (!S_ISREG(status.st_mode) || static_cast<std::size_t>(status.st_size) > kFileBytesMax) {
        return fail(ErrorCode::kConfigInvalid,
                    path + " is not an identity file: expected a small regular file", path);
    }
    if (privacy == Privacy::kSecret) {
        if (auto good = check_private(status, path); !good) return fail(std::move(good).error());
    }
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(file.fd(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            const int number = errno;
            sodium_memzero(text.data(), text.size());
            return io_error(number, "read", path);
        }
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    return Secret(std::move(text));
}

Result<void> sync_directory(const std::string& path) {
    const File directory(path, O_RDONLY | O_DIRECTORY);
    if (!directory.is_open()) return io_error(errno, "open", path);
    if (::fsync(directory.fd()) != 0) return io_error(errno, "sync", path);
    return {};
}

// A new file with all of `text` on the disk; nothing is left behind when that fails.
Result<void> write_new(const std::string& path, std::string_view text, mode_t mode) {
    const File file(path, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (!file.is_open()) return io_error(errno, "create", path);
    int number = 0;
    while (!text.empty() && number == 0) {
        const ssize_t put = ::write(file.fd(), text.data(), text.size());
        if (put >= 0) {
            text.remove_prefix(static_cast<std::size_t>(put));
        } else if (errno != EINTR) {
            number = errno;
        }
    }
    if (number == 0 && ::fsync(file.fd()) != 0) number = errno;
    if (number == 0) return {};
    ::unlink(path.c_str());
    return io_error(number, "write", path);
}

// Replaces a file so that a crash leaves the old or the new one, whole.
Result<void> replace(const std::string& directory, const std::string& name, std::string_view text) {
    const std::string path = directory + "/" + name;
    const std::string fresh = path + ".new";
    ::unlink(fresh.c_str());  // what a crash left
    if (auto put = write_new(fresh, text, kSecretMode); !put) return put;
    if (::rename(fresh.c_str(), path.c_str()) != 0) return io_error(errno, "replace", path);
    return sync_directory(directory);
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

std::string parent_of(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

template <class T>
Result<T> load(const std::string& path, Privacy privacy,
               Result<T> (*decode)(std::string_view, std::string_view)) {
    const Result<Secret> text = read_file(path, privacy);
    if (!text) return fail(text.error());
    Result<T> value = decode(text->reveal(), path);
    if (!value) {
        value.error().message += ". Restore it from a backup, or make and distribute it again";
    }
    return value;
}

constexpr std::string_view kKeyFile = "node.key";
constexpr std::string_view kGenerationFile = "generation";

// Key and generation appear together, by one rename, so that a crash in a first start leaves
// nothing that looks like a damaged identity.
Result<NodeIdentity> first_start(const std::string& data_dir, const std::string& folder,
                                 RandomSource& random) {
    const std::string fresh = folder + ".new";
    const std::string key_path = fresh + "/" + std::string(kKeyFile);
    const std::string generation_path = fresh + "/" + std::string(kGenerationFile);
    ::unlink(key_path.c_str());
    ::unlink(generation_path.c_str());
    if (auto made = make_directory(fresh); !made) return fail(std::move(made).error());
    NodeIdentity identity{std::make_shared<const SecretKey>(SecretKey::generate(random)),
                          Generation{1}};
    const std::string generation =
        encode_generation(identity.generation, identity.key->public_key());
    Result<void> done = write_new(key_path, encode_node_key(*identity.key).reveal(), kSecretMode);
    if (done) done = write_new(generation_path, generation, kSecretMode);
    if (done) done = sync_directory(fresh);
    if (done && ::rename(fresh.c_str(), folder.c_str()) != 0) {
        done = io_error(errno, "create", folder);
    }
    if (done) done = sync_directory(data_dir);
    if (!done) return fail(std::move(done).error());
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

Result<NodeIdentity> next_start(const std::string& folder) {
    const std::string key_path = folder + "/" + std::string(kKeyFile);
    const Result<Secret> key_text = read_file(key_path, Privacy::kSecret);
    if (!key_text) return unreadable(key_text.error(), folder);
    Result<std::shared_ptr<const SecretKey>> key = decode_node_key(key_text->reveal(), key_path);
    if (!key) return unusable(std::move(key).error(), folder);
    const std::string generation_path = folder + "/" + std::string(kGenerationFile);
    const Result<Secret> text = read_file(generation_path, Privacy::kPublic);
    if (!text) return unreadable(text.error(), folder);
    Result<Generation> last =
        decode_generation(text->reveal(), (*key)->public_key(), generation_path);
    if (last && last->value == std::numeric_limits<std::uint64_t>::max()) {
        last = fail(ErrorCode::kCorrupt, generation_path + " cannot count further");
    }
    if (!last) return unusable(std::move(last).error(), folder);
    const Generation now{last->value + 1};
    auto kept =
        replace(folder, std::string(kGenerationFile), encode_generation(now, (*key)->public_key()));
    if (!kept) return fail(std::move(kept).error());
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
    return replace(directory, "succession", encode_succession(signed_by_both));
}

std::string change_stamp(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return {};
    return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) + ":" +
           std::to_string(status.st_size) + ":" + std::to_string(status.st_mtim.tv_sec) + ":" +
           std::to_string(status.st_mtim.tv_nsec);
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
        auto put =
            write_new(path, files[i].text.reveal(), files[i].secret ? kSecretMode : kPublicMode);
        if (put) continue;
        for (std::size_t j = 0; j < i; ++j) {
            ::unlink((directory + "/" + files[j].name).c_str());
        }
        return put;
    }
    if (auto synced = sync_directory(directory); !synced) return synced;
    return sync_directory(parent_of(directory));
}

Result<NodeIdentity> open_node_identity(const std::string& data_dir, RandomSource& random) {
    const std::string folder = data_dir + "/identity";
    if (!exists(folder)) return first_start(data_dir, folder, random);
    return next_start(folder);
}

std::string membership_path(const std::string& data_dir) {
    return data_dir + "/identity/certificate";
}

Result<StoredMembership> load_membership(const std::string& data_dir) {
    const std::string path = membership_path(data_dir);
    const Result<Secret> text = read_file(path, Privacy::kPublic);
    if (!text) return fail(text.error());
    auto held = decode_membership(text->reveal(), path);
    if (held) return held;
    return fail(ErrorCode::kCorrupt,
                held.error().message +
                    ". Restore it from a backup; or remove it and join again with a new token",
                path);
}

Result<void> store_membership(const std::string& data_dir, const StoredMembership& held) {
    return replace(data_dir + "/identity", "certificate", encode_membership(held));
}

}  // namespace vidai::mesh::seal
