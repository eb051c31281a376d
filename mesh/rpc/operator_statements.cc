// SPDX-License-Identifier: Apache-2.0
// The part of the operator client that signs: whose key is meant, what proves it, what it would
// cut off, and how far the statement has spread.
#include <algorithm>
#include <string>
#include <utility>

#include "mesh/clock.h"
#include "mesh/rpc/operator_impl.h"
#include "mesh/rpc/stating.h"
#include "mesh/seal/identity_store.h"
#include "mesh/state/succession.h"

namespace vidai::mesh {

namespace {

// An operator's tool is no part of a simulated or shifted mesh.
const Clock& system_time() {
    static const std::shared_ptr<const Clock> clock = system_clock();
    return *clock;
}

// Who would be cut off with an issuer: those that have their certificates by its key.
Result<void> nobody_is_certified_by(OperatorClient& mesh, const seal::PublicKey& issuer) {
    const auto known = mesh.nodes_show();
    if (!known) return fail(known.error());
    std::string behind;
    for (const NodeDetail& detail : *known) {
        if (detail.member.status == MemberStatus::kLeft) continue;
        const auto key = rpc::parse_public_key(detail.issuer_key);
        if (!key || *key != issuer) continue;
        behind += (behind.empty() ? "" : ", ") + detail.member.id.str();
    }
    if (behind.empty()) return {};
    return fail(ErrorCode::kConflict,
                "still certified by this issuer, and cut off without it: " + behind +
                    ". Give nodes with an issuer file the new one; the others need a certificate "
                    "by another issuer, which `vidaictl node show` tells. A node that is gone: "
                    "`vidaictl node forget`. --force revokes the issuer all the same",
                behind);
}

Result<rpc::Subject> subject_of(OperatorClient& mesh, const seal::Roots& roots,
                                const RevokeRequest& wanted) {
    if (!wanted.file.empty()) return rpc::subject_of_file(wanted.file);
    if (!wanted.node.empty()) {
        const auto detail = mesh.node_show(wanted.node);
        if (!detail) return fail(detail.error());
        const auto proven = rpc::prove_member(roots, wanted.node, *detail);
        if (!proven) return fail(proven.error());
        return rpc::Subject{proven->key(), proven->node().str()};
    }
    const auto known = mesh.nodes_show();
    if (!known) return fail(known.error());
    rpc::Subject subject;
    const bool met = std::any_of(known->begin(), known->end(), [&](const NodeDetail& detail) {
        return rpc::shows(detail, wanted.key, subject);
    });
    if (met) return subject;
    const auto key = rpc::parse_public_key(wanted.key);
    // A join token's, or of one who has left the roster since.
    if (key) return rpc::Subject{*key, "the holder of that key"};
    return fail(ErrorCode::kNotFound,
                "no member has a key with the fingerprint '" + wanted.key +
                    "', nor was one certified by it: give the 64 digits of the key, or its file",
                "--key");
}

}  // namespace

Result<Stated> OperatorClient::Impl::announce(Result<state::Register> said) {
    if (!said) return fail(std::move(said).error());
    auto request = remote.announceRequest();
    wire::write(*said, request.initSaid());
    request.setDeadlineMs(deadline_ms());
    return call<Stated>(kj::mv(request));
}

Result<Stated> OperatorClient::revoke(const RevokeRequest& wanted) {
    if (const auto by = rpc::signer(impl_->self.get()); !by) return fail(by.error());
    const auto subject = subject_of(*this, *impl_->roots, wanted);
    if (!subject) return fail(subject.error());
    if (subject->issuer && !wanted.force) {
        auto free = nobody_is_certified_by(*this, subject->key);
        if (!free) return fail(std::move(free).error());
    }
    Result<Stated> said = Stated{};
    if (!wanted.dry_run) {
        said = impl_->announce(rpc::sign_revocation(impl_->self.get(), *subject, wanted.reason,
                                                    system_time().wall_now()));
    }
    if (!said) return said;
    said->subject = subject->name;
    said->key = seal::to_hex(subject->key.bytes);
    said->fingerprint = seal::fingerprint(subject->key);
    return said;
}

Result<Stated> OperatorClient::state_succession(const std::string& file) {
    const auto packed = seal::load_succession(file);
    if (!packed) return fail(packed.error());
    auto said = state::unpack_successions(*packed);
    if (!said) return fail(std::move(said).error());
    if (said->size() != 1) {
        return fail(ErrorCode::kConfigInvalid, file + " holds no succession of roots", file);
    }
    const auto named = state::decode_succession(said->front().statement);
    if (!named) return fail(named.error());
    auto stated = impl_->announce(std::move(said->front()));
    if (!stated) return stated;
    stated->subject = seal::fingerprint(named->to);
    stated->fingerprint = stated->subject;
    return stated;
}

Result<Stated> OperatorClient::forget(const ForgetRequest& wanted) {
    if (const auto by = rpc::signer(impl_->self.get()); !by) return fail(by.error());
    const std::string& node = wanted.node.str();
    const auto detail = node_show(wanted.node);
    if (!detail) return fail(detail.error());
    const auto proven = rpc::prove_member(*impl_->roots, wanted.node, *detail);
    if (!proven) return fail(proven.error());
    const MemberStatus status = detail->member.status;
    if (!wanted.force && (detail->member.self || status == MemberStatus::kAlive ||
                          status == MemberStatus::kSuspect)) {
        return fail(ErrorCode::kConflict,
                    "node '" + node + "' is " + std::string(member_status_name(status)) +
                        ": stop it first, or use --force",
                    node);
    }
    Result<Stated> said = Stated{};
    if (!wanted.dry_run) {
        said =
            impl_->announce(rpc::sign_forget(impl_->self.get(), *proven, system_time().wall_now()));
    }
    if (!said) return said;
    said->subject = node;
    said->key = seal::to_hex(proven->key().bytes);
    said->fingerprint = seal::fingerprint(proven->key());
    said->serial = proven->serial();
    said->generation = proven->generation();
    return said;
}

Result<Acknowledgement> OperatorClient::acknowledged(const Stated& statement) {
    constexpr auto kPause = 100 * kj::MILLISECONDS;
    const auto end = system_time().mono_now() + impl_->timeout;
    for (;;) {
        auto request = impl_->remote.acknowledgedRequest();
        wire::write(statement, request.initSaid());
        auto heard = impl_->call<Acknowledgement>(kj::mv(request));
        if (!heard || heard->missing.empty() || system_time().mono_now() > end) return heard;
        impl_->io->provider->getTimer().afterDelay(kPause).wait(impl_->io->waitScope);
    }
}

}  // namespace vidai::mesh
