// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/message_bytes.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "mesh/budget/entry_bytes.h"
#include "mesh/budget/policy_bytes.h"
#include "mesh/budget/top_up_bytes.h"
#include "mesh/seal/domain.h"
#include "schema/records/budget_message_generated.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::budget {

namespace {

constexpr flatbuffers::uoffset_t kDepthMax = 8;
constexpr flatbuffers::uoffset_t kTablesMax = 400'000;
constexpr std::size_t kTextMax = 512;
constexpr std::size_t kBatchesMax = 4'096;

// What an edit comes to, in the order of their numbers on the wire.
constexpr std::array kEditCodes = {ErrorCode::kInternal,         ErrorCode::kUnavailable,
                                   ErrorCode::kNotFound,         ErrorCode::kAlreadyExists,
                                   ErrorCode::kInvalidRequest,   ErrorCode::kConflict,
                                   ErrorCode::kResourceExhausted};

std::int64_t ms(Duration span) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
}

// One overload for each kind: its body as the union has it.
struct Writer {
    Builder& out;
    const seal::Signature& proof;
    using Written = std::pair<fb::Said, Offset<void>>;

    template <class T>
    static Written said(fb::Said kind, Offset<T> made) {
        return {kind, made.Union()};
    }
    auto text(const std::string& from) const { return out.CreateString(from); }
    template <class Range>
    auto bytes(const Range& from) const {
        return out.CreateVector(from.data(), from.size());
    }
    auto money(const BudgetWindow& of) const {
        return fb::CreateMoney(out, text(of.budget.str()), of.window);
    }
    auto position(const Position& at) const {
        return fb::CreatePosition(out, static_cast<std::uint8_t>(at.standing), at.limit.value,
                                  at.left.value, !at.enforce);
    }

