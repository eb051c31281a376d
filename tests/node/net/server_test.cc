// SPDX-License-Identifier: Apache-2.0
// The listener over real sockets: framing, pipelining, bounds, retries, hang-ups.
#include "node/net/server.h"

#include <atomic>
#include <chrono>
#include <semaphore>
#include <string>

#include <gtest/gtest.h>

#include "tests/node/net/gateway.h"
#include "tests/node/net/peers.h"

namespace vidai::node::net {
namespace {

using std::chrono::milliseconds;

// Answers every request on every connection with kAnswer.
void answer_all(const Socket& socket) {
    while (!read_request(socket).empty()) {
        if (!socket.send(response(kAnswer))) return;
    }
}

bool eventually(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::yield();
    }
    return true;
}

TEST(Server, AnswersOverOneConnectionAgainAndAgainAndKeepsTheProvidersToo) {
    Provider provider([](const Socket& socket) { answer_all(socket); });
    Gateway gateway(provider.port());
    const Socket client = Socket::connect(gateway.port());
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(client.send(gateway.request(kBody)));
        const std::string got = client.read_response();
        ASSERT_TRUE(got.starts_with("HTTP/1.1 200 OK\r\n")) << got;
        ASSERT_TRUE(got.ends_with(kAnswer)) << got;
    }
    EXPECT_EQ(provider.connections(), 1);
}

TEST(Server, TakesARequestInAnyPieces) {
    Provider provider([](const Socket& socket) { answer_all(socket); });
    Gateway gateway(provider.port());
    const std::string request = gateway.request(kBody);
    const Socket client = Socket::connect(gateway.port());
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{100}}) {
        for (std::size_t at = 0; at < request.size(); at += piece) {
            ASSERT_TRUE(client.send(std::string_view(request).substr(at, piece)));
        }
        EXPECT_TRUE(client.read_response().ends_with(kAnswer)) << piece;
    }
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
    Provider provider([](const Socket& socket) { answer_all(socket); });
    Gateway gateway(provider.port());
    const Socket client = Socket::connect(gateway.port());
    std::string all;
    for (int i = 0; i < 30; ++i) {
        const std::string id = "x-request-id: n" + std::to_string(i) + "\r\n";
        all += i % 3 == 0 ? "GET /healthz HTTP/1.1\r\nhost: gw\r\n" + id + "\r\n"
                          : gateway.request(kBody, id);
    }
    ASSERT_TRUE(client.send(all));
    const std::string got = client.read_until([](const std::string& text) {
        const std::size_t last = text.find("x-request-id: n29\r\n");
        return last != text.npos && text.find(kAnswer, last) != text.npos;
    });
    std::size_t at = 0;
    for (int i = 0; i < 30; ++i) {
        at = got.find("x-request-id: n" + std::to_string(i) + "\r\n", at);
        ASSERT_NE(at, got.npos) << i << "\n" << got;
    }
}

