// SPDX-License-Identifier: Apache-2.0
// Names to addresses without blocking a worker. getaddrinfo runs on one thread of its own; answers
// come back through the asking worker's io_context. Each worker has a cache: fresh for kFresh (the
// C library does not tell a record's own time to live), and for kStale served while it is asked
// for again, so that a slow DNS server is felt at the first use of a name only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <sys/socket.h>

#include "node/observe/log.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::node::net {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    int family() const { return storage.ss_family; }
};
using Addresses = std::vector<SocketAddress>;  // in the order to try; never empty

// A numeric IPv4 or IPv6 address; no DNS.
Result<SocketAddress> parse_address(const std::string& host, std::uint16_t port);

// The thread that asks. One for the whole node; safe from any thread.
class ResolverThread {
  public:
    using Answer = std::function<void(Result<Addresses>)>;
    ResolverThread();
    ~ResolverThread();  // waits for the query under way, drops the rest
    // Calls `answer` on `io`'s thread. kUnavailable when 1,024 questions wait already.
    void resolve(std::string host, std::uint16_t port, boost::asio::io_context& io, Answer answer);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// One worker's cache. Single-threaded.
class Resolver {
  public:
    static constexpr std::chrono::seconds kFresh{30};
    static constexpr std::chrono::seconds kStale{300};
    static constexpr std::size_t kNamesMax = 1'024;

    Resolver(ResolverThread& thread, boost::asio::io_context& io, observe::Log& log)
        : thread_(thread), io_(io), log_(log) {}

    // The addresses if known, at once; otherwise null, and `answer` is called later, once.
    using Answer = ResolverThread::Answer;
    std::shared_ptr<const Addresses> lookup(const std::string& host, std::uint16_t port,
                                            MonoTime now, Answer answer);

  private:
    struct Entry {
        std::shared_ptr<const Addresses> addresses;
        MonoTime resolved;
        bool asking = false;
        std::vector<Answer> waiting;
    };
    using Key = std::pair<std::string, std::uint16_t>;
    void ask(const Key& key);
    void on_answer(const Key& key, const Result<Addresses>& answer);

    ResolverThread& thread_;
    boost::asio::io_context& io_;
    observe::Log& log_;
    std::map<Key, Entry> cache_;
};

}  // namespace vidai::node::net
