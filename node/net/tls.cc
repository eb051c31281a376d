// SPDX-License-Identifier: Apache-2.0
#include "node/net/tls.h"

#include <array>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace vidai::node::net {
namespace {

constexpr auto kCommonModes =
    SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS;

bool is_address(const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> scratch{};
    return ::inet_pton(AF_INET, host.c_str(), scratch.data()) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), scratch.data()) == 1;
}

// SSL_set_tlsext_host_name, whose macro casts const away in a way our warnings refuse.
bool set_sni(ssl_st* session, std::string host) {
    return SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    host.data()) == 1;
}

void set_common(ssl_ctx_st* context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, kCommonModes);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}

}  // namespace

void SslCtxFree::operator()(ssl_ctx_st* context) const {
    SSL_CTX_free(context);
}
void SslFree::operator()(ssl_st* session) const {
    SSL_free(session);
}

std::string take_tls_error() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    if (code == 0) return "no detail";
    std::array<char, 256> text{};
    ERR_error_string_n(code, text.data(), text.size());
    return text.data();
}

Result<TlsContext> make_server_context(const std::string& cert_file, const std::string& key_file) {
    TlsContext context(SSL_CTX_new(TLS_server_method()), SslCtxFree{});
    if (context == nullptr) return fail(ErrorCode::kInternal, take_tls_error());
    set_common(context.get());
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (SSL_CTX_use_certificate_chain_file(context.get(), cert_file.c_str()) != 1) {
        return fail(ErrorCode::kConfigInvalid,
                    cert_file + ": not a readable PEM certificate chain: " + take_tls_error(),
                    "listen.tls_cert_file");
    }
    if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context.get()) != 1) {
        return fail(ErrorCode::kConfigInvalid,
                    key_file + ": not a PEM key that fits the certificate: " + take_tls_error(),
                    "listen.tls_key_file");
    }
    return context;
}

Result<TlsContext> make_client_context(const std::string& ca_file) {
    TlsContext context(SSL_CTX_new(TLS_client_method()), SslCtxFree{});
    if (context == nullptr) return fail(ErrorCode::kInternal, take_tls_error());
    set_common(context.get());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    if (ca_file.empty()) {
        if (SSL_CTX_set_default_verify_paths(context.get()) != 1) {
            return fail(ErrorCode::kConfigInvalid, "no system CA roots: " + take_tls_error());
        }
    } else if (SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr) != 1) {
        return fail(ErrorCode::kConfigInvalid,
                    ca_file + ": not a readable PEM file of CA certificates: " + take_tls_error(),
                    "ca_file");
    }
    return context;
}

TlsSession make_server_session(const TlsContext& context, int fd) {
    TlsSession session(SSL_new(context.get()));
    if (session == nullptr || SSL_set_fd(session.get(), fd) != 1) return nullptr;
    SSL_set_accept_state(session.get());
    return session;
}

TlsSession make_client_session(const TlsContext& context, int fd, const std::string& host) {
    TlsSession session(SSL_new(context.get()));
    if (session == nullptr || SSL_set_fd(session.get(), fd) != 1) return nullptr;
    SSL_set_connect_state(session.get());
    if (is_address(host)) {
        X509_VERIFY_PARAM* const rules = SSL_get0_param(session.get());
        if (X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) != 1) return nullptr;
    } else if (SSL_set1_host(session.get(), host.c_str()) != 1 || !set_sni(session.get(), host)) {
        return nullptr;
    }
    return session;
}

}  // namespace vidai::node::net
