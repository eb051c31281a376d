// SPDX-License-Identifier: Apache-2.0
// The webhook against a server of its own on loopback, which answers as the test says.
#include "node/net/webhook.h"

#include <array>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace vidai::node::net {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

// Answers its n-th request with the n-th text, and those behind the last with 200; an empty text
// closes the connection without a word.
class Server {
  public:
    explicit Server(std::vector<std::string> answers) : answers_(std::move(answers)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        auto* const address = reinterpret_cast<sockaddr*>(&at);
        if (::bind(listener_, address, size) != 0 || ::listen(listener_, 16) != 0 ||
            ::getsockname(listener_, address, &size) != 0) {
            ADD_FAILURE() << "no port";
        }
        port_ = ntohs(at.sin_port);
        thread_ = std::jthread([this]() { serve(); });
    }
    ~Server() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }
    WebhookOptions options() const {
        WebhookOptions options;
        options.target = {"127.0.0.1", port_, "/hook?token=s3cret", nullptr};
        options.pause_first = options.pause_max = 1ms;
        options.attempts = 3;
        return options;
    }
    std::vector<std::string> requests() {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

  private:
    void serve() {
        for (std::size_t i = 0;; ++i) {
            const int fd = ::accept(listener_, nullptr, nullptr);
            if (fd < 0) return;
            std::string request;
            std::array<char, 4'096> buffer;
            while (request.find("}") == std::string::npos) {
                const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
                if (got <= 0) break;
                request.append(buffer.data(), static_cast<std::size_t>(got));
            }
            {
                const std::lock_guard lock(mutex_);
                requests_.push_back(request);
            }
            const std::string answer =
                i < answers_.size() ? answers_[i] : "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            (void)::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
            ::close(fd);
        }
    }

    const std::vector<std::string> answers_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::mutex mutex_;
    std::vector<std::string> requests_;
    std::jthread thread_;
};

// Waits for what came of so many.
class Outcomes {
  public:
    Webhook::Outcome sink() {
        return [this](const std::string& given_up) {
            const std::lock_guard lock(mutex_);
            all_.push_back(given_up);
            changed_.notify_all();
        };
    }
    std::vector<std::string> wait(std::size_t count) {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(changed_.wait_for(lock, 20s, [&]() { return all_.size() >= count; }));
        return all_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> all_;
};

TEST(Webhook, SaysOneThingAfterTheOther) {
    Server server({});
    Outcomes outcomes;
    Webhook hook(server.options(), outcomes.sink());
    EXPECT_TRUE(hook.post("{\"n\":1}"));
    EXPECT_TRUE(hook.post("{\"n\":2}"));
    EXPECT_THAT(outcomes.wait(2), ElementsAre("", ""));
    const auto requests = server.requests();
    ASSERT_EQ(requests.size(), 2U);
    EXPECT_THAT(requests[0], StartsWith("POST /hook?token=s3cret HTTP/1.1\r\nhost: 127.0.0.1:"));
    EXPECT_THAT(requests[0], HasSubstr("content-type: application/json\r\ncontent-length: 7\r\n"));
    EXPECT_THAT(requests[1], HasSubstr("\r\n\r\n{\"n\":2}"));
}

TEST(Webhook, TriesAgainWhatMayBeTakenLater) {
    Server server({"HTTP/1.1 503 Busy\r\n\r\n", ""});
    Outcomes outcomes;
    Webhook hook(server.options(), outcomes.sink());
    EXPECT_TRUE(hook.post("{}"));
    EXPECT_THAT(outcomes.wait(1), ElementsAre(""));
    EXPECT_EQ(server.requests().size(), 3U);
}

TEST(Webhook, GivesUpInTheEndAndSaysWhyWithoutTheAddress) {
    Server server(
        {"HTTP/1.1 500 No\r\n\r\n", "HTTP/1.1 500 No\r\n\r\n", "HTTP/1.1 502 No\r\n\r\n"});
    Outcomes outcomes;
    Webhook hook(server.options(), outcomes.sink());
    EXPECT_TRUE(hook.post("{}"));
    EXPECT_THAT(outcomes.wait(1), ElementsAre("it answered 502, 3 times in a row"));
    EXPECT_EQ(server.requests().size(), 3U);
}

TEST(Webhook, DoesNotRepeatWhatIsRefusedForGood) {
    Server server({"HTTP/1.1 404 Not Found\r\n\r\n", "gibberish\r\n"});
    Outcomes outcomes;
    Webhook hook(server.options(), outcomes.sink());
    EXPECT_TRUE(hook.post("{}"));
    EXPECT_THAT(outcomes.wait(1), ElementsAre("it answered 404"));
    EXPECT_EQ(server.requests().size(), 1U);
    EXPECT_TRUE(hook.post("{}"));
    EXPECT_THAT(outcomes.wait(2)[1], "") << "what speaks no HTTP may be a proxy that restarts";
}

TEST(Webhook, HasABoundAndEndsInTheMidstOfAll) {
    Outcomes outcomes;
    WebhookOptions options;
    options.target = {"127.0.0.1", 1, "/", nullptr};  // nobody listens there
    options.pause_first = 1h;
    const auto begun = std::chrono::steady_clock::now();
    {
        Webhook hook(options, outcomes.sink());
        std::size_t taken = 0;
        for (std::size_t i = 0; i < 2 * Webhook::kWaitingMax; ++i) taken += hook.post("{}") ? 1 : 0;
        EXPECT_GE(taken, Webhook::kWaitingMax);
        EXPECT_LE(taken, Webhook::kWaitingMax + 1) << "one is on its way";
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 20s);
}

}  // namespace
}  // namespace vidai::node::net
