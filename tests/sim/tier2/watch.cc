// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/tier2/watch.h"

#include <algorithm>
#include <chrono>
#include <tuple>

#include "mesh/admission/doorkeeper.h"
#include "mesh/rpc/links.h"

namespace vidai::sim {

namespace {

namespace rpc = mesh::rpc;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kForgedMax{1};        // from a message that nobody sent to the connection's end
constexpr milliseconds kSaved{1'500};   // what a node learns is on its disk after that
constexpr milliseconds kPutOut{1'000};  // from a revocation to the end of the roster's entry
// A handshake of one who is revoked, and what it takes to end it.
constexpr seconds kRevokedMax = seconds(rpc::kHandshakeSeconds + 2);
constexpr seconds kTwoMax{10};  // two connections between two nodes, until one is left
constexpr std::size_t kRateSeconds = 10;
constexpr std::uint64_t kBytesPerSecondMax = 64'000;  // sustained, of a small mesh under faults

}  // namespace

const SimNode* Watch::at(const Host& host) const {
    const auto found = std::ranges::find(nodes_, host, &SimNode::host);
    return found == nodes_.end() || !found->runs() ? nullptr : &*found;
}

void Watch::on_start(const SimNode& node, MonoTime now) {
    started_[node.id] = now;
    for (auto& [who, since] : revoked_) {
        if (who.first == node.id) since = now;
    }
}

void Watch::on_stop(const SimNode& node, bool wiped, MonoTime now) {
    std::erase_if(seen_, [&](const auto& entry) { return entry.first.first == node.id; });
    std::erase_if(revoked_, [&](const auto& entry) {
        // Who lost its volume comes with another key.
        if (wiped && entry.first.second == node.id) return true;
        return entry.first.first == node.id && (wiped || now - entry.second < kSaved);
    });
}

void Watch::on_notice(const SimNode& node, const mesh::Notice& notice, MonoTime now) {
    if (notice.kind != mesh::Notice::Kind::kIdentity || notice.what != "revoked") return;
    const auto subject = std::ranges::find(nodes_, notice.subject, &SimNode::id);
    if (subject != nodes_.end()) {
        // Of a key that it had before it lost its volume?
        const bool its = !subject->key.empty() && notice.message.contains(subject->key);
        if (!its) return;
        subject->revoked = true;
    }
    revoked_.try_emplace({node.id, notice.subject}, now);
}

void Watch::step(MonoTime now) {
    for (const SimNode& node : nodes_) {
        if (node.runs() && !node.revoked) look_at_view(node, now);
    }
    look_at_lanes(now);
    look_at_rates(now);
}

void Watch::look_at_view(const SimNode& node, MonoTime now) {
    const auto view = node.shared->view.load();
    for (const mesh::Member& member : view->members) {
        const auto who = std::ranges::find(nodes_, member.id.str(), &SimNode::id);
        if (who == nodes_.end()) {
            accuse_("roster", node.id + " holds " + member.id.str() + " for a member", false);
            continue;
        }
        const auto known = revoked_.find({node.id, member.id.str()});
        if (known != revoked_.end() && now - known->second > kPutOut && !is_shadow(*who, member)) {
            accuse_("revoked-out",
                    node.id + " knows that " + member.id.str() +
                        " is revoked and holds it for a member",
                    false);
        }
        look_at_version(node, member);
    }
    const auto keys = node.shared->keys.load();
    for (const auto& entry : keys->entries()) {
        if (entry.record.name.starts_with("op-")) continue;
        accuse_("keys", node.id + " holds the key '" + entry.record.name + "' of no operator",
                false);
    }
}

// Grows, as any one node sees it, but for a member that lost its volume.
void Watch::look_at_version(const SimNode& node, const mesh::Member& member) {
    Version& seen = seen_[{node.id, member.id.str()}];
    const std::uint64_t generation = member.generation.value,
                        incarnation = member.incarnation.value;
    if (std::tie(generation, incarnation) < std::tie(seen.generation, seen.incarnation)) {
        const auto who = std::ranges::find(nodes_, member.id.str(), &SimNode::id);
        if (generation > seen.generation || ++seen.resets > who->wipes) {
            accuse_("version-monotone",
                    node.id + " saw " + member.id.str() + " go from " +
                        std::to_string(seen.generation) + "." + std::to_string(seen.incarnation) +
                        " to " + std::to_string(generation) + "." + std::to_string(incarnation),
                    false);
        }
    }
    seen.generation = generation;
    seen.incarnation = incarnation;
}

void Watch::look_at_lanes(MonoTime now) {
    std::map<std::pair<Host, Host>, std::size_t> strangers, settled;
    std::map<Host, std::size_t> guests;
    fabric_.for_each_lane([&](const Lane& lane) {
        if (lane.unread) return;
        const SimNode* const receiver = at(lane.to);
        if (receiver == nullptr || lane.receiver_gone) return;
        if (lane.opened < started_.at(receiver->id)) return;  // of whoever was there before
        look_at_lane(lane, *receiver, now);
        const SimNode* const sender = at(lane.from);
        if (sender == nullptr && lane.dialled) {
            ++strangers[{lane.from, lane.to}];
            ++guests[lane.to];
        } else if (sender != nullptr && !lane.sender_gone && now - lane.opened > kTwoMax &&
                   lane.opened >= started_.at(sender->id)) {
            ++settled[std::minmax(lane.from, lane.to)];
        }
    });
    const mesh::admission::DoorOptions door;
    for (const auto& [pair, count] : strangers) {
        if (count <= door.per_address_max) continue;
        accuse_("strangers-bounded",
                std::to_string(count) + " connections from one stranger at " + pair.second, false);
    }
    for (const auto& [host, count] : guests) {
        if (count <= door.strangers_max + door.members_max + rpc::Guests::kPlacesMax) continue;
        accuse_("strangers-bounded", std::to_string(count) + " connections of strangers at " + host,
                false);
    }
    for (const auto& [pair, count] : settled) {
        if (count <= 2) continue;  // both directions of one
        accuse_("one-connection",
                std::to_string(count) + " directions between " + pair.first + " and " + pair.second,
                false);
    }
}

void Watch::look_at_lane(const Lane& lane, const SimNode& receiver, MonoTime now) {
    if (lane.forged_at && now - *lane.forged_at > kForgedMax) {
        accuse_("forged-refused",
                receiver.id + " goes on with a connection from " + lane.from +
                    " on which a message was forged",
                false);
    }
    const SimNode* const sender = at(lane.from);
    // Not of whoever had that address before.
    if (sender == nullptr || lane.opened < started_.at(sender->id)) return;
    const auto known = revoked_.find({receiver.id, sender->id});
    if (known != revoked_.end() && now - std::max(lane.opened, known->second) > kRevokedMax) {
        accuse_("revoked-out",
                receiver.id + " knows that " + sender->id + " is revoked and stays connected",
                false);
    }
}

void Watch::look_at_rates(MonoTime now) {
    for (const auto& [host, bytes] : fabric_.sent()) {
        if (at(host) == nullptr) continue;
        Sent& sent = sent_[host];
        if (now < sent.next) continue;
        sent.next = now + seconds(1);
        sent.each_second.push_back(bytes);
        if (sent.each_second.size() <= kRateSeconds) continue;
        const std::uint64_t rate = (bytes - sent.each_second.front()) / kRateSeconds;
        sent.each_second.pop_front();
        rate_max_ = std::max(rate_max_, rate);
        if (rate <= kBytesPerSecondMax) continue;
        accuse_("bytes-bounded", host + " sends " + std::to_string(rate) + " bytes a second",
                false);
    }
}

}  // namespace vidai::sim
