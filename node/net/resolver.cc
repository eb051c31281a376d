// SPDX-License-Identifier: Apache-2.0
#include "node/net/resolver.h"

#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include <arpa/inet.h>
#include <boost/asio/post.hpp>
#include <netdb.h>
#include <netinet/in.h>

#include "node/net/clock.h"

namespace vidai::node::net {
namespace {

constexpr std::size_t kQuestionsMax = 1'024;

Result<Addresses> resolve_blocking(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* list = nullptr;
    const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
    if (code != 0) {
        return fail(ErrorCode::kUpstreamUnreachable,
                    "cannot resolve " + host + ": " + ::gai_strerror(code));
    }
    Addresses addresses;
    for (const addrinfo* item = list; item != nullptr && addresses.size() < 16;
         item = item->ai_next) {
        SocketAddress address;
        std::memcpy(&address.storage, item->ai_addr, item->ai_addrlen);
        address.size = item->ai_addrlen;
        addresses.push_back(address);
    }
    ::freeaddrinfo(list);
    return addresses;
}

}  // namespace

Result<SocketAddress> parse_address(const std::string& host, std::uint16_t port) {
    SocketAddress address;
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&address.storage, &v4, sizeof v4);
        address.size = sizeof v4;
        return address;
    }
    if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        std::memcpy(&address.storage, &v6, sizeof v6);
        address.size = sizeof v6;
        return address;
    }
    return fail(ErrorCode::kInvalidRequest, "'" + host + "' is not a numeric address");
}

struct ResolverThread::Impl {
    struct Question {
        std::string host;
        std::uint16_t port;
        boost::asio::io_context* io;
        Answer answer;
    };
    std::mutex mutex;
    std::condition_variable_any wake;
    std::deque<Question> questions;
    std::jthread thread;

    void run(const std::stop_token& stop) {
        while (true) {
            std::unique_lock lock(mutex);
            if (!wake.wait(lock, stop, [this] { return !questions.empty(); })) return;
            Question question = std::move(questions.front());
            questions.pop_front();
            lock.unlock();
            Result<Addresses> result = resolve_blocking(question.host, question.port);
            boost::asio::post(*question.io, [answer = std::move(question.answer),
                                             result = std::move(result)]() mutable {
                answer(std::move(result));
            });
        }
    }
};

ResolverThread::ResolverThread() : impl_(std::make_unique<Impl>()) {
    impl_->thread =
        std::jthread([impl = impl_.get()](const std::stop_token& stop) { impl->run(stop); });
}

ResolverThread::~ResolverThread() = default;

void ResolverThread::resolve(std::string host, std::uint16_t port, boost::asio::io_context& io,
                             Answer answer) {
    {
        const std::lock_guard lock(impl_->mutex);
        if (impl_->questions.size() < kQuestionsMax) {
            impl_->questions.push_back({std::move(host), port, &io, std::move(answer)});
            impl_->wake.notify_one();
            return;
        }
    }
    boost::asio::post(io, [answer = std::move(answer)] {
        answer(fail(ErrorCode::kUnavailable, "too many names wait to be resolved"));
    });
}

std::shared_ptr<const Addresses> Resolver::lookup(const std::string& host, std::uint16_t port,
                                                  MonoTime now, Answer answer) {
    Key key{host, port};
    auto found = cache_.find(key);
    if (found == cache_.end()) {
        if (Result<SocketAddress> numeric = parse_address(host, port)) {
            return std::make_shared<const Addresses>(1, *numeric);
        }
        if (cache_.size() >= kNamesMax) {
            // Names come from the configuration, so this is a reload storm: start afresh.
            std::erase_if(cache_, [](const auto& item) { return !item.second.asking; });
        }
        found = cache_.emplace(key, Entry{}).first;
    }
    Entry& entry = found->second;
    const bool known = entry.addresses != nullptr;
    const Duration age = known ? now - entry.resolved : Duration::max();
    if (known && age < kStale) {
        const std::shared_ptr<const Addresses> addresses = entry.addresses;
        if (age >= kFresh && !entry.asking) ask(key);
        return addresses;
    }
    entry.waiting.push_back(std::move(answer));
    if (!entry.asking) ask(key);
    return nullptr;
}

void Resolver::ask(const Key& key) {
    cache_[key].asking = true;
    thread_.resolve(key.first, key.second, io_,
                    [this, key](const Result<Addresses>& answer) { on_answer(key, answer); });
}

void Resolver::on_answer(const Key& key, const Result<Addresses>& answer) {
    Entry& entry = cache_[key];
    entry.asking = false;
    if (answer) {
        entry.addresses = std::make_shared<const Addresses>(*answer);
        entry.resolved = mono_now();
    } else {
        log_.write(observe::Event::kResolveFailed,
                   {{"host", key.first}, {"error", answer.error().message}},
                   std::hash<std::string>{}(key.first));
    }
    std::vector<Answer> waiting;
    waiting.swap(entry.waiting);
    if (!answer && entry.addresses == nullptr) cache_.erase(key);
    for (const Answer& waiter : waiting) waiter(answer);
}

}  // namespace vidai::node::net
