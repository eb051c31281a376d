// SPDX-License-Identifier: Apache-2.0
// Those who must not get in, and what they learn: nothing.
#include <array>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/mesh/rpc/nodes.h"

namespace vidai::mesh {
namespace {

using testing::Cluster;
using testing::eventually;
using testing::Node;
using namespace std::chrono_literals;

class RawClient {
  public:
    explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    }
    ~RawClient() { ::close(fd_); }
    // As the other side sees it.
    std::string address() const {
        sockaddr_in own{};
        socklen_t size = sizeof own;
        EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &size), 0);
        return "127.0.0.1:" + std::to_string(ntohs(own.sin_port));
    }
    void reset() {  // instead of an orderly end
        const linger at_once{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    void send(const std::string& bytes) {
        (void)!::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    // All the other side says until it closes; nothing if it does not close in time.
    std::optional<std::string> read_to_end(std::chrono::milliseconds limit) {
        std::string all;
        std::array<char, 4'096> buffer{};
        const auto end = std::chrono::steady_clock::now() + limit;
        for (;;) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                end - std::chrono::steady_clock::now());
            pollfd waiting{fd_, POLLIN, 0};
            if (left <= 0ms || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) {
                return std::nullopt;
            }
            const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
            if (n <= 0) return all;
            all.append(buffer.data(), static_cast<std::size_t>(n));
        }
    }

  private:
    int fd_;
};

TEST(Strangers, GetNoAnswerToGarbage) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    for (const std::string& bytes :
         {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(8'192, '\xff'),
          std::string("\xff\xff\xff\xff\0\0\0\0", 8)}) {
        RawClient client(a.mesh->mesh_port());
        client.send(bytes);
        const auto heard = client.read_to_end(10s);
        ASSERT_TRUE(heard.has_value()) << "the connection must be closed";
        EXPECT_EQ(*heard, "");
    }
    EXPECT_TRUE(eventually([&]() { return a.notices->has(Notice::Kind::kPeerRefused); }));
    EXPECT_EQ(a.alive(), 1u);
}

// A port scan, or a load balancer's health check.
TEST(Strangers, WhoAreGoneBeforeTheyAreAcceptedDoNotEndTheListening) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    for (int i = 0; i < 50; ++i) RawClient(a.mesh->mesh_port()).reset();
    const Node b = cluster.start("b", {a.address()});
    EXPECT_TRUE(eventually([&]() { return a.alive() == 2 && b.alive() == 2; }));
}

TEST(Strangers, AreClosedWhenTheySayNothing) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    RawClient silent(a.mesh->mesh_port());
    const auto heard = silent.read_to_end(10s);
    ASSERT_TRUE(heard.has_value());
    EXPECT_EQ(*heard, "");
}

double metric(const Node& node, const std::string& name, const std::string& label) {
    for (const MetricFamily& family : node.mesh->metrics()) {
        if (family.name != name) continue;
        for (const MetricSample& sample : family.samples) {
            if (sample.labels[0].second == label) return sample.value;
        }
    }
    return -1;
}

// The time is one for the whole handshake: a byte now and then buys no more of it.
TEST(Strangers, AreClosedInTimeHoweverLittleTheySay) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    const auto began = std::chrono::steady_clock::now();
    RawClient half(a.mesh->mesh_port()), slow(a.mesh->mesh_port());
    const std::string m1("\0\x80\1\1\1\0\1", 7);  // the beginning of a first message of 130 bytes
    half.send(m1);
    std::optional<std::string> heard;
    for (std::size_t said = 0; said < 10 && !heard; ++said) {
        slow.send(m1.substr(said % m1.size(), 1));
        heard = slow.read_to_end(1s);
    }
    ASSERT_TRUE(heard.has_value()) << "ten bytes in ten seconds keep no connection";
    EXPECT_EQ(*heard, "");
    EXPECT_GE(std::chrono::steady_clock::now() - began, 2900ms) << "late is no other refusal";
    EXPECT_EQ(half.read_to_end(10s), "");
    EXPECT_TRUE(eventually([&]() { return metric(a, "vidai_mesh_refusals_total", "late") == 2; }))
        << a.notices->text();
}

