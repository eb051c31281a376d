// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/money/wires.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace vidai::sim {

using namespace mesh::budget;  // NOLINT(google-build-using-namespace)
using std::chrono::milliseconds;

namespace {

constexpr Duration kLookEvery = milliseconds(100);
constexpr Duration kNoticed = milliseconds(1'500);  // a path that is cut
constexpr std::uint64_t kLateMax = 2'000;           // ms

}  // namespace

Wires::Wires(const MoneyStory& story, Scheduler& scheduler, Ends& ends)
    : nodes_(story.nodes),
      story_(story),
      scheduler_(scheduler),
      ends_(ends),
      rng_(story.seed ^ 0x7769726573),
      loss_(story.loss),
      duplicates_(story.duplicates),
      late_(story.late),
      ways_(nodes_ * nodes_) {
    scheduler_.after(milliseconds(1), [this] { look(); });
}

void Wires::send(std::size_t from, std::size_t to, Message message) {
    Way& way = at(from, to);
    if (!way.up) return;
    const bool hello = std::holds_alternative<Hello>(message);
    const bool lost = way.blocked > 0 || (!hello && rng_.chance(loss_));
    if (lost) {
        if (hello) way.broken = true;
        return;
    }
    const auto jitter =
        static_cast<std::uint64_t>(std::max<std::int64_t>(1, story_.jitter.count()));
    MonoTime when = scheduler_.now() + story_.latency + slow_ + Duration(rng_.below(jitter));
    if (hello) {
        way.last_hello = when = std::max(when, way.last_hello + Duration(1));
    } else if (rng_.chance(late_)) {
        when += milliseconds(rng_.below(kLateMax));
    }
    // An edit is a call: who repeats it is the operator.
    const bool once = hello || std::holds_alternative<Edit>(message);
    if (!once && rng_.chance(duplicates_)) {
        deliver(from, to, when + milliseconds(rng_.below(300)), message);
    }
    deliver(from, to, when, std::move(message));
}

void Wires::deliver(std::size_t from, std::size_t to, MonoTime when, Message message) {
    const bool hello = std::holds_alternative<Hello>(message);
    scheduler_.at(when, [this, from, to, hello, message = std::move(message),
                         said_by = ends_.key(from), meant_for = at(from, to).peer,
                         epoch = at(from, to).epoch] {
        if (!ends_.running(to) || ends_.key(to) != meant_for) return;
        if (hello && (!at(from, to).up || at(from, to).epoch != epoch)) return;
        const auto time = static_cast<std::uint64_t>(scheduler_.now().time_since_epoch().count());
        trace_ = (trace_ ^ (time * 64 + message.index())) * 0x100000001b3;
        trace_ = (trace_ ^ (from * nodes_ + to)) * 0x100000001b3;
        ends_.arrived(to, said_by, message);
    });
}

void Wires::drop(std::size_t a, std::size_t b) {
    for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
        Way& way = at(from, to);
        if (!std::exchange(way.up, false)) continue;
        way.broken = false;
        ++way.epoch;
        if (ends_.running(from)) ends_.disconnected(from, way.peer);
    }
}

void Wires::stop(std::size_t node, bool silent) {
    for (std::size_t peer = 0; peer < nodes_; ++peer) {
        at(node, peer).up = false;
        ++at(node, peer).epoch;
        Way& other = at(peer, node);
        if (!other.up) continue;
        const Duration noticed = silent ? kNoticed : Duration(milliseconds(1));
        scheduler_.after(noticed, [this, peer, node, epoch = other.epoch] {
            Way& way = at(peer, node);
            if (!way.up || way.epoch != epoch) return;
            way.up = way.broken = false;
            ++way.epoch;
            if (ends_.running(peer)) ends_.disconnected(peer, way.peer);
        });
    }
}

void Wires::block(std::size_t from, std::size_t to, bool on) {
    Way& way = at(from, to);
    if (on && way.blocked++ == 0) way.since = scheduler_.now();
    if (!on && way.blocked > 0) --way.blocked;
}

void Wires::heal() {
    loss_ = duplicates_ = late_ = 0;
    slow_ = {};
    for (Way& way : ways_) way.blocked = 0;
}

void Wires::look() {
    for (std::size_t a = 0; a < nodes_; ++a) {
        for (std::size_t b = a + 1; b < nodes_; ++b) look(a, b);
    }
    scheduler_.after(kLookEvery, [this] { look(); });
}

void Wires::look(std::size_t a, std::size_t b) {
    const auto cut = [&](const Way& way) {
        return way.broken || (way.blocked > 0 && scheduler_.now() - way.since >= kNoticed);
    };
    const bool half = at(a, b).up != at(b, a).up;
    if (at(a, b).up || at(b, a).up) {
        // Half a connection is one whose other end has begun anew: it is noticed by then.
        if (half || cut(at(a, b)) || cut(at(b, a))) drop(a, b);
        return;
    }
    const bool possible =
        ends_.running(a) && ends_.running(b) && at(a, b).blocked == 0 && at(b, a).blocked == 0;
    if (!possible) return;
    for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
        Way& way = at(from, to);
        way.up = true;
        way.peer = ends_.key(to);
        ++way.epoch;
    }
    ends_.connected(a, b);
    ends_.connected(b, a);
}

}  // namespace vidai::sim
