// SPDX-License-Identifier: Apache-2.0
#include "node/config/system.h"

#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

extern char** environ;

namespace vidai::node::config {
namespace {

std::unexpected<Error> cannot_read(const std::string& path, const std::string& why) {
    return fail(ErrorCode::kIo, "cannot read " + path + ": " + why, path);
}

std::string system_message(int error) {
    return std::generic_category().message(error);
}

}  // namespace

std::map<std::string, std::string> environment() {
    std::map<std::string, std::string> variables;
    for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
        const std::string_view entry(*at);
        const std::size_t equals = entry.find('=');
        if (equals == entry.npos) continue;
        variables.emplace(entry.substr(0, equals), entry.substr(equals + 1));
    }
    return variables;
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return cannot_read(path, system_message(errno));
    std::string text;
    char buffer[16 * 1024];
    ssize_t n = 0;
    while ((n = ::read(fd, buffer, sizeof buffer)) != 0) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break;
        text.append(buffer, static_cast<std::size_t>(n));
        if (text.size() > bytes_max) break;
    }
    const int error = errno;
    ::close(fd);
    if (n < 0) return cannot_read(path, system_message(error));
    if (text.size() > bytes_max) {
        return cannot_read(path, "longer than " + std::to_string(bytes_max) + " bytes");
    }
    return text;
}

}  // namespace vidai::node::config