    Written operator()(const Hello& m) const {
        const auto log = write_header(out, m.log);
        const auto owned = write_owned(out, m.owned);
        return said(fb::Said::Hello, fb::CreateHello(out, m.boot.value, log, owned,
                                                     bytes(proof.bytes), m.frozen, m.since));
    }
    Written operator()(const Append& m) const {
        std::vector<Offset<fb::SignedBatch>> all;
        for (const BatchRef& one : m.batches) {
            const auto body = bytes(one->bytes);
            all.push_back(fb::CreateSignedBatch(out, body, bytes(one->signature.bytes)));
        }
        return said(fb::Said::Append, fb::CreateAppend(out, out.CreateVector(all)));
    }
    Written operator()(const Ack& m) const {
        const fb::LogId log = write_log(m.log);
        return said(fb::Said::Ack,
                    fb::CreateAck(out, &log, m.head.seq, bytes(m.head.hash), m.sealed));
    }
    Written operator()(const AskAck& m) const {
        const fb::LogId log = write_log(m.log);
        return said(fb::Said::AskAck, fb::CreateAskAck(out, &log));
    }
    Written operator()(const AskOver& m) const {
        const fb::LogId log = write_log(m.log);
        return said(fb::Said::AskOver, fb::CreateAskOver(out, &log));
    }
    Written operator()(const Over& m) const {
        const fb::LogId log = write_log(m.log);
        return said(fb::Said::Over, fb::CreateOver(out, &log, m.passed, m.head));
    }
    Written operator()(const Fetch& m) const {
        const fb::LogId log = write_log(m.log);
        return said(fb::Said::Fetch, fb::CreateFetch(out, &log, m.after));
    }
    Written operator()(const Offer& m) const {
        const auto log = write_header(out, m.log);
        const fb::LogId to = write_log(m.to);
        const auto budgets = write_budgets(out, m.budgets);
        return said(fb::Said::Offer, fb::CreateOffer(out, log, m.at, m.bucket.value, &to, budgets));
    }
    Written operator()(const Taken& m) const {
        const fb::LogId log = write_log(m.log);
        return said(fb::Said::Taken, fb::CreateTaken(out, &log, m.at));
    }
    Written operator()(const Ended& m) const {
        const auto log = write_header(out, m.log);
        const fb::LogId to = write_log(m.closed_to.value_or(LogId{}));
        return said(fb::Said::Ended, fb::CreateEnded(out, log, m.head.seq, bytes(m.head.hash),
                                                     m.sealed, m.closed_to.has_value(), &to));
    }
    Written operator()(const Want& m) const {
        const fb::Account account = write_account(m.account, {});
        return said(fb::Said::Want, fb::CreateWant(out, &account, money(m.money), m.total.value,
                                                   m.need.value, m.spent.value, m.would_refuse));
    }
    Written operator()(const Grant& m) const {
        const fb::Account account = write_account(m.account, {});
        const auto of = money(m.money);
        return said(fb::Said::Grant,
                    fb::CreateGrant(out, &account, of, m.total.value, position(m.position),
                                    ms(m.ends_in), m.ends.time_since_epoch().count()));
    }
    Written operator()(const Report& m) const {
        const fb::Account account = write_account(m.account, m.returned);
        return said(fb::Said::Report,
                    fb::CreateReport(out, &account, money(m.money), m.spent.value, m.would_refuse));
    }
    Written operator()(const ReportAck& m) const {
        const fb::Account account = write_account(m.account, m.returned);
        return said(fb::Said::ReportAck, fb::CreateReportAck(out, &account, money(m.money)));
    }
    Written operator()(const Recall& m) const {
        return said(fb::Said::Recall, fb::CreateRecall(out, money(m.money)));
    }
    Written operator()(const Edit& m) const {
        const auto budget = text(m.budget.str()), zone = text(m.rule.zone);
        const auto policy = write_policy_change(out, m.policy);
        Offset<fb::TopUp> top_up;
        if (!m.top_up_id.empty()) top_up = write_top_up(out, m.top_up_id, m.top_up);
        return said(
            fb::Said::Edit,
            fb::CreateEdit(out, m.id, static_cast<std::uint8_t>(m.kind), budget, m.limit.value,
                           static_cast<std::uint8_t>(m.rule.period), zone, policy, top_up));
    }
    Written operator()(const EditDone& m) const {
        const auto at = std::ranges::find(kEditCodes, m.code);
        const auto code = at == kEditCodes.end() ? 0 : at - kEditCodes.begin();
        const auto message = text(m.message.substr(0, kTextMax));
        return said(
            fb::Said::EditDone,
            fb::CreateEditDone(out, m.id, m.done, static_cast<std::uint16_t>(code), message));
    }
    Written operator()(const Changed& m) const {
        return said(fb::Said::Changed, fb::CreateChanged(out, text(m.budget.str())));
    }
    Written operator()(const Look& m) const {
        const auto budget = text(m.budget.str()), after = text(m.after.str());
        return said(fb::Said::Look, fb::CreateLook(out, m.id, budget, after));
    }
    Written operator()(const Seen& m) const {
        std::vector<Offset<fb::Sight>> all;
        for (const Sight& one : m.sights) {
            std::vector<Offset<fb::Lease>> leases;
            for (const Sight::Lease& lease : one.leases) {
                const fb::Account account = write_account(lease.account, lease.returned);
                leases.push_back(fb::CreateLease(out, &account, lease.granted.value,
                                                 lease.spent.value, lease.lost));
            }
            const auto held = out.CreateVector(leases);
            const auto budget = text(one.budget.str()), zone = text(one.rule.zone);
            const auto policy = write_policy(out, one.policy);
            const auto top_ups = write_open(out, one.top_ups);
            all.push_back(
                fb::CreateSight(out, budget, static_cast<std::uint8_t>(one.position.standing),
                                one.position.limit.value, one.activated.value, one.returned.value,
                                one.position.left.value, one.pool.value, held,
                                static_cast<std::uint8_t>(one.rule.period), zone,
                                one.ends.time_since_epoch().count(), policy, one.would_refuse,
                                one.alerted, one.base.value, top_ups));
        }
        return said(fb::Said::Seen, fb::CreateSeen(out, m.id, out.CreateVector(all), m.more));
    }
};

