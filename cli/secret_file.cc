// SPDX-License-Identifier: Apache-2.0
#include "cli/secret_file.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vidai::cli {
namespace {

std::unexpected<Error> failed(const std::string& path, int error) {
    if (error == EEXIST) {
        return fail(ErrorCode::kAlreadyExists,
                    path +
                        " exists and is not overwritten: name another file with --out, or move "
                        "the old one away",
                    "--out");
    }
    return fail(ErrorCode::kIo,
                "cannot write " + path + ": " + std::generic_category().message(error) +
                    "; --out names another file",
                "--out");
}

}  // namespace

Result<SecretFile> SecretFile::create(const std::string& path) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return failed(path, errno);
    return SecretFile(path, file);
}

SecretFile::SecretFile(SecretFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      written_(other.written_) {}

SecretFile::~SecretFile() {
    if (file_ < 0) return;
    ::close(file_);
    if (!written_) ::unlink(path_.c_str());
}

Result<void> SecretFile::write(std::string_view text) {
    while (!text.empty()) {
        const ssize_t put = ::write(file_, text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return failed(path_, put < 0 ? errno : EIO);
        text.remove_prefix(static_cast<std::size_t>(put));
    }
    if (::fsync(file_) != 0) return failed(path_, errno);
    written_ = true;
    return {};
}

}  // namespace vidai::cli
