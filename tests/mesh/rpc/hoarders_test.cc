// SPDX-License-Identifier: Apache-2.0
// Those who are let in and then leave a node with what it must keep for them.
#include <array>
#include <cstring>

#include <capnp/message.h>
#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/mesh/rpc/nodes.h"

namespace vidai::mesh {
namespace {

using testing::Cluster;
using testing::eventually;
using testing::Node;
using namespace std::chrono_literals;

// Speaks to the node's own socket, which asks for no handshake.
class Hoarder {
  public:
    explicit Hoarder(const Node& node) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        const std::string& path = node.mesh->operator_socket();
        std::memcpy(to.sun_path, path.data(), std::min(path.size(), sizeof to.sun_path - 1));
        EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
        ::fcntl(fd_, F_SETFL, O_NONBLOCK);
    }
    ~Hoarder() { ::close(fd_); }

    // Asks for the node's interface, `times` times; whether it was cut off meanwhile, of at most a
    // minute.
    bool ask(int times, bool finish, bool read) {
        for (int i = 0; i < times; ++i) {
            const auto id = static_cast<std::uint32_t>(i);
            if (!send(bootstrap(id), read) || (finish && !send(finished(id), read))) return true;
        }
        return !send({}, true);
    }

  private:
    static std::string bytes_of(::capnp::MallocMessageBuilder& message) {
        const auto words = ::capnp::messageToFlatArray(message);
        const auto bytes = words.asBytes();
        return {bytes.begin(), bytes.end()};
    }
    static std::string bootstrap(std::uint32_t id) {
        ::capnp::MallocMessageBuilder message;
        message.initRoot<::capnp::rpc::Message>().initBootstrap().setQuestionId(id);
        return bytes_of(message);
    }
    static std::string finished(std::uint32_t id) {
        ::capnp::MallocMessageBuilder message;
        auto finish = message.initRoot<::capnp::rpc::Message>().initFinish();
        finish.setQuestionId(id);
        finish.setReleaseResultCaps(true);
        return bytes_of(message);
    }

    // False once the node has closed the connection.
    bool send(std::string bytes, bool read) {
        while (std::chrono::steady_clock::now() < end_) {
            if (read && !drain()) return false;
            const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN) return false;
            if (sent >= 0) bytes.erase(0, static_cast<std::size_t>(sent));
            if (bytes.empty()) return true;
            pollfd waiting{fd_, static_cast<short>(POLLOUT | (read ? POLLIN : 0)), 0};
            ::poll(&waiting, 1, 100);
            if ((waiting.revents & (POLLHUP | POLLERR)) != 0) return false;
        }
        return true;
    }
    bool drain() {
        std::array<char, 65'536> buffer{};
        for (;;) {
            const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
            if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
            if (got < 0) return true;
        }
    }

    int fd_;
    std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + 60s;
};

bool counted(const Node& node, const std::string& reason) {
    for (const MetricFamily& family : node.mesh->metrics()) {
        if (family.name != "vidai_mesh_refusals_total") continue;
        for (const MetricSample& sample : family.samples) {
            if (sample.labels[0].second == reason) return sample.value > 0;
        }
    }
    return false;
}

TEST(Hoarders, AreCutOffWhenTheyNeverFinishACall) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    Hoarder hoarder(a);
    EXPECT_TRUE(hoarder.ask(100'000, false, true));
    EXPECT_TRUE(eventually([&]() { return counted(a, "unfinished"); }));
}

TEST(Hoarders, AreCutOffWhenTheyNeverReadAnAnswer) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    Hoarder hoarder(a);
    EXPECT_TRUE(hoarder.ask(100'000, true, false));
    EXPECT_TRUE(eventually([&]() { return counted(a, "unfinished"); }));
}

TEST(Hoarders, AreNotThoseWhoAskMuchOneAfterTheOther) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    Hoarder asker(a);
    EXPECT_FALSE(asker.ask(20'000, true, true));
    EXPECT_FALSE(counted(a, "unfinished"));
}

TEST(Hoarders, OfPlacesGiveWayToWhoHasSomethingToSay) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    std::vector<std::unique_ptr<Hoarder>> crowd;
    for (int i = 0; i < 64; ++i) crowd.push_back(std::make_unique<Hoarder>(a));
    EXPECT_TRUE(eventually([&]() { return counted(a, "operator_slots"); }));
    EXPECT_TRUE(eventually(
        [&]() {
            auto client = OperatorClient::connect(cluster.target(a), 5s);
            return client && client->status();
        },
        60s));
}

}  // namespace
}  // namespace vidai::mesh
