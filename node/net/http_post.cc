// SPDX-License-Identifier: Apache-2.0
#include "node/net/http_post.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include <netdb.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/net/clock.h"

namespace vidai::node::net {

namespace {

constexpr std::size_t kStatusLineMax = 256;  // nothing beyond it is looked at

class Socket {
  public:
    explicit Socket(int fd = -1) : fd_(fd) {}
    Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Socket() {
        if (fd_ >= 0) ::close(fd_);
    }
    int fd() const { return fd_; }

  private:
    int fd_;
};

struct Patience {
    MonoTime until;
    int stop;

    // Until the socket can do that.
    Result<void> wait(int fd, short what) const {
        for (;;) {
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(until - mono_now()).count();
            if (left <= 0) return fail(ErrorCode::kDeadlineExceeded, "it takes too long");
            std::array<pollfd, 2> both{pollfd{fd, what, 0}, pollfd{stop, POLLIN, 0}};
            const int ready = ::poll(both.data(), both.size(),
                                     static_cast<int>(std::min<std::int64_t>(left, 60'000)));
            if (ready < 0 && errno != EINTR) return fail(ErrorCode::kUnavailable, "poll failed");
            if (ready > 0 && both[1].revents != 0) return fail(ErrorCode::kCancelled, "stopped");
            if (ready > 0 && both[0].revents != 0) return {};
        }
    }
};

std::string errno_text(int error) {
    return std::generic_category().message(error);
}

Result<Socket> connect_one(const addrinfo& at, const Patience& patience) {
    Socket socket(::socket(at.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.fd() < 0) return fail(ErrorCode::kUnavailable, errno_text(errno));
    if (::connect(socket.fd(), at.ai_addr, at.ai_addrlen) == 0) return socket;
    if (errno != EINPROGRESS) return fail(ErrorCode::kUnavailable, errno_text(errno));
    if (auto ready = patience.wait(socket.fd(), POLLOUT); !ready) {
        return fail(std::move(ready).error());
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) return fail(ErrorCode::kUnavailable, errno_text(error));
    return socket;
}

Result<Socket> connect_to(const PostTarget& target, const Patience& patience) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int failed =
        ::getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &found);
    if (failed != 0) return fail(ErrorCode::kUnavailable, ::gai_strerror(failed));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, &::freeaddrinfo);
    Result<Socket> last = fail(ErrorCode::kUnavailable, "its name has no address");
    for (const addrinfo* at = all.get(); at != nullptr; at = at->ai_next) {
        last = connect_one(*at, patience);
        if (last || last.error().code != ErrorCode::kUnavailable) break;
    }
    return last;
}

// Bytes to and from the socket, in the clear or by TLS.
class Line {
  public:
    Line(const PostTarget& target, Socket socket, const Patience& patience)
        : socket_(std::move(socket)), patience_(patience), encrypted_(target.tls != nullptr) {
        if (encrypted_) session_ = make_client_session(target.tls, socket_.fd(), target.host);
    }
    Result<void> write(std::string_view bytes) {
        while (!bytes.empty()) {
            auto done = once(POLLOUT, [&](ssl_st* tls) -> ssize_t {
                const int most = static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 20));
                if (tls != nullptr) return SSL_write(tls, bytes.data(), most);
                return ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            });
            if (!done) return fail(std::move(done).error());
            if (*done == 0) return fail(ErrorCode::kUnavailable, "it closed the connection");
            bytes.remove_prefix(*done);
        }
        return {};
    }
    // 0: nothing comes any more.
    Result<std::size_t> read(char* to, std::size_t size) {
        return once(POLLIN, [&](ssl_st* tls) -> ssize_t {
            if (tls != nullptr) return SSL_read(tls, to, static_cast<int>(size));
            return ::recv(socket_.fd(), to, size, 0);
        });
    }

  private:
    template <class Try>
    Result<std::size_t> once(short plain, Try attempt) {
        if (encrypted_ && session_ == nullptr) {
            return fail(ErrorCode::kUnavailable, "TLS: " + take_tls_error());
        }
        for (;;) {
            errno = 0;
            const ssize_t done = attempt(session_.get());
            if (done > 0) return static_cast<std::size_t>(done);
            short what = plain;
            if (encrypted_) {
                const int why = SSL_get_error(session_.get(), static_cast<int>(done));
                if (why == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
                if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
                    return fail(ErrorCode::kUnavailable, "TLS: " + take_tls_error());
                }
                what = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
            } else if (done == 0) {
                return std::size_t{0};
            } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
                return fail(ErrorCode::kUnavailable, errno_text(errno));
            }
            if (auto ready = patience_.wait(socket_.fd(), what); !ready) {
                return fail(std::move(ready).error());
            }
        }
    }

    Socket socket_;
    TlsSession session_;  // before the socket is closed it ends
    const Patience& patience_;
    const bool encrypted_;
};

// "HTTP/1.1 204 No Content"
Result<int> status_of(std::string_view line) {
    int status = 0;
    const bool http = line.starts_with("HTTP/1.") && line.size() >= 12 && line[8] == ' ';
    if (http) std::from_chars(line.data() + 9, line.data() + 12, status);
    if (status < 100 || status > 599) {
        return fail(ErrorCode::kUnavailable, "what answers does not speak HTTP");
    }
    return status;
}

std::string request_text(const PostTarget& target, const std::string& json) {
    const bool bare = target.host.find(':') != std::string::npos;  // an IPv6 address
    const std::string host = bare ? "[" + target.host + "]" : target.host;
    const std::uint16_t usual = target.tls != nullptr ? 443 : 80;
    const std::string port = target.port == usual ? "" : ":" + std::to_string(target.port);
    return "POST " + target.path + " HTTP/1.1\r\nhost: " + host + port +
           "\r\nuser-agent: vidaid\r\ncontent-type: application/json\r\ncontent-length: " +
           std::to_string(json.size()) + "\r\nconnection: close\r\n\r\n" + json;
}

}  // namespace

Result<int> http_post(const PostTarget& target, const std::string& json, Duration timeout,
                      int stop) {
    const Patience patience{mono_now() + timeout, stop};
    auto socket = connect_to(target, patience);
    if (!socket) return fail(std::move(socket).error());
    Line line(target, std::move(*socket), patience);
    if (auto sent = line.write(request_text(target, json)); !sent) {
        return fail(std::move(sent).error());
    }
    std::array<char, kStatusLineMax> buffer{};
    std::size_t size = 0;
    for (;;) {
        auto more = line.read(buffer.data() + size, buffer.size() - size);
        if (!more) return fail(std::move(more).error());
        size += *more;
        const std::string_view seen(buffer.data(), size);
        const std::size_t end = seen.find("\r\n");
        if (end != std::string_view::npos) return status_of(seen.substr(0, end));
        if (*more == 0 || size == buffer.size()) return status_of(seen);
    }
}

}  // namespace vidai::node::net
