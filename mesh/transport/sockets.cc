// SPDX-License-Identifier: Apache-2.0
#include "mesh/transport/sockets.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace vidai::mesh::transport {

namespace {

constexpr int kBacklog = 128;

std::unexpected<Error> bad_address(const std::string& text) {
    return fail(ErrorCode::kConfigInvalid,
                "'" + text + "' is not HOST:PORT, such as 10.0.0.7:7420 or [::1]:7420", text);
}

std::unexpected<Error> cannot_listen(const std::string& where, int error) {
    std::string message = "cannot listen on " + where + ": " + std::strerror(error);
    if (error == EADDRINUSE) message += ". Another process has it; is a node running already?";
    return fail(ErrorCode::kIo, std::move(message), where);
}

Result<Listening> listen_on(const addrinfo& address, const std::string& where) {
    constexpr int kKind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    OwnFd fd(::socket(address.ai_family, kKind, 0));
    if (!fd) return cannot_listen(where, errno);
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(fd.get(), address.ai_addr, address.ai_addrlen) != 0 ||
        ::listen(fd.get(), kBacklog) != 0) {
        return cannot_listen(where, errno);
    }
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
        return cannot_listen(where, errno);
    }
    const in_port_t port = bound.ss_family == AF_INET6
                               ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                               : reinterpret_cast<const sockaddr_in&>(bound).sin_port;
    return Listening{std::move(fd), ntohs(port)};
}

}  // namespace

OwnFd::~OwnFd() {
    if (fd_ >= 0) ::close(fd_);
}

Result<HostPort> parse_host_port(const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0 || text.size() > 255) return bad_address(text);
    HostPort out{text.substr(0, colon), 0};
    if (out.host.front() == '[') {
        if (out.host.size() < 3 || out.host.back() != ']') return bad_address(text);
        out.host = out.host.substr(1, out.host.size() - 2);
    } else if (out.host.find(':') != std::string::npos) {
        return bad_address(text);
    }
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, out.port);
    if (error != std::errc() || stop != end || out.port == 0) return bad_address(text);
    return out;
}

std::string to_string(const HostPort& address) {
    const bool bare6 = address.host.find(':') != std::string::npos;
    return (bare6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Result<Listening> listen_tcp(const std::string& host, std::uint16_t port) {
    const std::string where = to_string({host, port});
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (error != 0) {
        return fail(ErrorCode::kConfigInvalid,
                    "cannot listen on " + where + ": " + ::gai_strerror(error), where);
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, ::freeaddrinfo);
    return listen_on(*found, where);
}

Result<OwnFd> listen_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return fail(ErrorCode::kConfigInvalid,
                    "the path of the operator socket is too long for the system: " + path, path);
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    ::unlink(path.c_str());
    OwnFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return cannot_listen(path, errno);
    // Nobody can connect between bind and chmod: nothing listens yet.
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::chmod(path.c_str(), 0600) != 0 || ::listen(fd.get(), kBacklog) != 0) {
        return cannot_listen(path, errno);
    }
    return fd;
}

std::string reachable_address() {
    ifaddrs* found = nullptr;
    if (::getifaddrs(&found) != 0) return "127.0.0.1";
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owned(found, ::freeifaddrs);
    for (const ifaddrs* at = found; at != nullptr; at = at->ifa_next) {
        const bool usable = (at->ifa_flags & IFF_UP) != 0 && (at->ifa_flags & IFF_LOOPBACK) == 0;
        if (!usable || at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
        std::array<char, NI_MAXHOST> text{};
        if (::getnameinfo(at->ifa_addr, sizeof(sockaddr_in), text.data(), text.size(), nullptr, 0,
                          NI_NUMERICHOST) == 0) {
            return text.data();
        }
    }
    return "127.0.0.1";
}

}  // namespace vidai::mesh::transport
