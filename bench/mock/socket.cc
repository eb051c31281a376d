// SPDX-License-Identifier: Apache-2.0
#include "bench/mock/socket.h"

#include <algorithm>
#include <cerrno>
#include <climits>

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

namespace vidai::bench::mock {

Result<TlsContext> TlsContext::load(const std::string& cert_file, const std::string& key_file) {
    TlsContext out;
    out.context_.reset(SSL_CTX_new(TLS_server_method()));
    if (!out.context_) return fail(ErrorCode::kInternal, "OpenSSL gave no context");
    SSL_CTX_set_min_proto_version(out.get(), TLS1_2_VERSION);
    SSL_CTX_set_mode(out.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_chain_file(out.get(), cert_file.c_str()) != 1) {
        return fail(ErrorCode::kConfigInvalid, cert_file + ": no PEM certificate chain there");
    }
    if (SSL_CTX_use_PrivateKey_file(out.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
        return fail(ErrorCode::kConfigInvalid,
                    key_file + ": no PEM private key of that certificate there");
    }
    return out;
}

Socket::Socket(int fd, const TlsContext* tls) : fd_(fd) {
    if (tls == nullptr) return;
    ssl_.reset(SSL_new(tls->get()));
    SSL_set_fd(ssl_.get(), fd_);
    SSL_set_accept_state(ssl_.get());
}

Socket::Socket(Socket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), ssl_(std::move(other.ssl_)) {}

Socket::~Socket() {
    close();
}

ssize_t Socket::tls_result(int moved) {
    if (moved > 0) return moved;
    const int error = SSL_get_error(ssl_.get(), moved);
    ERR_clear_error();
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? kAgain : kClosed;
}

ssize_t Socket::read(std::span<char> into) {
    if (fd_ < 0) return kClosed;
    if (ssl_) return tls_result(SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size())));
    const ssize_t moved = ::recv(fd_, into.data(), into.size(), 0);
    if (moved > 0) return moved;
    return moved < 0 && (errno == EAGAIN || errno == EINTR) ? kAgain : kClosed;
}

ssize_t Socket::write(std::string_view bytes) {
    if (fd_ < 0) return kClosed;
    if (ssl_) {
        const std::size_t size = std::min<std::size_t>(bytes.size(), INT_MAX);
        return tls_result(SSL_write(ssl_.get(), bytes.data(), static_cast<int>(size)));
    }
    const ssize_t moved = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (moved > 0) return moved;
    return moved < 0 && (errno == EAGAIN || errno == EINTR) ? kAgain : kClosed;
}

void Socket::close() {
    if (fd_ < 0) return;
    if (ssl_) SSL_shutdown(ssl_.get());
    ERR_clear_error();
    ssl_.reset();
    ::close(std::exchange(fd_, -1));
}

void Socket::reset() {
    if (fd_ < 0) return;
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ssl_.reset();  // without a goodbye
    ::close(std::exchange(fd_, -1));
}

}  // namespace vidai::bench::mock