// Reads what a verified buffer holds; parts that are missing or out of bounds are a fault.
struct Reader {
    const MeshId& mesh;
    seal::Signature proof;
    bool fault = false;

    bool need(bool right) {
        fault |= !right;
        return right;
    }
    template <class T>
    T take(Result<T> from) {
        if (need(from.has_value())) return std::move(*from);
        return {};
    }
    template <std::size_t size>
    void fixed(const Vector<std::uint8_t>* in, std::array<std::uint8_t, size>& out) {
        if (need(in != nullptr && in->size() == size)) std::ranges::copy(*in, out.begin());
    }
    LogId log(const fb::LogId* in) { return need(in != nullptr) ? read_log(*in) : LogId{}; }
    std::pair<AccountName, MicroUsd> account(const fb::Account* in) {
        if (!need(in != nullptr)) return {};
        auto out = read_account(*in);
        need(out.second.value >= 0);
        return out;
    }
    MicroUsd amount(std::int64_t micro) { return {need(micro >= 0) ? micro : 0}; }
    // A little more than a year, at most.
    Duration span(std::int64_t ms) {
        constexpr std::int64_t kMost = 400LL * 24 * 3'600 * 1'000;
        return std::chrono::milliseconds(need(ms >= 0 && ms <= kMost) ? ms : 0);
    }
    // To the year 4970.
    WallTime date(std::int64_t ms) {
        constexpr std::int64_t kMost = 3'000LL * 366 * 24 * 3'600 * 1'000;
        return WallTime(std::chrono::milliseconds(need(ms >= 0 && ms <= kMost) ? ms : 0));
    }
    Rule rule(std::uint8_t period, const flatbuffers::String* zone) {
        need(period <= static_cast<std::uint8_t>(kPeriodMax));
        need(zone != nullptr && zone->size() <= kZoneMax);
        if (fault) return {};
        return {Period{period}, zone->str()};
    }
    // An empty name where one may be left out.
    BudgetId name(const flatbuffers::String* in, bool may_lack) {
        if (!need(in != nullptr && in->size() <= kBudgetIdMax)) return {};
        need(may_lack || in->size() > 0);
        return BudgetId(in->str());
    }
    BudgetWindow money(const fb::Money* in) {
        if (!need(in != nullptr)) return {};
        return {name(in->budget(), false), in->window()};
    }
    Position position(std::uint8_t standing, std::int64_t limit, std::int64_t left,
                      bool enforce = true) {
        need(standing <= static_cast<std::uint8_t>(kStandingMax));
        return {Standing{standing}, amount(limit), amount(left), enforce};
    }

