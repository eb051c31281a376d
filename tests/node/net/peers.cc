// SPDX-License-Identifier: Apache-2.0
#include "tests/node/net/peers.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace vidai::node::net {
namespace {

constexpr int kPatienceMs = 10'000;

bool whole_message(const std::string& text) {
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::string head = text.substr(0, end + 2);
    if (head.find("transfer-encoding: chunked") != std::string::npos) {
        return text.ends_with("\r\n0\r\n\r\n") || text.substr(end + 4) == "0\r\n\r\n";
    }
    const std::size_t at = head.find("content-length: ");
    if (at == std::string::npos) return true;
    return text.size() >= end + 4 + std::strtoul(head.c_str() + at + 16, nullptr, 10);
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
    if (this != &other) {
        close();
        fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
}

Socket Socket::connect(std::uint16_t port, int receive_buffer) {
    Socket made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (receive_buffer != 0) {
        ::setsockopt(made.fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    const sockaddr_in address = loopback(port);
    if (::connect(made.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        made.close();
    }
    return made;
}

bool Socket::send(std::string_view bytes) const {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::string Socket::read_until(const std::function<bool(const std::string&)>& done) const {
    std::string all;
    std::array<char, 16 * 1024> piece{};
    while (!done(all)) {
        pollfd waiting{fd_, POLLIN, 0};
        if (::poll(&waiting, 1, kPatienceMs) != 1) break;
        const ssize_t got = ::recv(fd_, piece.data(), piece.size(), 0);
        if (got <= 0) break;
        all.append(piece.data(), static_cast<std::size_t>(got));
    }
    return all;
}

std::string Socket::read_until(std::string_view text) const {
    return read_until([text](const std::string& all) { return all.find(text) != all.npos; });
}

std::string Socket::read_to_end() const {
    return read_until([](const std::string&) { return false; });
}

std::string Socket::read_response() const {
    return read_until(whole_message);
}

bool Socket::closed_by_peer() const {
    std::array<char, 4096> piece{};
    while (true) {
        pollfd waiting{fd_, POLLIN, 0};
        if (::poll(&waiting, 1, kPatienceMs) != 1) return false;
        if (::recv(fd_, piece.data(), piece.size(), 0) <= 0) return true;
    }
}

void Socket::reset() {
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
}

void Socket::close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

struct Provider::State {
    std::mutex mutex;
    std::vector<std::thread> threads;
    std::atomic<int> connections{0};
};

Provider::Provider(std::function<void(Socket)> handler)
    : handler_(std::move(handler)),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      state_(std::make_shared<State>()) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    ::bind(listener_.fd(), reinterpret_cast<const sockaddr*>(&address), size);
    ::listen(listener_.fd(), 64);
    ::getsockname(listener_.fd(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
}

Provider::~Provider() {
    ::shutdown(listener_.fd(), SHUT_RDWR);
    thread_.join();
    for (std::thread& thread : state_->threads) thread.join();
}

int Provider::connections() const {
    return state_->connections.load();
}

void Provider::run() {
    while (true) {
        const int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        state_->connections.fetch_add(1);
        const std::lock_guard lock(state_->mutex);
        state_->threads.emplace_back([this, fd] { handler_(Socket(fd)); });
    }
}

std::string read_request(const Socket& socket) {
    return socket.read_until(whole_message);
}

std::string response(std::string_view body, std::string_view extra) {
    return "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + std::string(extra) +
           "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace vidai::node::net
