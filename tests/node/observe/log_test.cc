// SPDX-License-Identifier: Apache-2.0
#include "node/observe/log.h"

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace vidai::node::observe {
namespace {

using testing::HasSubstr;

// A pipe whose reading end nobody empties until the test does.
class Pipe {
  public:
    Pipe() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }
    ~Pipe() {
        close_write();
        ::close(ends_[0]);
    }
    int write_end() const { return ends_[1]; }
    void close_write() {
        if (ends_[1] >= 0) ::close(ends_[1]);
        ends_[1] = -1;
    }
    // Everything up to the end; the writing end must have been closed.
    std::string read_all() const {
        std::string text;
        char buffer[4096];
        for (ssize_t n = 0; (n = ::read(ends_[0], buffer, sizeof buffer)) > 0;) {
            text.append(buffer, static_cast<std::size_t>(n));
        }
        return text;
    }
    // What is there, once something is.
    std::string read_some() const {
        char buffer[4096];
        const ssize_t n = ::read(ends_[0], buffer, sizeof buffer);
        EXPECT_GT(n, 0);
        return {buffer, static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
    }

  private:
    int ends_[2] = {-1, -1};
};

std::size_t lines(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(Log, WritesEveryLineBeforeItDies) {
    Pipe pipe;
    std::string text;
    std::jthread reader([&] { text = pipe.read_all(); });
    {
        Log log({}, pipe.write_end());
        for (int i = 0; i < 2'000; ++i) log.write(Event::kConfigLoaded, {{"models", i}});
        EXPECT_TRUE(log.flush());
        log.write(Event::kNodeStopped);
    }
    pipe.close_write();
    reader.join();
    EXPECT_EQ(lines(text), 2'001u);
    EXPECT_THAT(text, HasSubstr("\"models\":1999}\n"));
    EXPECT_THAT(text, HasSubstr("node.stopped"));
}

TEST(Log, KeepsLinesWholeBetweenThreads) {
    Pipe pipe;
    std::string text;
    std::jthread reader([&] { text = pipe.read_all(); });
    {
        Log log({}, pipe.write_end());
        std::vector<std::jthread> writers;
        for (int t = 0; t < 4; ++t) {
            writers.emplace_back([&log, t] {
                for (int i = 0; i < 500; ++i) {
                    log.write(Event::kConfigLoaded,
                              {{"models", t}, {"file", std::string(200, 'x')}});
                }
            });
        }
    }
    pipe.close_write();
    reader.join();
    EXPECT_EQ(lines(text), 2'000u);
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
        ASSERT_EQ(text.compare(at, 6, "{\"ts\":"), 0);
    }
}

// How many lines say that lines were lost, and how many lines they say.
std::pair<std::size_t, std::uint64_t> losses(const std::string& text) {
    const std::string mark = "\"event\":\"log.dropped\",\"lines\":";
    std::size_t times = 0;
    std::uint64_t told = 0;
    for (std::size_t at = text.find(mark); at != text.npos; at = text.find(mark, at + 1)) {
        ++times;
        told += std::stoull(text.substr(at + mark.size()));
    }
    return {times, told};
}

TEST(Log, DropsAndCountsRatherThanHoldAWriterUp) {
    Pipe pipe;
    std::uint64_t dropped = 0;
    std::string text;
    {
        Log log({}, pipe.write_end());
        const std::string filler(100, 'x');
        // More than the queue and the pipe hold; nobody reads.
        const int many = static_cast<int>(kLogLinesMax) * 3;
        for (int i = 0; i < many; ++i) log.write(Event::kConfigLoaded, {{"file", filler}});
        dropped = log.dropped();
        EXPECT_GT(dropped, 0u);
        std::jthread reader([&] { text = pipe.read_all(); });
        EXPECT_TRUE(log.flush(10));
        log.write(Event::kNodeStarted);
        EXPECT_TRUE(log.flush(10));
        pipe.close_write();
        reader.join();
        // The writer says what was lost as soon as it gets to write, which may be more than once.
        const auto [times, told] = losses(text);
        EXPECT_EQ(told, dropped);
        EXPECT_EQ(lines(text), static_cast<std::size_t>(many) - dropped + 1 + times);
    }
    EXPECT_THAT(text, HasSubstr("node.started"));
}

TEST(Log, DiesInBoundedTimeWhenNobodyReads) {
    Pipe pipe;
    const auto begin = std::chrono::steady_clock::now();
    {
        Log log({}, pipe.write_end());
        for (int i = 0; i < 2'000; ++i) {
            log.write(Event::kConfigLoaded, {{"file", std::string(200, 'x')}});
        }
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(Log, LeavesOutWhatIsBelowItsLevelOrBeyondItsRate) {
    Pipe pipe;
    {
        Log log({}, pipe.write_end());
        EXPECT_FALSE(log.enabled(Event::kClientMalformed));
        log.write(Event::kClientMalformed);
        log.reconfigure({.level = LogLevel::kError, .format = LogFormat::kJson, .requests = true});
        EXPECT_TRUE(log.requests_enabled());
        log.write(Event::kConfigLoaded);
        log.write(Event::kConfigRejected);
        log.reconfigure({});
        // One a second: of three at least one is left out, whenever the second turns.
        for (int i = 0; i < 3; ++i) log.write(Event::kResolveFailed, {{"host", "h"}});
    }
    pipe.close_write();
    const std::string text = pipe.read_all();
    EXPECT_THAT(text, HasSubstr("config.rejected"));
    EXPECT_EQ(text.find("config.loaded"), std::string::npos);
    EXPECT_EQ(text.find("client.malformed"), std::string::npos);
    EXPECT_GE(lines(text), 3u) << "with the last word on those left out";
    EXPECT_LE(lines(text), 4u);
}

std::uint64_t suppressed(const std::string& text) {
    const std::string mark = "\"suppressed\":";
    std::uint64_t told = 0;
    for (std::size_t at = text.find(mark); at != text.npos; at = text.find(mark, at + 1)) {
        told += std::stoull(text.substr(at + mark.size()));
    }
    return told;
}

TEST(Log, TellsWhatAFloodLeftOutWhenNothingFollowsIt) {
    Pipe pipe;
    Log log({}, pipe.write_end());
    std::size_t said = 0;
    for (int i = 0; i < 20; ++i) log.write(Event::kResolveFailed, {{"host", "h"}}, 3);
    log.write(Event::kConnectionRefused);  // another event's bound is its own
    std::string text;
    while (text.find("\"suppressed\":") == text.npos || suppressed(text) + said < 20) {
        text += pipe.read_some();
        said = 0;
        for (std::size_t at = text.find("\"host\""); at != text.npos;
             at = text.find("\"host\"", at + 1)) {
            ++said;
        }
    }
    EXPECT_EQ(said + suppressed(text), 20u) << text;
    EXPECT_THAT(text, HasSubstr("\"event\":\"upstream.resolve_failed\",\"suppressed\":"));
    EXPECT_EQ(log.dropped(), 0u);
}

TEST(Log, CountsABoundApartForEachPart) {
    Pipe pipe;
    {
        Log log({}, pipe.write_end());
        for (std::size_t part = 0; part < 5; ++part) {
            for (int i = 0; i < 50; ++i) {
                log.write(Event::kUpstreamFailed, {{"target", std::to_string(part)}}, part);
            }
        }
    }
    pipe.close_write();
    const std::string text = pipe.read_all();
    for (const char* const target : {"0", "1", "2", "3", "4"}) {
        const std::string field = "\"target\":\"" + std::string(target) + "\"";
        EXPECT_THAT(text, HasSubstr(field)) << "a failing target hid another";
    }
    EXPECT_LE(lines(text), 5u * 10u * 2u) << "at most ten a second each, whenever it turns";
}

TEST(LogDeathTest, EndsTheProcessForAFieldThatTheCatalogueLacks) {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_DEATH(
        {
            Log log({});
            log.write(Event::kNodeStarted, {{"colour", "blue"}});
        },
        "node.started has no field colour");
    EXPECT_DEATH(
        {
            Log log({.level = LogLevel::kError});
            log.write(Event::kStateSaved, {{"bytes", 7}});  // below the level, and yet
        },
        "state.saved has no field bytes");
}

TEST(Log, TakesTextOnlyOnATerminalUnlessTold) {
    Pipe pipe;
    {
        Log log({.format = LogFormat::kText}, pipe.write_end());
        log.write(Event::kNodeStarted, {{"workers", 1}});
    }
    pipe.close_write();
    EXPECT_THAT(pipe.read_all(), HasSubstr(" INFO  node.started workers=1\n"));
}

}  // namespace
}  // namespace vidai::node::observe