    Message read(const fb::Hello& m) {
        fixed(m.proof(), proof.bytes);
        Hello out;
        out.boot = {m.boot()};
        out.log = take(read_header(m.log()));
        out.owned = take(read_owned(m.owned()));
        out.frozen = m.frozen();
        out.since = m.since();
        need(out.since <= out.log.id.generation);
        return out;
    }
    Message read(const fb::Append& m) {
        Append out;
        if (!need(m.batches() != nullptr && m.batches()->size() <= kBatchesMax)) return out;
        for (const fb::SignedBatch* one : *m.batches()) {
            seal::Signature signature;
            fixed(one->signature(), signature.bytes);
            if (!need(one->bytes() != nullptr) || fault) break;
            auto batch =
                decode_batch(mesh, {one->bytes()->data(), one->bytes()->size()}, signature);
            if (!need(batch.has_value())) break;
            out.batches.push_back(std::make_shared<const Batch>(std::move(*batch)));
        }
        return out;
    }
    Message read(const fb::Ack& m) {
        Ack out{log(m.log()), {m.seq(), {}}, m.sealed()};
        fixed(m.hash(), out.head.hash);
        return out;
    }
    Message read(const fb::AskAck& m) { return AskAck{log(m.log())}; }
    Message read(const fb::Taken& m) { return Taken{log(m.log()), m.at()}; }
    Message read(const fb::AskOver& m) { return AskOver{log(m.log())}; }
    Message read(const fb::Over& m) { return Over{log(m.log()), m.passed(), m.head()}; }
    Message read(const fb::Fetch& m) { return Fetch{log(m.log()), m.after()}; }
    Message read(const fb::Offer& m) {
        need(m.bucket() < kBuckets);
        return Offer{take(read_header(m.log())),
                     m.at(),
                     {m.bucket()},
                     log(m.to()),
                     take(read_budgets(m.budgets()))};
    }
    Message read(const fb::Ended& m) {
        Ended out{take(read_header(m.log())), {m.seq(), {}}, m.sealed(), {}};
        fixed(m.hash(), out.head.hash);
        if (m.closed()) out.closed_to = log(m.closed_to());
        return out;
    }
    Message read(const fb::Want& m) {
        return Want{account(m.account()).first, money(m.money()),  amount(m.total()),
                    amount(m.need()),           amount(m.spent()), m.would_refuse()};
    }
    Message read(const fb::Grant& m) {
        Grant out{account(m.account()).first, money(m.money()), amount(m.total()), {},
                  span(m.ends_ms()),          date(m.ends())};
        if (!need(m.position() != nullptr)) return out;
        const fb::Position& at = *m.position();
        out.position = position(at.standing(), at.limit(), at.left(), !at.observed());
        return out;
    }
    Message read(const fb::Report& m) {
        const auto [name, returned] = account(m.account());
        return Report{name, money(m.money()), amount(m.spent()), returned, m.would_refuse()};
    }
    Message read(const fb::ReportAck& m) {
        const auto [name, returned] = account(m.account());
        return ReportAck{name, money(m.money()), returned};
    }
    Message read(const fb::Recall& m) { return Recall{money(m.money())}; }
    // How long it is open may be left to its owner.
    void read_top_up_of(const fb::Edit& m, bool opens, Edit& out) {
        auto [id, top_up] = take(read_top_up(m.top_up(), true));
        out.top_up_id = std::move(id);
        if (fault || !opens) return;
        out.top_up.amount = amount(m.top_up()->amount());
        out.top_up.until = date(m.top_up()->until());
        if (m.top_up()->note() != nullptr) out.top_up.note = m.top_up()->note()->str();
        need(out.top_up.note.size() <= kTopUpNoteMax);
    }
    Message read(const fb::Edit& m) {
        need(m.kind() <= static_cast<std::uint8_t>(kEditKindMax));
        Edit out{m.id(),      Edit::Kind{m.kind()},       name(m.budget(), false),
                 {m.limit()}, rule(m.period(), m.zone()), take(read_policy_change(m.policy()))};
        const bool opens = out.kind == Edit::Kind::kTopUp;
        if (opens || out.kind == Edit::Kind::kEndTopUp) read_top_up_of(m, opens, out);
        return out;
    }
    Message read(const fb::EditDone& m) {
        EditDone out{m.id(), m.done(), {}, {}};
        if (!m.done() && m.code() < kEditCodes.size()) out.code = kEditCodes[m.code()];
        if (need(m.message() != nullptr && m.message()->size() <= kTextMax)) {
            out.message = m.message()->str();
        }
        return out;
    }
    Message read(const fb::Changed& m) { return Changed{name(m.budget(), false)}; }
    Message read(const fb::Look& m) {
        return Look{m.id(), name(m.budget(), true), name(m.after(), true)};
    }
    Sight sight(const fb::Sight& m) {
        Sight out;
        out.budget = name(m.budget(), false);
        out.position = position(m.standing(), m.limit(), m.left());
        out.activated = amount(m.activated());
        out.returned = amount(m.returned());
        out.pool = amount(m.pool());
        out.rule = rule(m.period(), m.zone());
        out.ends = date(m.ends());
        out.policy = take(read_policy(m.policy()));
        out.position.enforce = out.policy.enforce;
        out.would_refuse = m.would_refuse();
        out.alerted = m.alerted();
        need(out.alerted <= 100);
        out.base = m.base() < 0 ? out.position.limit : MicroUsd{m.base()};
        out.top_ups = take(read_open(m.top_ups()));
        if (!need(m.leases() != nullptr && m.leases()->size() <= kLeasesShown)) return out;
        for (const fb::Lease* one : *m.leases()) {
            const auto [name, returned] = account(one->account());
            out.leases.push_back(
                {name, amount(one->granted()), amount(one->spent()), returned, one->lost()});
        }
        return out;
    }
    Message read(const fb::Seen& m) {
        Seen out{m.id(), {}, m.more()};
        if (!need(m.sights() != nullptr && m.sights()->size() <= kSightsMax)) return out;
        for (const fb::Sight* one : *m.sights()) out.sights.push_back(sight(*one));
        return out;
    }

