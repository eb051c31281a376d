// SPDX-License-Identifier: Apache-2.0
// The writing half of context_file.h, which is all system calls.
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/context/context_file.h"

namespace vidai::cli::context {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> failed(const std::string& path, int error) {
    return fail(ErrorCode::kIo,
                "cannot write the contexts to " + path + ": " +
                    std::generic_category().message(error) + "; --config names another file",
                path);
}

class Descriptor {
  public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    int get() const { return number_; }

  private:
    int number_;
};

// Behind a symbolic link, so that the link survives the rename.
std::string behind_links(const std::string& path) {
    std::error_code error;
    const fs::path target = fs::weakly_canonical(path, error);
    return error ? path : target.string();
}

bool make_folder(const fs::path& folder) {
    std::error_code error;
    if (fs::is_directory(folder, error)) return true;
    if (folder.has_parent_path() && folder.parent_path() != folder &&
        !make_folder(folder.parent_path())) {
        return false;
    }
    return ::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST;
}

bool write_whole(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(file, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return ::fsync(file) == 0;
}

Result<void> replace(const std::string& path, std::string_view text, int folder) {
    const std::string fresh = path + ".new";
    ::unlink(fresh.c_str());  // of a process that died; the folder's lock says that it is nobody's
    const Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) return failed(path, errno);
    if (!write_whole(file.get(), text) || ::rename(fresh.c_str(), path.c_str()) != 0) {
        const int error = errno;
        ::unlink(fresh.c_str());
        return failed(path, error);
    }
    if (::fsync(folder) != 0) return failed(path, errno);
    return {};
}

}  // namespace

Result<void> update_contexts(const std::string& path,
                             const std::function<Result<void>(ContextFile&)>& edit) {
    const std::string target = behind_links(path);
    fs::path parent = fs::path(target).parent_path();
    if (parent.empty()) parent = ".";
    if (!make_folder(parent)) return failed(path, errno);
    const Descriptor folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0) return failed(path, errno);
    while (::flock(folder.get(), LOCK_EX) != 0) {
        if (errno != EINTR) return failed(path, errno);
    }
    Result<ContextFile> file = load_contexts(target);
    if (!file) return fail(std::move(file).error());
    if (auto edited = edit(*file); !edited) return fail(std::move(edited).error());
    const std::string text =
        "# Contexts of vidaictl. Comments are not kept when it writes this file.\n" +
        print::to_yaml(to_value(*file));
    return replace(target, text, folder.get());
}

}  // namespace vidai::cli::context