TEST(Server, TakesAChunkedBodyAndSendsItOnWithALength) {
    std::string seen;
    Provider provider([&seen](const Socket& socket) {
        seen = read_request(socket);
        socket.send(response(kAnswer));
    });
    Gateway gateway(provider.port());
    const Socket client = Socket::connect(gateway.port());
    client.send("POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer " +
                gateway.secret + "\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    const std::string body(kBody);
    for (std::size_t at = 0; at < body.size(); at += 16) {
        const std::string piece = body.substr(at, 16);
        char size[16];
        std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
        client.send(size + piece + "\r\n");
    }
    client.send("0\r\n\r\n");
    EXPECT_TRUE(client.read_response().ends_with(kAnswer));
    EXPECT_NE(seen.find("content-length: "), seen.npos);
    EXPECT_EQ(seen.find("transfer-encoding"), seen.npos);
}

TEST(Server, RefusesWhatItCannotFrameAndCloses) {
    Gateway gateway(1);
    for (const char* bad :
         {"GET / HTTP/1.1\r\nhost : x\r\n\r\n", "GET / HTTP/1.1\nhost: x\n\n", "\x16\x03\x01\x02\n",
          "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
          "GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n"}) {
        const Socket client = Socket::connect(gateway.port());
        ASSERT_TRUE(client.send(bad));
        const std::string got = client.read_to_end();
        EXPECT_TRUE(got.starts_with("HTTP/1.1 400 ")) << bad << "\n" << got;
        EXPECT_NE(got.find("connection: close"), got.npos);
        EXPECT_NE(got.find("server-timing: "), got.npos);
    }
}

TEST(Server, HoldsItsBounds) {
    ListenOptions listen;
    listen.body_bytes_max = 1'000;
    listen.header_bytes_max = 2'000;
    Gateway gateway(1, listen);
    const Socket large = Socket::connect(gateway.port());
    large.send(gateway.request(std::string(5'000, 'x')));
    EXPECT_TRUE(large.read_to_end().starts_with("HTTP/1.1 413 "));
    const Socket wide = Socket::connect(gateway.port());
    wide.send("GET /healthz HTTP/1.1\r\nhost: x\r\nx: " + std::string(5'000, 'x') + "\r\n\r\n");
    EXPECT_TRUE(wide.read_to_end().starts_with("HTTP/1.1 431 "));
    const Socket endless = Socket::connect(gateway.port());
    endless.send("POST /v1/models HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; ++i) endless.send("200\r\n" + std::string(512, 'x') + "\r\n");
    EXPECT_TRUE(endless.read_to_end().starts_with("HTTP/1.1 413 "));
}

TEST(Server, GivesUpOnARequestThatDoesNotArrive) {
    ListenOptions listen;
    listen.header_timeout = milliseconds(200);
    listen.body_timeout = milliseconds(200);
    Gateway gateway(1, listen);
    const Socket head = Socket::connect(gateway.port());
    head.send("GET /healthz HT");
    EXPECT_TRUE(head.read_to_end().starts_with("HTTP/1.1 408 "));
    const Socket body = Socket::connect(gateway.port());
    body.send("POST /v1/models HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf");
    EXPECT_TRUE(body.read_to_end().starts_with("HTTP/1.1 408 "));
}

TEST(Server, ReplacesAKeptProviderConnectionThatHasGoneStale) {
    std::atomic<int> served{0};
    Provider provider([&served](const Socket& socket) {
        if (read_request(socket).empty()) return;
        served.fetch_add(1);
        socket.send(response(kAnswer));
        read_request(socket);  // takes the next request and closes without an answer
    });
    Gateway gateway(provider.port());
    const Socket client = Socket::connect(gateway.port());
    for (int i = 0; i < 5; ++i) {
        client.send(gateway.request(kBody));
        ASSERT_TRUE(client.read_response().starts_with("HTTP/1.1 200 ")) << i;
    }
    EXPECT_EQ(served.load(), 5);
}

TEST(Server, AProviderThatIsDownIsA502InTheOpenAiShape) {
    Gateway gateway(1);  // nobody listens on port 1
    const Socket client = Socket::connect(gateway.port());
    client.send(gateway.request(kBody));
    const std::string got = client.read_response();
    EXPECT_TRUE(got.starts_with("HTTP/1.1 502 ")) << got;
    EXPECT_NE(got.find(R"("code":"upstream_unreachable")"), got.npos) << got;
    client.send(gateway.request(kBody));
    EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 502 ")) << "the connection stays";
}

TEST(Server, AProviderThatSaysNothingIsA504) {
    std::binary_semaphore over{0};
    Provider provider([&over](const Socket& socket) {
        read_request(socket);
        over.acquire();
    });
    providers::Provider slow;
    slow.host = "127.0.0.1";
    slow.tls = false;
    slow.timeouts.first_byte = milliseconds(200);
    Gateway gateway(provider.port(), {}, slow);
    const Socket client = Socket::connect(gateway.port());
    client.send(gateway.request(kBody));
    EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 504 "));
    over.release();
}

TEST(Server, ACallerWhoHangsUpEndsTheProviderCall) {
    for (const bool hard : {false, true}) {
        std::binary_semaphore asked{0};
        std::atomic<bool> closed{false};
        Provider provider([&](const Socket& socket) {
            read_request(socket);
            asked.release();
            closed = socket.closed_by_peer();
        });
        Gateway gateway(provider.port());
        Socket client = Socket::connect(gateway.port());
        client.send(gateway.request(kBody));
        asked.acquire();
        EXPECT_EQ(gateway.in_flight(), 1u);
        hard ? client.reset() : client.close();
        EXPECT_TRUE(eventually([&] { return closed.load() && gateway.in_flight() == 0; })) << hard;
    }
}

TEST(Server, AStreamPassesPieceByPieceAndASlowReaderPausesTheProvider) {
    const std::string event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" +
                              std::string(4'000, 'x') + "\"},\"finish_reason\":null}]}\n\n";
    constexpr int kEvents = 3'000;
    std::atomic<int> sent{0};
    Provider provider([&](const Socket& socket) {
        read_request(socket);
        socket.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n");
        for (int i = 0; i < kEvents; ++i) {
            if (!socket.send(event)) return;
            sent.fetch_add(1);
        }
        socket.send("data: [DONE]\n\n");
    });
    Gateway gateway(provider.port());
    const Socket client = Socket::connect(gateway.port(), 16 * 1024);
    client.send(gateway.request(kStreamBody));
    const std::string first = client.read_until("data: ");
    EXPECT_TRUE(first.starts_with("HTTP/1.1 200 OK\r\n")) << first;
    // Nobody reads: the provider gets stuck long before its 12 MB are gone.
    int before = -1;
    while (before != sent.load()) {
        before = sent.load();
        std::this_thread::sleep_for(milliseconds(300));
    }
    EXPECT_LT(before, kEvents);
    std::string rest = client.read_until("data: [DONE]");
    EXPECT_EQ(sent.load(), kEvents);
    EXPECT_GT(first.size() + rest.size(), event.size() * kEvents);
}

// A FIN or RST that arrives in one event with the last bytes was once overlooked, and the stream
// never ended.
TEST(Server, AProviderThatBreaksOffRightBehindItsBytesEndsTheStream) {
    for (const bool hard : {false, true}) {
        Provider provider([hard](Socket socket) {
            read_request(socket);
            socket.send(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                "transfer-encoding: chunked\r\n\r\n"
                "16\r\ndata: {\"choices\":[]}\n\n\r\n");
            if (hard) socket.reset();
        });
        Gateway gateway(provider.port());
        const Socket client = Socket::connect(gateway.port());
        client.send(gateway.request(kStreamBody));
        const std::string got = client.read_response();
        EXPECT_TRUE(got.ends_with("\r\n0\r\n\r\n")) << got;
        EXPECT_NE(got.find(R"("code":"upstream_)"), got.npos) << got;
    }
}

TEST(Server, AReloadServesNewRequestsFromTheNewProvider) {
    Provider one([](const Socket& socket) { answer_all(socket); });
    Provider two([](const Socket& socket) { answer_all(socket); });
    Gateway gateway(one.port());
    const Socket client = Socket::connect(gateway.port());
    client.send(gateway.request(kBody));
    ASSERT_TRUE(client.read_response().starts_with("HTTP/1.1 200 "));
    ASSERT_TRUE(gateway.server->reload(Gateway::runtime(two.port())));
    client.send(gateway.request(kBody));
    ASSERT_TRUE(client.read_response().starts_with("HTTP/1.1 200 "));
    EXPECT_EQ(one.connections(), 1);
    EXPECT_EQ(two.connections(), 1);
}

TEST(Server, OtherPricesLeaveTheConnectionsToProvidersAsTheyAre) {
    Provider one([](const Socket& socket) { answer_all(socket); });
    Gateway gateway(one.port());
    const Socket client = Socket::connect(gateway.port());
    for (int i = 0; i < 3; ++i) {
        client.send(gateway.request(kBody));
        ASSERT_TRUE(client.read_response().starts_with("HTTP/1.1 200 "));
        gateway.server->reprice(Gateway::runtime(one.port()));
    }
    EXPECT_EQ(one.connections(), 1);
    ASSERT_TRUE(gateway.server->reload(Gateway::runtime(one.port())));
    client.send(gateway.request(kBody));
    ASSERT_TRUE(client.read_response().starts_with("HTTP/1.1 200 "));
    EXPECT_EQ(one.connections(), 2) << "a reload makes new ones";
}

TEST(Server, DrainsWithoutBreakingWhatIsUnderWay) {
    std::binary_semaphore asked{0}, go{0};
    Provider provider([&](const Socket& socket) {
        read_request(socket);
        asked.release();
        go.acquire();
        socket.send(response(kAnswer));
    });
    Gateway gateway(provider.port());
    const Socket idle = Socket::connect(gateway.port());
    idle.send("GET /healthz HTTP/1.1\r\nhost: gw\r\n\r\n");
    idle.read_response();
    const Socket busy = Socket::connect(gateway.port());
    busy.send(gateway.request(kBody));
    asked.acquire();
    gateway.server->begin_drain();
    EXPECT_TRUE(idle.closed_by_peer());
    EXPECT_TRUE(eventually([&] { return Socket::connect(gateway.port()).fd() < 0; }))
        << "still listening";
    go.release();
    EXPECT_TRUE(busy.read_response().ends_with(kAnswer));
    EXPECT_TRUE(busy.closed_by_peer());
    EXPECT_TRUE(eventually([&] { return gateway.server->open_connections() == 0; }));
}

TEST(Server, DrainsOnlyAfterAnsweringWhatHadArrived) {
    Provider provider([&](const Socket& socket) {
        while (!read_request(socket).empty()) socket.send(response(kAnswer));
    });
    for (int round = 0; round < 10; ++round) {
        Gateway gateway(provider.port());
        std::vector<Socket> kept, fresh;  // connections used before, and those still in the queue
        for (int i = 0; i < 8; ++i) {
            kept.push_back(Socket::connect(gateway.port()));
            kept.back().send("GET /healthz HTTP/1.1\r\nhost: gw\r\n\r\n");
            ASSERT_FALSE(kept.back().read_response().empty());
        }
        for (const Socket& client : kept) client.send(gateway.request(kBody));
        for (int i = 0; i < 24; ++i) {
            fresh.push_back(Socket::connect(gateway.port()));
            fresh.back().send(gateway.request(kBody));
        }
        gateway.server->begin_drain();
        for (const Socket& client : kept) ASSERT_TRUE(client.read_response().ends_with(kAnswer));
        for (const Socket& client : fresh) ASSERT_TRUE(client.read_response().ends_with(kAnswer));
    }
}

TEST(Server, ASecondOneOnTheSamePortIsRefusedWithAReason) {
    Gateway gateway(1);
    ListenOptions listen;
    listen.address = "127.0.0.1";
    listen.port = gateway.port();
    observe::Metrics metrics(worker_count(listen), {});
    auto second =
        Server::start(listen, Gateway::runtime(1), gateway.mesh_side(), metrics, gateway.log);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kIo);
    EXPECT_NE(second.error().message.find(std::to_string(gateway.port())), std::string::npos);
}

}  // namespace
}  // namespace vidai::node::net
