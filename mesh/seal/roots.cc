// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/roots.h"

#include <algorithm>
#include <utility>

namespace vidai::mesh::seal {

std::size_t Roots::find(const PublicKey& root) const {
    const auto found = std::ranges::find(path_, root, &Link::root);
    return static_cast<std::size_t>(found - path_.begin());
}

Roots::Added Roots::add(const Succession& said, Bytes evidence) {
    const std::size_t from = find(said.from), to = find(said.to);
    if (from < path_.size()) {
        const bool same = from + 1 < path_.size() && path_[from + 1].root == said.to;
        // A root that comes before itself would make a ring.
        if (!same && to < path_.size()) return Added::kUnconnected;
        if (!same && from + 1 >= kRootsMax) return Added::kFull;
        path_[from].next = said;
        path_[from].evidence = std::move(evidence);
        if (same) return Added::kTaken;
        path_.resize(from + 1);
        path_.push_back({said.to, {}, {}});
        return Added::kTaken;
    }
    if (to != 0) return Added::kUnconnected;  // not known, or another one came before it
    if (path_.size() >= kRootsMax) return Added::kFull;
    path_.insert(path_.begin(), {said.from, said, std::move(evidence)});
    return Added::kTaken;
}

void Roots::collect(WallTime now) {
    const auto over = [&](const Link& link) {
        return link.next && link.next->until + kSuccessionMemory <= now;
    };
    while (over(path_.front())) path_.erase(path_.begin());
}

bool Roots::believes(const PublicKey& root, WallTime now) const {
    const std::size_t at = find(root);
    if (at == path_.size()) return false;
    return !path_[at].next || now < path_[at].next->until;
}

std::optional<WallTime> Roots::until(const PublicKey& root) const {
    const std::size_t at = find(root);
    if (at == path_.size() || !path_[at].next) return std::nullopt;
    return path_[at].next->until;
}

std::vector<PublicKey> Roots::all() const {
    std::vector<PublicKey> roots;
    for (const Link& link : path_) roots.push_back(link.root);
    std::ranges::reverse(roots);
    return roots;
}

Bytes Roots::evidence_from(const PublicKey& root, std::size_t bytes_max) const {
    Bytes out;
    for (std::size_t at = find(root); at < path_.size() && path_[at].next; ++at) {
        if (out.size() + path_[at].evidence.size() > bytes_max) break;
        out.insert(out.end(), path_[at].evidence.begin(), path_[at].evidence.end());
    }
    return out;
}

Checked<PeerIdentity> Roots::verify_chain(WallTime now, ByteView chain) const {
    auto who = verify_recorded(now, chain);
    if (who && !believes(who->root, now)) return std::unexpected(Refusal::kRootRetired);
    return who;
}

Checked<PeerIdentity> Roots::verify_recorded(WallTime then, ByteView chain) const {
    Checked<PeerIdentity> who = std::unexpected(Refusal::kCertificateSignature);
    for (auto link = path_.rbegin(); link != path_.rend(); ++link) {
        who = seal::verify_chain({mesh_, link->root}, then, chain);
        if (who || who.error() != Refusal::kCertificateSignature) return who;
    }
    return who;
}

}  // namespace vidai::mesh::seal
