// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/tier2/fabric.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <kj/debug.h>

namespace vidai::sim {

namespace {

using Stream = kj::Own<kj::AsyncIoStream>;
using Waiting = kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>>;

constexpr std::chrono::seconds kUserTimeout{10};
constexpr std::chrono::milliseconds kRetransmit{200};
constexpr std::chrono::microseconds kDelay{300};
constexpr std::uint64_t kJitterNs = 400'000;
constexpr std::size_t kLanesSwept = 64;

kj::Exception trouble(kj::Exception::Type type, const char* what) {
    return kj::Exception(type, __FILE__, __LINE__, kj::heapString(what));
}
kj::Exception reset_by_peer() {
    return trouble(kj::Exception::Type::DISCONNECTED, "Connection reset by peer");
}

kj::Promise<void> wait_at(Waiting& place) {
    auto pair = kj::newPromiseAndFulfiller<void>();
    place = kj::mv(pair.fulfiller);
    return kj::mv(pair.promise);
}

// What a node holds of a connection.
class End final : public kj::AsyncIoStream {
  public:
    End(Fabric& fabric, kj::Own<Lane> in, kj::Own<Lane> out)
        : fabric_(fabric), in_(kj::mv(in)), out_(kj::mv(out)) {}
    ~End() noexcept(false) {
        in_->receiver_gone = true;
        finish();
        out_->sender_gone = true;
    }

    kj::Promise<std::size_t> tryRead(void* buffer, std::size_t min, std::size_t max) override {
        return read_more(static_cast<std::uint8_t*>(buffer), min, max, 0);
    }
    kj::Promise<void> write(const void* buffer, std::size_t size) override {
        const auto* bytes = static_cast<const std::uint8_t*>(buffer);
        return push({bytes, bytes + size});
    }
    kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override {
        std::vector<std::uint8_t> whole;
        for (const auto& piece : pieces) whole.insert(whole.end(), piece.begin(), piece.end());
        return push(std::move(whole));
    }
    kj::Promise<void> whenWriteDisconnected() override { return wait_at(out_->watcher); }
    void shutdownWrite() override { finish(); }
    void getsockopt(int, int, void*, kj::uint*) override {}
    void setsockopt(int, int, const void*, kj::uint) override {}
    void getpeername(sockaddr* address, kj::uint* length) override {
        sockaddr_in peer{};
        peer.sin_family = AF_INET;
        ::inet_pton(AF_INET, in_->from.c_str(), &peer.sin_addr);
        std::memcpy(address, &peer, std::min<std::size_t>(*length, sizeof peer));
        *length = sizeof peer;
    }

  private:
    void finish() {
        if (std::exchange(out_->finished, true) || fabric_.is_dark(out_->from)) return;
        fabric_.send(*out_, {});
    }
    kj::Promise<void> push(std::vector<std::uint8_t> bytes) {
        KJ_IF_MAYBE (why, out_->broken) {
            return kj::cp(*why);
        }
        if (bytes.empty() || out_->finished) return kj::READY_NOW;
        fabric_.send(*out_, std::move(bytes));
        if (out_->in_flight < kWindowBytes) return kj::READY_NOW;
        return wait_at(out_->writer);
    }
    kj::Promise<std::size_t> read_more(std::uint8_t* out, std::size_t min, std::size_t max,
                                       std::size_t got) {
        const std::size_t size = std::min(max - got, in_->inbox.size());
        std::copy_n(in_->inbox.begin(), size, out + got);
        in_->inbox.erase(in_->inbox.begin(), in_->inbox.begin() + static_cast<long>(size));
        got += size;
        if (got >= min || in_->ended) return got;
        KJ_IF_MAYBE (why, in_->lost) {
            return kj::cp(*why);
        }
        return wait_at(in_->reader).then([this, out, min, max, got]() {
            return read_more(out, min, max, got);
        });
    }

