// SPDX-License-Identifier: Apache-2.0
// A non-blocking connection, plain or TLS, that reads, writes and can end badly on purpose.
// One thread.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <openssl/ssl.h>
#include <sys/types.h>

#include "schema/vocabulary/result.h"

namespace vidai::bench::mock {

// A server's certificate and key.
class TlsContext {
  public:
    // Errors: kConfigInvalid, naming the file.
    static Result<TlsContext> load(const std::string& cert_file, const std::string& key_file);
    SSL_CTX* get() const { return context_.get(); }

  private:
    struct Free {
        void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    };
    std::unique_ptr<SSL_CTX, Free> context_;
};

class Socket {
  public:
    static constexpr ssize_t kAgain = -1;   // nothing now
    static constexpr ssize_t kClosed = -2;  // the other side left, or the connection broke

    // Takes the descriptor; speaks TLS when tls is not null (it must outlive the socket).
    Socket(int fd, const TlsContext* tls);
    Socket(Socket&& other) noexcept;
    Socket& operator=(Socket&&) = delete;
    ~Socket();

    int fd() const { return fd_; }
    // Bytes moved (more than 0), kAgain or kClosed.
    ssize_t read(std::span<char> into);
    ssize_t write(std::string_view bytes);
    void close();
    // Closes with RST: unread and unsent data is thrown away on both sides.
    void reset();

  private:
    struct Free {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };
    ssize_t tls_result(int moved);

    int fd_;
    std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace vidai::bench::mock
