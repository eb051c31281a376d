// SPDX-License-Identifier: Apache-2.0
// The two ends that a gateway test needs: a client and a provider, both plain blocking sockets, so
// that the test decides every byte and every pause. A read waits at most ten seconds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace vidai::node::net {

class Socket {
  public:
    explicit Socket(int fd = -1) : fd_(fd) {}
    Socket(Socket&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    Socket& operator=(Socket&& other) noexcept;
    ~Socket() { close(); }

    static Socket connect(std::uint16_t port, int receive_buffer = 0);
    int fd() const { return fd_; }
    bool send(std::string_view bytes) const;
    // What comes until `done` is content, the peer closes, or the time is over.
    std::string read_until(const std::function<bool(const std::string&)>& done) const;
    std::string read_until(std::string_view text) const;
    std::string read_to_end() const;
    // One whole response with a content-length, or chunked.
    std::string read_response() const;
    bool closed_by_peer() const;  // waits for it
    void reset();                 // closes with RST
    void close();

  private:
    int fd_;
};

// Serves each connection on a thread of its own with `handler`, until destroyed.
class Provider {
  public:
    explicit Provider(std::function<void(Socket)> handler);
    ~Provider();
    std::uint16_t port() const { return port_; }
    int connections() const;

  private:
    void run();
    std::function<void(Socket)> handler_;
    Socket listener_;
    std::uint16_t port_ = 0;
    struct State;
    std::shared_ptr<State> state_;
    std::thread thread_;
};

// One request off the connection, head and body; empty when the peer closed.
std::string read_request(const Socket& socket);
// A whole response with this body.
std::string response(std::string_view body, std::string_view extra = "");

}  // namespace vidai::node::net
