// SPDX-License-Identifier: Apache-2.0
// The part of the operator client that signs: whose key is meant, what proves it, what it would
// cut off, and how far the statement has spread.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mesh/clock.h"
#include "mesh/rpc/operator_impl.h"
#include "mesh/rpc/stating.h"
#include "mesh/seal/identity_store.h"
#include "mesh/state/register_set.h"
#include "mesh/state/succession.h"

namespace vidai::mesh {

namespace {

// An operator's tool is no part of a simulated or shifted mesh.
const Clock& system_time() {
    static const std::shared_ptr<const Clock> clock = system_clock();
    return *clock;
}

// Who would be cut off with an issuer: those that have their certificates by its key.
Result<void> nobody_is_certified_by(const std::vector<NodeDetail>& known,
                                    const seal::PublicKey& issuer) {
    std::string behind;
    for (const NodeDetail& detail : known) {
        if (detail.member.status == MemberStatus::kLeft) continue;
        const auto key = rpc::parse_public_key(detail.issuer_key);
        if (!key || *key != issuer) continue;
        behind += (behind.empty() ? "" : ", ") + detail.member.id.str();
    }
    if (behind.empty()) return {};
    return fail(ErrorCode::kConflict,
                "still certified by this issuer, and cut off without it: " + behind +
                    ". Give nodes with an issuer file the new one; the others need a certificate "
                    "by another issuer, which `vidaictl mesh rotate node` gets them and `vidaictl "
                    "node show` tells. A node that is gone: `vidaictl node forget`. --force "
                    "revokes the issuer all the same",
                behind);
}

Result<void> is_not_our_own(const seal::Credentials& self, const seal::PublicKey& key) {
    if (self.key->public_key() != key) return {};
    return fail(ErrorCode::kConflict,
                "this is the key that it would be signed with: with it you can change and ask "
                "nothing any more. If nobody else has an operator's key, only root.key makes "
                "another (`vidaictl mesh rotate root`). --force revokes it all the same",
                "--force");
}

// The newest proven one that `is` the one meant; nothing where the node that is asked has none, or
// its program cannot tell.
template <class Is>
std::optional<OperatorStatement> said_before(OperatorClient& mesh, Is is) {
    const auto all = mesh.statements();
    if (!all) return std::nullopt;
    std::optional<OperatorStatement> found;
    for (const OperatorStatement& said : *all) {
        if (said.proven.value_or(false) && is(said)) found = said;
    }
    return found;
}

// As if it had been signed now; there is nothing to sign.
Stated stated_by(const OperatorStatement& before) {
    Stated said{before.subject, before.fingerprint, before.kind,   before.id,
                before.time,    before.key,         before.serial, before.generation};
    said.before = before;
    return said;
}

// The key that is now that node's.
Result<rpc::Subject> subject_of_node(OperatorClient& mesh, const seal::Roots& roots,
                                     const NodeId& node) {
    const auto detail = mesh.node_show(node);
    if (!detail) return fail(detail.error());
    const auto proven = rpc::prove_member(roots, node, *detail);
    if (!proven) return fail(proven.error());
    return rpc::Subject{proven->key(), proven->node().str()};
}

// By its digits, or by its fingerprint where somebody knows the key: a fingerprint cannot be made
// to fit another one, so that whoever tells the key is believed.
Result<rpc::Subject> subject_of_key(OperatorClient& mesh, const seal::Credentials& self,
                                    const std::string& wanted) {
    const auto known = mesh.nodes_show();
    if (!known) return fail(known.error());
    rpc::Subject subject;
    const bool met = std::any_of(known->begin(), known->end(), [&](const NodeDetail& detail) {
        return rpc::shows(detail, wanted, subject);
    });
    if (met) return subject;
    const seal::PublicKey own = self.key->public_key();
    if (wanted == seal::to_hex(own.bytes) || wanted == seal::fingerprint(own)) {
        const auto by = rpc::signer(&self);
        return rpc::Subject{own, by ? by->str() : std::string()};
    }
    const auto before = said_before(mesh, [&](const OperatorStatement& said) {
        return said.revoked && (said.key == wanted || said.fingerprint == wanted);
    });
    const auto key = rpc::parse_public_key(before ? before->key : wanted);
    // A join token's, or of one who has left the roster since.
    if (key) return rpc::Subject{*key, before ? before->subject : "the holder of that key"};
    return fail(ErrorCode::kNotFound,
                "no member has a key with the fingerprint '" + wanted +
                    "', nor was one certified by it, nor is one revoked: give the 64 digits of the "
                    "key, or its file",
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

Result<std::vector<OperatorStatement>> OperatorClient::statements() {
    std::shared_ptr<state::RegisterVerifier> verifier;
    if (impl_->roots) verifier = std::make_shared<state::RegisterVerifier>(impl_->roots);
    std::vector<OperatorStatement> all;
    state::RegisterName after{};
    for (bool more = true; more;) {
        auto request = impl_->remote.statementsRequest();
        Stated last;
        last.kind = static_cast<std::uint8_t>(after.kind);
        last.id = after.id;
        wire::write(last, request.initAfter());
        const auto page = impl_->call<wire::StatementPage>(kj::mv(request));
        if (!page) return fail(page.error());
        for (const state::Register& said : page->said) {
            state::RegisterName name{said.statement.kind, said.statement.id};
            if (!(after < name) || all.size() >= state::kRegistersMax) {
                return fail(ErrorCode::kProtocol, "the node tells statements without an end");
            }
            after = std::move(name);
            auto read = rpc::read_statement(said);
            if (!read) return fail(std::move(read).error());
            if (verifier)
                read->proven = verifier->verify(said, system_time().wall_now()).has_value();
            all.push_back(std::move(*read));
        }
        more = page->more && !page->said.empty();
    }
    std::ranges::sort(all, {}, [](const OperatorStatement& said) {
        return std::tie(said.time, said.kind, said.id);
    });
    return all;
}

Result<Stated> OperatorClient::revoke(const RevokeRequest& wanted) {
    if (const auto by = rpc::signer(impl_->self.get()); !by) return fail(by.error());
    const auto subject = !wanted.file.empty()   ? rpc::subject_of_file(wanted.file)
                         : !wanted.node.empty() ? subject_of_node(*this, *impl_->roots, wanted.node)
                                                : subject_of_key(*this, *impl_->self, wanted.key);
    const bool gone = !subject && subject.error().code == ErrorCode::kNotFound;
    if (!subject && (!gone || wanted.node.empty())) return fail(subject.error());
    // Whose key is void is no member any more: its name is all that there is to go by.
    const std::string key = subject ? seal::to_hex(subject->key.bytes) : std::string();
    const auto before = said_before(*this, [&](const OperatorStatement& said) {
        return said.revoked && (subject ? said.key == key : said.subject == wanted.node.str());
    });
    if (before) return stated_by(*before);
    if (!subject) return fail(subject.error());
    if (!wanted.force) {
        if (auto other = is_not_our_own(*impl_->self, subject->key); !other) {
            return fail(std::move(other).error());
        }
        // Of a key alone nobody says whether it is an issuer's.
        const auto known = wanted.node.empty() ? nodes_show() : std::vector<NodeDetail>{};
        if (!known) return fail(known.error());
        if (auto free = nobody_is_certified_by(*known, subject->key); !free) {
            return fail(std::move(free).error());
        }
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
    if (!detail && detail.error().code == ErrorCode::kNotFound) {
        const auto before = said_before(*this, [&](const OperatorStatement& said) {
            return !said.revoked && said.subject == node;
        });
        if (before) return stated_by(*before);
    }
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
