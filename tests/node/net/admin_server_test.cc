// SPDX-License-Identifier: Apache-2.0
// The admin listener over real sockets on loopback.
#include "node/net/admin_server.h"

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace vidai::node::net {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// A blocking client; a read that takes ten seconds fails.
class Client {
  public:
    explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const timeval limit{10, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    }
    ~Client() { ::close(fd_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    bool connected() const { return connected_; }
    void send(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0) return;
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    // Up to the end of the connection.
    std::string read_all() const { return read_until("\n\n never"); }
    // Up to `last`, or the end.
    std::string read_until(std::string_view last) const {
        std::string text;
        char buffer[4096];
        while (!text.ends_with(last)) {
            const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
            if (n <= 0) return text + (n == 0 ? "<end>" : "<error>");
            text.append(buffer, static_cast<std::size_t>(n));
        }
        return text;
    }

  private:
    int fd_;
    bool connected_ = false;
};

request::AdminReply echo(const request::AdminRequest& request) {
    if (request.target == "/throw") throw std::runtime_error("no luck");
    return {.status = 200,
            .body = std::string(request.method) + " " + std::string(request.target) + " " +
                    std::string(request.host) + "\n"};
}

std::unique_ptr<AdminServer> serve(AdminServerOptions options = {}) {
    options.port = 0;
    Result<std::unique_ptr<AdminServer>> server = AdminServer::start(options, echo);
    EXPECT_TRUE(server);
    return std::move(*server);
}

TEST(AdminServer, AnswersAndKeepsTheConnection) {
    const auto server = serve();
    const Client client(server->port());
    client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    const std::string first = client.read_until("GET /a h\n");
    EXPECT_THAT(first, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(first, HasSubstr("Content-Length: 9\r\n"));
    EXPECT_THAT(first, HasSubstr("no-store"));
    client.send("GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(client.read_all(), testing::EndsWith("GET /b h\n<end>"));
}

TEST(AdminServer, SendsNoBodyToHead) {
    const auto server = serve();
    const Client client(server->port());
    client.send("HEAD /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    const std::string reply = client.read_all();
    EXPECT_THAT(reply, HasSubstr("Content-Length: 10\r\n"));
    EXPECT_THAT(reply, testing::EndsWith("\r\n\r\n<end>"));
}

TEST(AdminServer, AnswersAFailedPageWith500AndGoesOn) {
    const auto server = serve();
    const Client client(server->port());
    client.send("GET /throw HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(client.read_until("no luck\n"), StartsWith("HTTP/1.1 500 "));
    client.send("GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(client.read_until("GET /b h\n"), StartsWith("HTTP/1.1 200 "));
}

TEST(AdminServer, RefusesAndClosesOnWhatIsNoRequest) {
    const auto server = serve();
    for (const std::string& bad :
         {std::string("nonsense\r\n\r\n"), std::string("GET / HTTP/9.9\r\n\r\n"),
          std::string("GET / HTTP/1.1\r\nA b\r\n\r\n")}) {
        const Client client(server->port());
        client.send(bad);
        EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 400 ")) << bad;
    }
    const Client huge(server->port());
    huge.send("GET / HTTP/1.1\r\nA: " + std::string(20'000, 'x'));
    EXPECT_THAT(huge.read_all(), StartsWith("HTTP/1.1 431 "));
    const Client after(server->port());
    after.send("GET /ok HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(after.read_until("GET /ok h\n"), StartsWith("HTTP/1.1 200 "));
}

TEST(AdminServer, ClosesAClientThatSaysNothing) {
    AdminServerOptions options;
    options.timeout = std::chrono::milliseconds(50);
    const auto server = serve(options);
    const Client silent(server->port());
    EXPECT_EQ(silent.read_all(), "<end>");
    const Client slow(server->port());
    slow.send("GET / HT");
    EXPECT_EQ(slow.read_all(), "<end>");
}

TEST(AdminServer, ClosesFurtherConnectionsAtOnceAndTakesNewOnesLater) {
    AdminServerOptions options;
    options.connections_max = 2;
    const auto server = serve(options);
    {
        const Client one(server->port()), two(server->port());
        for (const Client* client : {&one, &two}) {  // both are being served
            client->send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
            EXPECT_THAT(client->read_until("GET /a h\n"), HasSubstr("200"));
        }
        const Client three(server->port());
        EXPECT_EQ(three.read_all(), "<end>");
    }
    // The two are gone as soon as the server has seen it; each try asks it again.
    std::string reply;
    for (int i = 0; i < 1'000 && reply.find("200 OK") == std::string::npos; ++i) {
        const Client later(server->port());
        later.send("GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        reply = later.read_all();
    }
    EXPECT_THAT(reply, HasSubstr("GET /b h\n"));
}

TEST(AdminServer, EndsWithConnectionsOpen) {
    auto server = serve();
    const Client client(server->port());
    client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    client.read_until("GET /a h\n");
    server.reset();
    EXPECT_THAT(client.read_all(), testing::AnyOf("<end>", "<error>"));
}

TEST(AdminServer, NamesAddressAndPortThatItCannotHave) {
    const auto server = serve();
    AdminServerOptions options;
    options.port = server->port();
    const auto second = AdminServer::start(options, echo);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kIo);
    EXPECT_THAT(second.error().message, HasSubstr(std::to_string(server->port())));
    options.address = "not an address";
    EXPECT_FALSE(AdminServer::start(options, echo));
}

}  // namespace
}  // namespace vidai::node::net