TEST(Strangers, BeyondTheBoundAreShedAndMembersStillGetIn) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    std::vector<std::unique_ptr<RawClient>> crowd;
    for (int i = 0; i < 100; ++i) {
        crowd.push_back(std::make_unique<RawClient>(a.mesh->mesh_port()));
    }
    // The bound is in force until their three seconds are over; then the node is let in.
    const Node b = cluster.start("b", {a.address()});
    EXPECT_TRUE(eventually([&]() { return a.alive() == 2 && b.alive() == 2; }));
    EXPECT_TRUE(
        eventually([&]() { return metric(a, "vidai_mesh_handshakes_total", "shed") >= 30; }));
}

TEST(Strangers, AreCountedByReasonAndToldOnce) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    std::vector<std::string> from;
    for (int i = 0; i < 5; ++i) {
        RawClient client(a.mesh->mesh_port());
        from.push_back(client.address());
        client.send("GET / HTTP/1.1\r\n\r\n");
        ASSERT_TRUE(client.read_to_end(10s).has_value());
    }
    EXPECT_TRUE(
        eventually([&]() { return metric(a, "vidai_mesh_refusals_total", "message_size") == 5; }));
    const std::string said = a.notices->text();
    EXPECT_EQ(said.find("message_size"), said.rfind("message_size")) << said;
    EXPECT_NE(said.find(" " + from.front() + " message_size "), std::string::npos)
        << "the port, too, finds who it is: " << said;
    // The flood is over: the others are told of with where the last one was.
    EXPECT_TRUE(eventually([&]() {
        return a.notices->text().find(" " + from.back() + " message_size 4 more") !=
               std::string::npos;
    })) << a.notices->text();
}

TEST(Connections, AreAuthenticatedAnewWithoutAGap) {
    const Cluster cluster;
    MeshOptions options = cluster.options("a");
    options.reauthenticate = 3s;
    options.membership.probe_interval = 1s;  // a busy machine is no lost message
    const Node a = Cluster::start(options);
    options = cluster.options("b");
    options.reauthenticate = 3s;
    options.membership.probe_interval = 1s;
    options.seeds = {a.address()};
    const Node b = Cluster::start(options);
    ASSERT_TRUE(eventually([&]() { return a.alive() == 2 && b.alive() == 2; }));
    ASSERT_TRUE(eventually([&]() {
        return metric(a, "vidai_mesh_reauthentications_total", "renewed") >= 2;
    })) << a.notices->text();
    EXPECT_EQ(a.alive(), 2u);
    EXPECT_EQ(b.alive(), 2u);
    for (const Node* node : {&a, &b}) {
        EXPECT_EQ(metric(*node, "vidai_mesh_reauthentications_total", "expired"), 0);
        EXPECT_FALSE(node->notices->has(Notice::Kind::kMember, "suspect"));
    }
}

TEST(Strangers, OfAnotherMeshLearnNothingAndGiveNothing) {
    const Cluster cluster, other;
    const Node a = cluster.start("a");
    ASSERT_TRUE(cluster.connect(a).key_create({}).has_value());
    const Node stranger = other.start("s", {a.address()});
    ASSERT_TRUE(eventually([&]() { return a.notices->has(Notice::Kind::kPeerRefused); }));
    ASSERT_TRUE(eventually([&]() { return stranger.notices->has(Notice::Kind::kTrouble); }));
    EXPECT_EQ(a.mesh->view().load()->members.size(), 1u);
    EXPECT_EQ(stranger.mesh->view().load()->members.size(), 1u);
    EXPECT_TRUE(stranger.mesh->keys().load()->entries().empty());
}

}  // namespace
}  // namespace vidai::mesh
