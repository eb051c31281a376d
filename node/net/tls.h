// SPDX-License-Identifier: Apache-2.0
// TLS settings over OpenSSL 3: one context per listener and one per provider, made before the
// workers start (or at a reload) and shared by them; SSL_CTX is thread-safe once configured.
#pragma once

#include <memory>
#include <string>

#include "schema/vocabulary/result.h"

struct ssl_ctx_st;
struct ssl_st;

namespace vidai::node::net {

struct SslCtxFree {
    void operator()(ssl_ctx_st* context) const;
};
struct SslFree {
    void operator()(ssl_st* session) const;
};
using TlsContext = std::shared_ptr<ssl_ctx_st>;
using TlsSession = std::unique_ptr<ssl_st, SslFree>;

// TLS 1.2 and 1.3 with the chain and key of PEM files. kConfigInvalid names the file.
Result<TlsContext> make_server_context(const std::string& cert_file, const std::string& key_file);

// TLS 1.2 and 1.3, verification always on, against `ca_file` or, if empty, the system's roots.
Result<TlsContext> make_client_context(const std::string& ca_file);

// A session on a connected non-blocking socket. The client's sends SNI for a DNS name and accepts
// only a certificate for `host`. Null when OpenSSL is out of memory.
TlsSession make_server_session(const TlsContext& context, int fd);
TlsSession make_client_session(const TlsContext& context, int fd, const std::string& host);

// The oldest queued OpenSSL error as text, and an empty queue.
std::string take_tls_error();

}  // namespace vidai::node::net
