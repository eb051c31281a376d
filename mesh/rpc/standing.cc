// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/standing.h"

#include <algorithm>

namespace vidai::mesh::rpc {

namespace {

std::string refusal_of(std::string_view reason, const NodeId& self, const NodeId& by) {
    if (reason == kSameNodeId) {
        return "another node has the id " + self.str() + " and another key, says " + by.str() +
               ": the mesh keeps this one out. Give each node an id of its own (mesh.node_id, "
               "--node-id); if this one takes the other's place, stop that and `vidaictl node "
               "forget " +
               self.str() + "`";
    }
    if (reason == kCertificateRevoked) {
        return "an operator has revoked this node's key or its issuer's, says " + by.str() +
               ": the mesh does not speak with it. `vidaictl mesh members` at " + by.str() +
               " shows who is left; docs/security.md, section 7, how to return";
    }
    return {};
}

}  // namespace

void Standing::connected(const NodeId& peer, MonoTime now) {
    peers_.emplace(peer, now);  // one that was replaced is as old as the first
}

void Standing::disconnected(const NodeId& peer, membership::LinkEnd end, MonoTime now) {
    const auto held = peers_.find(peer);
    if (held == peers_.end()) return;
    const bool brief = now - held->second < kTaken;
    peers_.erase(held);
    if (!brief || end != membership::LinkEnd::kClosed) return;
    sought_ = now;
    note(Failing::kClosed, peer.str(),
         "it closed the connection at once, which is how a node refuses one: its log says why");
}

void Standing::dial_failed(const membership::Dial& dial, membership::DialFailure failure,
                           const Error& why, MonoTime now) {
    // Connected already, or ourselves; or we are out of it for good.
    if (why.code == ErrorCode::kAlreadyExists || why.code == ErrorCode::kCancelled) return;
    if (dial.expected.empty()) sought_ = now;
    const auto how = failure == membership::DialFailure::kRefused       ? Failing::kRefused
                     : failure == membership::DialFailure::kUnreachable ? Failing::kUnreachable
                                                                        : Failing::kRejected;
    note(how, dial.address, why.message);
}

void Standing::note(Failing how, const std::string& where, const std::string& why) {
    ++failed_[static_cast<std::size_t>(how)];
    last_ = why.find(where) == std::string::npos ? where + ": " + why : why;
}

bool Standing::turned_away(const NodeId& by, std::string_view reason) {
    std::string text = refusal_of(reason, self_, by);
    if (text.empty()) return false;
    refusal_ = std::move(text);
    return true;
}

std::optional<std::string> Standing::look(bool members, MonoTime now) {
    const bool taken =
        std::ranges::any_of(peers_, [&](const auto& peer) { return now - peer.second >= kTaken; });
    if (taken) {
        lonely_since_ = now;
        last_.clear();
        refusal_.clear();
    }
    const bool held =
        std::ranges::any_of(peers_, [&](const auto& peer) { return now - peer.second >= kHeld; });
    const bool company = members || (sought_ && now - *sought_ < kSoughtFresh);
    const auto since = std::chrono::duration_cast<std::chrono::seconds>(now - lonely_since_);
    if (held && !taken) {  // it may be refused yet
        alone_.clear();
        return std::nullopt;
    }
    if (taken || !company || since < kAlone) {
        alone_.clear();
        warned_.reset();
        return std::nullopt;
    }
    alone_ = "this node has been connected to no other node of its mesh for " +
             std::to_string(since.count()) +
             " s: it decides by its own counts and the keys that it has";
    if (!last_.empty()) alone_ += ". The last attempt: " + last_;
    if (warned_ && now - *warned_ < kAgain) return std::nullopt;
    warned_ = now;
    return alone_ +
           ". See whether the nodes run, whether mesh.seeds names one, and whether their mesh "
           "ports can be reached; it is tried again for ever";
}

}  // namespace vidai::mesh::rpc
