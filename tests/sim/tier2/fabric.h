// SPDX-License-Identifier: Apache-2.0
// Fabric: TCP between simulated hosts, in memory and in virtual time, with what goes wrong there.
// Bytes arrive in order or not at all: what is lost is delayed until it is sent again, a cut path
// holds bytes back, and a sender gives up after ten seconds without an acknowledgement, as
// TCP_USER_TIMEOUT has it. Somebody may sit on a path and change what passes. A host is its IPv4
// address; it listens on one port. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <kj/async-io.h>
#include <kj/refcount.h>
#include <kj/timer.h>

#include "schema/base/rng.h"
#include "schema/vocabulary/time.h"

namespace vidai::sim {

using Host = std::string;

inline constexpr std::size_t kWindowBytes = 256 * 1024;  // unacknowledged, of one direction
inline constexpr std::size_t kTapeBytes = 8 * 1024;      // of a direction's beginning, remembered

// What can be done to one message on its way. (As a rule a write, and so whole sealed records.)
enum class Tampering : std::uint8_t { kFlip, kRepeat, kOmit, kReflect, kSplice };

// One direction of a connection.
struct Lane : kj::Refcounted {
    struct Chunk {
        MonoTime due, sent;
        std::vector<std::uint8_t> bytes;  // none: the end
        bool forged = false;              // not what the sender said at this place
    };
    Lane(Host sender, Host receiver, MonoTime now)
        : from(std::move(sender)), to(std::move(receiver)), opened(now) {}

    const Host from, to;
    const MonoTime opened;
    bool dialled = false;               // the sender did
    bool unread = false;                // nobody will ever read it
    std::vector<std::uint8_t> tape;     // what was sent first
    std::optional<MonoTime> forged_at;  // when the first forged message arrived
    bool gap = false;                   // a message was taken out: the next one is forged
    std::deque<Chunk> flight;
    std::size_t in_flight = 0;
    std::deque<std::uint8_t> inbox;
    bool carried = false;  // the fabric looks after the chunks in flight
    bool ended = false;    // the receiver has all there will be
    bool finished = false, sender_gone = false, receiver_gone = false;
    Lane* reverse = nullptr;                // alive while the sender is
    kj::Maybe<kj::Exception> broken, lost;  // for the sender's writes, for the receiver's reads
    kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> reader, writer, watcher;

    void wake(kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>>& waiting);
    void fail(const kj::Exception& why);  // the sender's end of the connection
};

class Fabric final : private kj::TaskSet::ErrorHandler {
  public:
    Fabric(kj::Timer& timer, Rng rng) : timer_(timer), rng_(rng), tasks_(*this) {}
    ~Fabric() noexcept(false) { unanswered_.clear(); }  // their ends still say so

    kj::Own<kj::Network> network_of(const Host& host);
    kj::Own<kj::ConnectionReceiver> listen(const Host& host);

    // Faults. A path is one direction between two hosts.
    void cut(const Host& from, const Host& to) { cut_.insert({from, to}); }
    void mend(const Host& from, const Host& to) { cut_.erase({from, to}); }
    void slow(const Host& from, const Host& to, Duration delay) { slow_[{from, to}] = delay; }
    void set_dark(const Host& host, bool dark);  // no power: nothing in, nothing out
    void set_mute(const Host& host, bool mute);  // accepts, then says nothing
    void reset(const Host& a, const Host& b);    // ends their connections in mid-message
    void heal();
    // Does that to the next message from `from` to `to`.
    void tamper(const Host& from, const Host& to, Tampering how) { tampering_[{from, to}] = how; }
    // What whoever last dialled `to` from one of `from` began with.
    std::vector<std::uint8_t> tape_to(const Host& to, const std::set<Host>& from) const;

    // Every direction of every connection that one of its ends still holds.
    template <class Visit>
    void for_each_lane(Visit visit) const {
        for (const auto& lane : lanes_) {
            if (!lane->sender_gone || !lane->receiver_gone) visit(*lane);
        }
    }
    // Whether who dials it is heard.
    bool answers(const Host& host) const {
        return listening_.contains(host) && !mute_.contains(host) && !dark_.contains(host);
    }

    std::uint64_t hash() const { return hash_; }
    const std::map<Host, std::uint64_t>& sent() const { return sent_; }  // bytes

    // For streams and listeners.
    kj::Promise<kj::Own<kj::AsyncIoStream>> connect(const Host& from, const Host& to);
    void send(Lane& lane, std::vector<std::uint8_t> bytes);
    bool is_dark(const Host& host) const { return dark_.contains(host); }

  private:
    class Receiver;
    class Dialler;
    struct Listening {
        std::deque<kj::Own<kj::AsyncIoStream>> queue;
        kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> waiting;
    };

    MonoTime now() const;
    Duration delay(const Host& from, const Host& to);
    bool passes(const Host& from, const Host& to) const;
    kj::Promise<kj::Own<kj::AsyncIoStream>> knock(Host from, Host to);
    kj::Promise<void> carry(kj::Own<Lane> lane);
    bool arrive(Lane& lane);  // false: it has to wait
    bool tamper_with(Lane& lane);
    void insert(Lane& lane, std::vector<std::uint8_t> bytes);
    void note(const Lane& lane, const Lane::Chunk& chunk);
    void taskFailed(kj::Exception&& e) override;

    kj::Timer& timer_;
    Rng rng_;
    std::uint64_t hash_ = 0xcbf29ce484222325;
    std::map<Host, std::uint64_t> sent_;
    std::map<Host, Listening*> listening_;
    std::set<std::pair<Host, Host>> cut_;
    std::map<std::pair<Host, Host>, Duration> slow_;
    std::set<Host> dark_, mute_;
    std::map<std::pair<Host, Host>, Tampering> tampering_;
    std::vector<kj::Own<kj::AsyncIoStream>> unanswered_;
    std::vector<kj::Own<Lane>> lanes_;
    kj::TaskSet tasks_;
};

}  // namespace vidai::sim
