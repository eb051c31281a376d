// SPDX-License-Identifier: Apache-2.0
// One real core and the test in the part of all its peers: inputs at chosen times, effects looked
// at one by one. Signatures are a letter, good or bad.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mesh/membership/membership.h"

namespace vidai::mesh::membership {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr std::uint8_t kForged = 0xff;

inline Version version(std::uint64_t generation, std::uint32_t incarnation,
                       std::uint64_t serial = 0) {
    return {serial, Generation{generation}, Incarnation{incarnation}};
}

inline ClaimRef claim(const std::string& id, Version v, bool left = false,
                      std::string address = {}) {
    auto out = std::make_shared<Claim>();
    out->id = NodeId(id);
    out->version = v;
    out->left = left;
    out->address = address.empty() ? id + ":7420" : std::move(address);
    return out;
}

inline Accusation accusation(const std::string& subject, Version v, const std::string& accuser,
                             Status verdict = Status::kSuspect,
                             Evidence evidence = Evidence::kSilent) {
    return {NodeId(subject), v, verdict, evidence, NodeId(accuser)};
}

// Node "m" with peers "a", "b", ... of generation 1, connected where the test says so.
class Bench {
  public:
    explicit Bench(const std::string& peers = "", bool connect = true, Options options = {},
                   std::vector<ClaimRef> roster = {}, std::uint64_t serial = 0)
        : core(Identity{.id = NodeId("m"),
                        .key = {},
                        .serial = serial,
                        .generation = Generation{1},
                        .credential = {}},
               "m:7420", WireRange{},
               Crypto{[](Claim&) {}, [](const Claim& c) { return c.signature[0] != kForged; }},
               options, 7, roster) {
        give([&](Effects& out) { core.join(now, {"seed:7420"}, out); });
        for (const char peer : peers) {
            const std::string id(1, peer);
            if (connect) connected(id);
            hear(id, claim(id, version(1, 0)));
        }
        effects.clear();
    }

    template <class Input>
    void give(Input input) {
        Effects out;
        input(out);
        for (Effect& effect : out) {
            if (const auto* timer = std::get_if<ArmTimer>(&effect)) {
                timers.push_back(*timer);
            } else {
                effects.push_back(std::move(effect));
            }
        }
    }
    void connected(const std::string& peer) {
        give([&](Effects& out) { core.on_connected(now, NodeId(peer), out); });
    }
    void disconnected(const std::string& peer, LinkEnd end) {
        give([&](Effects& out) { core.on_disconnected(now, NodeId(peer), end, out); });
    }
    void dial_failed(const std::string& peer, DialFailure failure) {
        const Dial dial{peer + ":7420", NodeId(peer), seconds(3)};
        give([&](Effects& out) { core.on_dial_failed(now, dial, failure, out); });
    }
    void forget(const std::string& id, Version up_to) {
        give([&](Effects& out) { core.forget(now, NodeId(id), up_to, out); });
    }
    void message(const std::string& from, const Message& m) {
        give([&](Effects& out) { core.on_message(now, NodeId(from), m, out); });
    }
    void hear(const std::string& from, Rumor rumor) { message(from, Gossip{{std::move(rumor)}}); }

    // Time passes; timers fire in order. Peers of `answering` answer pings at once.
    void run(Duration span, const std::string& answering = "") {
        const MonoTime end = now + span;
        for (;;) {
            answer(answering);
            const auto next =
                std::min_element(timers.begin(), timers.end(),
                                 [](const ArmTimer& x, const ArmTimer& y) { return x.at < y.at; });
            if (next == timers.end() || next->at > end) break;
            const ArmTimer timer = *next;
            timers.erase(next);
            now = std::max(now, timer.at);
            give([&](Effects& out) { core.on_timer(now, timer.token, out); });
        }
        now = end;
    }

    template <class M>
    std::vector<std::pair<std::string, M>> sent() const {
        std::vector<std::pair<std::string, M>> out;
        for (const Effect& effect : effects) {
            const auto* send = std::get_if<Send>(&effect);
            if (send == nullptr) continue;
            if (const auto* m = std::get_if<M>(&send->message))
                out.emplace_back(send->to.str(), *m);
        }
        return out;
    }
    std::vector<std::string> dialled() const {
        std::vector<std::string> out;
        for (const Effect& effect : effects) {
            if (const auto* dial = std::get_if<Dial>(&effect)) out.push_back(dial->address);
        }
        return out;
    }
    int count(EventKind kind) const {
        return static_cast<int>(std::count_if(effects.begin(), effects.end(), [&](const auto& e) {
            const auto* notify = std::get_if<Notify>(&e);
            return notify != nullptr && notify->event.kind == kind;
        }));
    }
    Status status(const std::string& id) const { return core.status_of(NodeId(id)); }
    MemberView view(const std::string& id) const {
        for (MemberView& member : core.members()) {
            if (member.id.str() == id) return member;
        }
        return {};
    }

    MonoTime now{std::chrono::hours(1)};
    Membership core;
    Effects effects;  // but timers
    std::vector<ArmTimer> timers;

  private:
    void answer(const std::string& answering) {
        const std::size_t until = effects.size();
        for (; answered_ < until; ++answered_) {
            const auto* send = std::get_if<Send>(&effects[answered_]);
            if (send == nullptr || answering.find(send->to.str()) == std::string::npos) continue;
            const auto* ping = std::get_if<Ping>(&send->message);
            if (ping == nullptr) continue;
            const std::string from = send->to.str();
            const std::uint64_t seq = ping->seq;
            message(from, Ack{seq});
        }
    }
    std::size_t answered_ = 0;
};

}  // namespace vidai::mesh::membership
