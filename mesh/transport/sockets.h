// SPDX-License-Identifier: Apache-2.0
// Listening sockets and their addresses, made before the event loop so that a taken port is an
// error at start. Blocking calls; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "schema/vocabulary/result.h"

namespace vidai::mesh::transport {

class OwnFd {
  public:
    OwnFd() = default;
    explicit OwnFd(int fd) : fd_(fd) {}
    OwnFd(OwnFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    OwnFd& operator=(OwnFd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~OwnFd();
    explicit operator bool() const { return fd_ >= 0; }
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

  private:
    int fd_ = -1;
};

struct HostPort {
    std::string host;  // without brackets
    std::uint16_t port = 0;
};
// "HOST:PORT" or "[ADDRESS]:PORT", port 1 to 65535. kConfigInvalid.
Result<HostPort> parse_host_port(const std::string& text);
std::string to_string(const HostPort& address);

struct Listening {
    OwnFd fd;  // non-blocking, listening
    std::uint16_t port = 0;
};
// Without SO_REUSEPORT: a second process on the port fails here instead of taking half of the
// connections. `host` is an address or a name; port 0 takes a free one. kIo, kConfigInvalid.
Result<Listening> listen_tcp(const std::string& host, std::uint16_t port);

// Replaces a socket left by a dead process, mode 0600; the caller holds the directory's lock.
Result<OwnFd> listen_unix(const std::string& path);

// An address of this host by which others may reach a wildcard listener: the first interface that
// is up and not loopback, else 127.0.0.1.
std::string reachable_address();

}  // namespace vidai::mesh::transport
