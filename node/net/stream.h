// SPDX-License-Identifier: Apache-2.0
// A connected non-blocking socket, plain or under TLS, with one vocabulary for both: so many bytes,
// try later, closed, failed. Owns the descriptor. One worker's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "node/net/tls.h"

namespace vidai::node::net {

enum class IoStatus : std::uint8_t {
    kDone,    // `bytes` were moved; for a handshake: complete
    kLater,   // would block: wait for the next readiness event
    kClosed,  // the peer ended the stream in order
    kFailed,  // reset, broken, or a TLS violation
};

struct IoResult {
    IoStatus status = IoStatus::kFailed;
    std::size_t bytes = 0;
};

class Stream {
  public:
    Stream() = default;
    explicit Stream(int fd) : fd_(fd) {}
    Stream(int fd, TlsSession tls) : fd_(fd), tls_(std::move(tls)) {}
    Stream(Stream&& other) noexcept : fd_(other.fd_), tls_(std::move(other.tls_)) {
        other.fd_ = -1;
    }
    Stream& operator=(Stream&& other) noexcept;
    ~Stream() { close(); }

    int fd() const { return fd_; }
    bool open() const { return fd_ >= 0; }
    bool encrypted() const { return tls_ != nullptr; }
    void start_tls(TlsSession session) { tls_ = std::move(session); }

    // Plain streams are done at once.
    IoStatus handshake();
    // After a handshake that failed and before anything else: why, in OpenSSL's words.
    std::string tls_problem() const;
    IoResult read(std::span<char> into);
    // Writes `head` then `body` as far as the kernel takes them; one system call when plain.
    IoResult write(std::string_view head, std::string_view body = {});
    void close();

  private:
    IoResult tls_result(int returned);

    int fd_ = -1;
    TlsSession tls_;
};

// "192.0.2.1:50312", "[2001:db8::1]:50312"; empty when the socket is no longer connected.
std::string peer_name(int fd);

}  // namespace vidai::node::net
