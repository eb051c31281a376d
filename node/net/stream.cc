// SPDX-License-Identifier: Apache-2.0
#include "node/net/stream.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace vidai::node::net {
namespace {

IoResult plain_result(ssize_t returned) {
    if (returned >= 0) return {IoStatus::kDone, static_cast<std::size_t>(returned)};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoStatus::kLater, 0};
    return {IoStatus::kFailed, 0};
}

}  // namespace

Stream& Stream::operator=(Stream&& other) noexcept {
    if (this != &other) {
        close();
        fd_ = other.fd_;
        tls_ = std::move(other.tls_);
        other.fd_ = -1;
    }
    return *this;
}

void Stream::close() {
    if (fd_ < 0) return;
    if (tls_ != nullptr) {
        SSL_shutdown(tls_.get());  // sends close_notify if it fits; we do not wait for the peer's
        ERR_clear_error();
        tls_.reset();
    }
    ::close(fd_);
    fd_ = -1;
}

IoResult Stream::tls_result(int returned) {
    if (returned > 0) return {IoStatus::kDone, static_cast<std::size_t>(returned)};
    switch (SSL_get_error(tls_.get(), returned)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE:
            return {IoStatus::kLater, 0};
        case SSL_ERROR_ZERO_RETURN:
            return {IoStatus::kClosed, 0};
        default:
            return {IoStatus::kFailed, 0};
    }
}

IoStatus Stream::handshake() {
    if (tls_ == nullptr) return IoStatus::kDone;
    ERR_clear_error();
    return tls_result(SSL_do_handshake(tls_.get())).status;
}

std::string Stream::tls_problem() const {
    if (const long verified = SSL_get_verify_result(tls_.get()); verified != X509_V_OK) {
        return X509_verify_cert_error_string(verified);
    }
    const char* const reason = ERR_reason_error_string(ERR_peek_error());
    return reason != nullptr ? reason : "the peer closed the connection";
}

IoResult Stream::read(std::span<char> into) {
    if (tls_ != nullptr) {
        ERR_clear_error();
        const auto room = static_cast<int>(std::min<std::size_t>(into.size(), INT_MAX));
        return tls_result(SSL_read(tls_.get(), into.data(), room));
    }
    ssize_t got = 0;
    do {
        got = ::recv(fd_, into.data(), into.size(), 0);
    } while (got < 0 && errno == EINTR);
    if (got == 0 && !into.empty()) return {IoStatus::kClosed, 0};
    return plain_result(got);
}

IoResult Stream::write(std::string_view head, std::string_view body) {
    if (tls_ != nullptr) {
        const std::string_view part = head.empty() ? body : head;
        ERR_clear_error();
        const auto size = static_cast<int>(std::min<std::size_t>(part.size(), INT_MAX));
        return tls_result(SSL_write(tls_.get(), part.data(), size));
    }
    ssize_t sent = 0;
    do {
        if (body.empty()) {
            sent = ::send(fd_, head.data(), head.size(), MSG_NOSIGNAL);
        } else {
            iovec parts[2] = {{const_cast<char*>(head.data()), head.size()},
                              {const_cast<char*>(body.data()), body.size()}};
            msghdr message{};
            message.msg_iov = parts;
            message.msg_iovlen = 2;
            sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
        }
    } while (sent < 0 && errno == EINTR);
    return plain_result(sent);
}

std::string peer_name(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    if (::getpeername(fd, any, &size) != 0 ||
        ::getnameinfo(any, size, host.data(), host.size(), port.data(), port.size(),
                      NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return {};
    }
    const std::string name = host.data();
    return (address.ss_family == AF_INET6 ? "[" + name + "]" : name) + ":" + port.data();
}

}  // namespace vidai::node::net