    Fabric& fabric_;
    kj::Own<Lane> in_, out_;
};

}  // namespace

void Lane::wake(Waiting& waiting) {
    KJ_IF_MAYBE (fulfiller, waiting) {
        auto woken = kj::mv(*fulfiller);
        waiting = nullptr;
        woken->fulfill();
    }
}

void Lane::fail(const kj::Exception& why) {
    if (broken != nullptr) return;
    broken = kj::cp(why);
    flight.clear();
    in_flight = 0;
    wake(watcher);
    if (!sender_gone) {
        reverse->lost = kj::cp(why);
        reverse->wake(reverse->reader);
    }
    KJ_IF_MAYBE (fulfiller, writer) {
        auto woken = kj::mv(*fulfiller);
        writer = nullptr;
        woken->reject(kj::cp(why));
    }
}

class Fabric::Receiver final : public kj::ConnectionReceiver {
  public:
    Receiver(Fabric& fabric, Host host) : fabric_(fabric), host_(std::move(host)) {
        fabric_.listening_[host_] = &listening_;
    }
    ~Receiver() noexcept(false) { fabric_.listening_.erase(host_); }
    kj::Promise<Stream> accept() override {
        if (listening_.queue.empty()) {
            return wait_at(listening_.waiting).then([this]() { return accept(); });
        }
        Stream next = kj::mv(listening_.queue.front());
        listening_.queue.pop_front();
        return kj::mv(next);
    }
    kj::uint getPort() override { return 7420; }

  private:
    Fabric& fabric_;
    const Host host_;
    Listening listening_;
};

// A host's own view of the network; an address is "HOST:PORT".
class Fabric::Dialler final : public kj::Network {
  public:
    Dialler(Fabric& fabric, Host host) : fabric_(fabric), host_(std::move(host)) {}

    kj::Promise<kj::Own<kj::NetworkAddress>> parseAddress(kj::StringPtr text, kj::uint) override {
        const std::string address = text.cStr();
        return kj::Own<kj::NetworkAddress>(
            kj::heap<Address>(fabric_, host_, address.substr(0, address.rfind(':'))));
    }
    kj::Own<kj::NetworkAddress> getSockaddr(const void*, kj::uint) override {
        KJ_UNIMPLEMENTED("nodes dial by text");
    }
    kj::Own<kj::Network> restrictPeers(kj::ArrayPtr<const kj::StringPtr>,
                                       kj::ArrayPtr<const kj::StringPtr>) override {
        KJ_UNIMPLEMENTED("nodes restrict nobody");
    }

  private:
    class Address final : public kj::NetworkAddress {
      public:
        Address(Fabric& fabric, Host from, Host to)
            : fabric_(fabric), from_(std::move(from)), to_(std::move(to)) {}
        kj::Promise<Stream> connect() override { return fabric_.connect(from_, to_); }
        kj::Own<kj::ConnectionReceiver> listen() override { return fabric_.listen(to_); }
        kj::Own<kj::NetworkAddress> clone() override {
            return kj::heap<Address>(fabric_, from_, to_);
        }
        kj::String toString() override { return kj::heapString(to_.c_str()); }