    Message read(const fb::Message& in) {
        switch (in.said_type()) {
            case fb::Said::Hello:
                return read(*in.said_as_Hello());
            case fb::Said::Append:
                return read(*in.said_as_Append());
            case fb::Said::Ack:
                return read(*in.said_as_Ack());
            case fb::Said::AskAck:
                return read(*in.said_as_AskAck());
            case fb::Said::Fetch:
                return read(*in.said_as_Fetch());
            case fb::Said::Offer:
                return read(*in.said_as_Offer());
            case fb::Said::Want:
                return read(*in.said_as_Want());
            case fb::Said::Grant:
                return read(*in.said_as_Grant());
            case fb::Said::Report:
                return read(*in.said_as_Report());
            case fb::Said::ReportAck:
                return read(*in.said_as_ReportAck());
            case fb::Said::Recall:
                return read(*in.said_as_Recall());
            case fb::Said::Edit:
                return read(*in.said_as_Edit());
            case fb::Said::EditDone:
                return read(*in.said_as_EditDone());
            case fb::Said::Changed:
                return read(*in.said_as_Changed());
            case fb::Said::Look:
                return read(*in.said_as_Look());
            case fb::Said::Seen:
                return read(*in.said_as_Seen());
            case fb::Said::Ended:
                return read(*in.said_as_Ended());
            case fb::Said::AskOver:
                return read(*in.said_as_AskOver());
            case fb::Said::Over:
                return read(*in.said_as_Over());
            case fb::Said::Taken:
                return read(*in.said_as_Taken());
            default:
                break;
        }
        need(false);
        return Recall{};
    }
};

std::unexpected<Error> malformed() {
    return fail(ErrorCode::kProtocol, "a message about money is malformed", "money");
}

seal::Bytes volume_words(const MeshId& mesh, const NodeId& node) {
    seal::Bytes out;
    seal::Writer(out).fixed(mesh.bytes).fixed(seal::bytes_of(node.str()));
    return out;
}

}  // namespace

seal::Bytes encode_message(const Message& message, const seal::Signature& proof) {
    Builder out;
    const auto [kind, said] = std::visit(Writer{out, proof}, message);
    out.Finish(fb::CreateMessage(out, kind, said));
    return {out.GetBufferPointer(), out.GetBufferPointer() + out.GetSize()};
}

Result<Told> decode_message(const MeshId& mesh, seal::ByteView bytes) {
    if (bytes.size() > kBatchBytesMax) return malformed();
    const seal::Bytes aligned(bytes.begin(), bytes.end());
    flatbuffers::Verifier verifier(aligned.data(), aligned.size(), kDepthMax, kTablesMax);
    if (!verifier.VerifyBuffer<fb::Message>(nullptr)) return malformed();
    const fb::Message& in = *flatbuffers::GetRoot<fb::Message>(aligned.data());
    if (in.said() == nullptr) return malformed();  // which a verifier lets through
    Reader reader{mesh, {}};
    Message message = reader.read(in);
    if (reader.fault) return malformed();
    return Told{std::move(message), reader.proof};
}

seal::Signature prove_volume(const seal::SecretKey& key, const MeshId& mesh, const NodeId& node) {
    return key.sign(seal::Domain::kLogVolume, volume_words(mesh, node));
}

bool is_volume_of(const LedgerKey& ledger, const MeshId& mesh, const NodeId& node,
                  const seal::Signature& proof) {
    return seal::verify(ledger, seal::Domain::kLogVolume, volume_words(mesh, node), proof);
}

}  // namespace vidai::mesh::budget