      private:
        Fabric& fabric_;
        const Host from_, to_;
    };
    Fabric& fabric_;
    const Host host_;
};

kj::Own<kj::Network> Fabric::network_of(const Host& host) {
    return kj::heap<Dialler>(*this, host);
}
kj::Own<kj::ConnectionReceiver> Fabric::listen(const Host& host) {
    return kj::heap<Receiver>(*this, host);
}

MonoTime Fabric::now() const {
    return MonoTime(
        std::chrono::nanoseconds((timer_.now() - kj::origin<kj::TimePoint>()) / kj::NANOSECONDS));
}

Duration Fabric::delay(const Host& from, const Host& to) {
    const auto found = slow_.find({from, to});
    const Duration base = found == slow_.end() ? Duration(kDelay) : found->second;
    return base + std::chrono::nanoseconds(rng_.below(kJitterNs));
}

bool Fabric::passes(const Host& from, const Host& to) const {
    return !cut_.contains({from, to}) && !dark_.contains(from) && !dark_.contains(to);
}

kj::Promise<Stream> Fabric::connect(const Host& from, const Host& to) {
    const Duration trip = delay(from, to) + delay(to, from);
    return timer_.afterDelay(trip.count() * kj::NANOSECONDS).then([this, from, to]() {
        return knock(from, to);
    });
}

// Asks again while no packet comes through, for as long as the dialler has patience.
kj::Promise<Stream> Fabric::knock(Host from, Host to) {
    if (!passes(from, to) || !passes(to, from)) {
        return timer_.afterDelay(kRetransmit.count() * kj::MILLISECONDS).then([this, from, to]() {
            return knock(from, to);
        });
    }
    const auto found = listening_.find(to);
    if (found == listening_.end()) {
        return trouble(kj::Exception::Type::DISCONNECTED, std::strerror(ECONNREFUSED));
    }
    auto there = kj::refcounted<Lane>(from, to, now());
    auto back = kj::refcounted<Lane>(to, from, now());
    there->dialled = true;
    there->reverse = back.get();
    back->reverse = there.get();
    Stream mine = kj::heap<End>(*this, kj::addRef(*back), kj::addRef(*there));
    Stream theirs = kj::heap<End>(*this, kj::addRef(*there), kj::addRef(*back));
    if (lanes_.size() % kLanesSwept == 0) {
        std::erase_if(lanes_,
                      [](const auto& lane) { return lane->sender_gone && lane->receiver_gone; });
    }
    there->unread = mute_.contains(to);
    lanes_.push_back(kj::mv(there));
    lanes_.push_back(kj::mv(back));
    if (mute_.contains(to)) {
        unanswered_.push_back(kj::mv(theirs));
        return kj::mv(mine);
    }
    found->second->queue.push_back(kj::mv(theirs));
    KJ_IF_MAYBE (fulfiller, found->second->waiting) {
        auto woken = kj::mv(*fulfiller);
        found->second->waiting = nullptr;
        woken->fulfill();
    }
    return kj::mv(mine);
}

void Fabric::send(Lane& lane, std::vector<std::uint8_t> bytes) {
    if (lane.broken != nullptr) return;
    MonoTime due = now() + delay(lane.from, lane.to);
    if (!lane.flight.empty()) due = std::max(due, lane.flight.back().due);
    sent_[lane.from] += bytes.size();
    lane.in_flight += bytes.size();
    if (lane.tape.size() < kTapeBytes) {
        lane.tape.insert(lane.tape.end(), bytes.begin(), bytes.end());
    }
    lane.flight.push_back({due, now(), std::move(bytes)});
    if (!std::exchange(lane.carried, true)) tasks_.add(carry(kj::addRef(lane)));
}

kj::Promise<void> Fabric::carry(kj::Own<Lane> lane) {
    while (!lane->flight.empty() && lane->flight.front().due <= now()) {
        if (!arrive(*lane)) lane->flight.front().due = now() + kRetransmit;
    }
    if (lane->flight.empty()) {
        lane->carried = false;
        return kj::READY_NOW;
    }
    const Duration wait = lane->flight.front().due - now();
    return timer_.afterDelay(wait.count() * kj::NANOSECONDS)
        .then([this, lane = kj::mv(lane)]() mutable { return carry(kj::mv(lane)); });
}

bool Fabric::arrive(Lane& lane) {
    const Lane::Chunk& next = lane.flight.front();
    const bool last = next.bytes.empty();
    if (!passes(lane.from, lane.to) || (!passes(lane.to, lane.from) && !last)) {
        if (now() - next.sent < kUserTimeout) return false;
        lane.fail(trouble(kj::Exception::Type::OVERLOADED, "Connection timed out"));
        return true;
    }
    if (lane.receiver_gone && !last) {
        lane.fail(reset_by_peer());
        return true;
    }
    if (!last && !lane.unread && tamper_with(lane)) return true;
    Lane::Chunk& chunk = lane.flight.front();
    note(lane, chunk);
    if (chunk.forged && !lane.forged_at) lane.forged_at = now();
    lane.in_flight -= chunk.bytes.size();
    lane.ended |= chunk.bytes.empty();
    lane.inbox.insert(lane.inbox.end(), chunk.bytes.begin(), chunk.bytes.end());
    lane.flight.pop_front();
    lane.wake(lane.reader);
    if (lane.in_flight < kWindowBytes) lane.wake(lane.writer);
    return true;
}

// True: it was taken out.
bool Fabric::tamper_with(Lane& lane) {
    Lane::Chunk& chunk = lane.flight.front();
    chunk.forged |= std::exchange(lane.gap, false);
    const auto wanted = tampering_.find({lane.from, lane.to});
    if (wanted == tampering_.end()) return false;
    if (chunk.bytes.size() < 3) return false;  // no message of ours
    const Tampering how = wanted->second;
    tampering_.erase(wanted);
    switch (how) {
        case Tampering::kFlip: {
            // Of its first record, whose length is left as it is: else the receiver may rightly
            // wait for more.
            const std::size_t first = 2 + (std::size_t{chunk.bytes[0]} << 8 | chunk.bytes[1]);
            const std::size_t size = std::min(first, chunk.bytes.size());
            chunk.bytes[2 + rng_.below(size - 2)] ^= static_cast<std::uint8_t>(1U << rng_.below(8));
            chunk.forged = true;
            return false;
        }
        case Tampering::kRepeat:
            insert(lane, chunk.bytes);
            return false;
        case Tampering::kOmit:
            lane.in_flight -= chunk.bytes.size();
            lane.flight.pop_front();
            lane.gap = true;
            return true;
        case Tampering::kReflect:
            if (!lane.sender_gone && !lane.receiver_gone) insert(*lane.reverse, chunk.bytes);
            return false;
        case Tampering::kSplice:
            for (auto& other : lanes_) {
                const bool another = other.get() != &lane && other->to == lane.to &&
                                     other->from != lane.from && !other->receiver_gone;
                if (!another || other->unread || other->finished) continue;
                insert(*other, chunk.bytes);
                break;
            }
            return false;
    }
    return false;
}

// Behind what is about to arrive.
void Fabric::insert(Lane& lane, std::vector<std::uint8_t> bytes) {
    if (lane.broken != nullptr || lane.finished) return;
    const std::size_t behind = std::min<std::size_t>(lane.flight.size(), 1);
    const MonoTime due = behind > 0 ? std::max(now(), lane.flight.front().due) : now();
    lane.in_flight += bytes.size();
    lane.flight.insert(lane.flight.begin() + static_cast<std::ptrdiff_t>(behind),
                       {due, now(), std::move(bytes), true});
    if (!std::exchange(lane.carried, true)) tasks_.add(carry(kj::addRef(lane)));
}

std::vector<std::uint8_t> Fabric::tape_to(const Host& to, const std::set<Host>& from) const {
    for (auto lane = lanes_.rbegin(); lane != lanes_.rend(); ++lane) {
        const Lane& one = **lane;
        if (one.dialled && one.to == to && from.contains(one.from) && !one.tape.empty()) {
            return one.tape;
        }
    }
    return {};
}

void Fabric::note(const Lane& lane, const Lane::Chunk& chunk) {
    const auto mix = [this](std::uint8_t byte) { hash_ = (hash_ ^ byte) * 0x100000001b3; };
    const auto at = static_cast<std::uint64_t>(now().time_since_epoch().count());
    for (int i = 0; i < 8; ++i) mix(static_cast<std::uint8_t>(at >> (8 * i)));
    for (const char c : lane.from + ">" + lane.to) mix(static_cast<std::uint8_t>(c));
    for (const std::uint8_t byte : chunk.bytes) mix(byte);
}

void Fabric::set_dark(const Host& host, bool dark) {
    dark ? (void)dark_.insert(host) : (void)dark_.erase(host);
}

void Fabric::set_mute(const Host& host, bool mute) {
    mute ? (void)mute_.insert(host) : (void)mute_.erase(host);
    if (!mute) unanswered_.clear();
}

void Fabric::reset(const Host& a, const Host& b) {
    for (auto& lane : lanes_) {
        const bool theirs =
            (lane->from == a && lane->to == b) || (lane->from == b && lane->to == a);
        if (theirs) lane->fail(reset_by_peer());
    }
}

void Fabric::heal() {
    cut_.clear();
    slow_.clear();
    dark_.clear();
    mute_.clear();
    tampering_.clear();
    unanswered_.clear();
}

void Fabric::taskFailed(kj::Exception&& e) {
    KJ_LOG(FATAL, "the simulated network failed", e);
    std::abort();
}

}  // namespace vidai::sim
