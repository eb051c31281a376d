// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/entry_bytes.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "mesh/budget/batch.h"
#include "mesh/budget/policy_bytes.h"

namespace vidai::mesh::budget {

namespace {

namespace fb = records::budget;
template <class T>
using Offset = flatbuffers::Offset<T>;
template <class T>
using Vector = flatbuffers::Vector<T>;

constexpr std::size_t kOwnedBytes = kBuckets / 8;

// Whether anything was wrong, for a reader that goes on and asks at the end.
class Fault {
  public:
    template <class T>
    const T& need(const T* part, const T& otherwise) {
        if (part == nullptr) found_ = true;
        return part != nullptr ? *part : otherwise;
    }
    void unless(bool right) { found_ |= !right; }
    bool found() const { return found_; }

  private:
    bool found_ = false;
};

fb::Key write(const LedgerKey& key) {
    return fb::Key(flatbuffers::span<const std::uint8_t, 32>(key.bytes));
}
fb::Place write(const LogId& log, Seq seq) {
    return {write_log(log), seq};
}
fb::Account write(const AccountName& name, MicroUsd returned) {
    return write_account(name, returned);
}

template <class Range, class Make>
auto structs(Builder& out, const Range& range, Make make) {
    std::vector<decltype(make(*range.begin()))> all;
    all.reserve(range.size());
    for (const auto& one : range) all.push_back(make(one));
    return out.CreateVectorOfStructs(all);
}
auto write_keys(Builder& out, const std::vector<LedgerKey>& keys) {
    return structs(out, keys, [](const LedgerKey& key) { return write(key); });
}
auto write_logs(Builder& out, const std::set<LogId>& logs) {
    return structs(out, logs, [](const LogId& log) { return write_log(log); });
}
auto write_seals(Builder& out, const std::vector<SealedHead>& seals) {
    return structs(out, seals, [](const SealedHead& seal) {
        return fb::SealedHead(write(seal.custodian), seal.head);
    });
}

Offset<fb::Budget> write(Builder& out, const BudgetId& id, const BudgetState& budget) {
    std::vector<Offset<fb::Window>> windows;
    for (const auto& [ordinal, window] : budget.windows) {
        const auto accounts = structs(out, window.returned,
                                      [](const auto& one) { return write(one.first, one.second); });
        windows.push_back(fb::CreateWindow(out, ordinal, window.activated.value, accounts));
    }
    const auto name = out.CreateString(id.str());
    const auto all = out.CreateVector(windows);
    const auto zone = out.CreateString(budget.rule.zone);
    const auto policy = write_policy(out, budget.policy);
    return fb::CreateBudget(out, name, budget.limit.value, all,
                            static_cast<std::uint8_t>(budget.rule.period), zone, budget.deleted,
                            budget.calendar, policy);
}
auto write(Builder& out, const Budgets& budgets) {
    std::vector<Offset<fb::Budget>> all;
    all.reserve(budgets.size());
    for (const auto& [name, state] : budgets) all.push_back(write(out, name.second, state));
    return out.CreateVector(all);
}
Offset<fb::Estate> write(Builder& out, const Estate& estate) {
    const auto bits = write_owned(out, estate.owned);
    const auto budgets = write(out, estate.budgets);
    const auto represents = write_logs(out, estate.represents);
    const auto taken =
        structs(out, estate.taken, [](const auto& one) { return write(one.first, one.second); });
    const auto adopted = write_logs(out, estate.adopted);
    return fb::CreateEstate(out, bits, budgets, represents, taken, adopted);
}
Offset<fb::Proof> write(Builder& out, const Proof& proof) {
    const auto log = write_header(out, proof.log);
    return fb::CreateProof(out, log, write_keys(out, proof.attested_by));
}

// One overload for each kind: its body as the union has it.
struct BodyWriter {
    Builder& out;
    using Written = std::pair<fb::Body, Offset<void>>;

    template <class T>
    static Written body(fb::Body kind, Offset<T> made) {
        return {kind, made.Union()};
    }
    Written operator()(const Genesis&) const {
        return body(fb::Body::Genesis, fb::CreateGenesis(out));
    }
    Written operator()(const Open&) const { return body(fb::Body::Open, fb::CreateOpen(out)); }
    Written operator()(const Define& e) const {
        const auto id = out.CreateString(e.budget.str()), zone = out.CreateString(e.rule.zone);
        return body(fb::Body::Define, fb::CreateDefine(out, id, e.limit.value,
                                                       static_cast<std::uint8_t>(e.rule.period),
                                                       zone, write_policy(out, e.policy)));
    }
    Written operator()(const SetPolicy& e) const {
        const auto id = out.CreateString(e.budget.str());
        return body(fb::Body::SetPolicy, fb::CreateSetPolicy(out, id, write_policy(out, e.policy)));
    }
    Written operator()(const Remove& e) const {
        return body(fb::Body::Remove, fb::CreateRemove(out, out.CreateString(e.budget.str())));
    }
    Written operator()(const SetRule& e) const {
        const auto id = out.CreateString(e.budget.str()), zone = out.CreateString(e.rule.zone);
        return body(fb::Body::SetRule,
                    fb::CreateSetRule(out, id, static_cast<std::uint8_t>(e.rule.period), zone));
    }
    Written operator()(const SetLimit& e) const {
        const auto id = out.CreateString(e.budget.str());
        return body(fb::Body::SetLimit, fb::CreateSetLimit(out, id, e.limit.value));
    }
    Written operator()(const Activate& e) const {
        const auto id = out.CreateString(e.money.budget.str());
        return body(fb::Body::Activate,
                    fb::CreateActivate(out, id, e.money.window, e.boot.value, e.amount.value));
    }
    Written operator()(const Return& e) const {
        const auto id = out.CreateString(e.money.budget.str());
        const fb::Account account = write(e.account, e.returned);
        return body(fb::Body::Return, fb::CreateReturn(out, id, e.money.window, &account));
    }
    Written operator()(const Out& e) const {
        const fb::LogId to = write_log(e.to);
        return body(fb::Body::Out, fb::CreateOut(out, e.bucket.value, &to));
    }
    Written operator()(const In& e) const {
        const fb::Place from = write(e.from, e.at);
        const fb::LogId to = write_log(e.to);
        const auto proof = write(out, e.proof);
        const auto budgets = write(out, e.budgets);
        return body(fb::Body::In, fb::CreateIn(out, e.bucket.value, &from, &to, proof, budgets));
    }
    Written operator()(const Close& e) const {
        const fb::LogId to = write_log(e.to);
        return body(fb::Body::Close, fb::CreateClose(out, &to));
    }
    Written operator()(const Inherit& e) const {
        const fb::Place from = write(e.from, e.at);
        const fb::LogId to = write_log(e.to);
        const auto proof = write(out, e.proof);
        const auto estate = write(out, *e.estate);
        return body(fb::Body::Inherit, fb::CreateInherit(out, &from, &to, proof, estate));
    }
    Written operator()(const Adopt& e) const {
        const auto header = write_header(out, e.header);
        const auto seals = write_seals(out, e.seals);
        const auto estate = write(out, *e.estate);
        return body(fb::Body::Adopt, fb::CreateAdopt(out, header, seals, e.head, e.closed, estate));
    }
    Written operator()(const AdoptCircle& e) const {
        std::vector<Offset<fb::EndedLog>> logs;
        for (const EndedLog& log : e.logs) {
            const auto header = write_header(out, log.header);
            const auto seals = write_seals(out, log.seals);
            const auto represents = write_logs(out, log.represents);
            const fb::LogId to = write_log(log.closed_to.value_or(LogId{}));
            logs.push_back(fb::CreateEndedLog(out, header, seals, log.head,
                                              log.closed_to.has_value(), &to, represents));
        }
        const auto all = out.CreateVector(logs);
        return body(fb::Body::AdoptCircle, fb::CreateAdoptCircle(out, all, write(out, *e.estate)));
    }
};

LedgerKey read(const fb::Key& in) {
    LedgerKey out;
    std::ranges::copy(*in.bytes(), out.bytes.begin());
    return out;
}

// Reads what a verified buffer holds; parts that are missing read as empty and are a fault.
struct Parts {
    Fault fault;

    LogId log(const fb::LogId* in) { return read_log(fault.need(in, kNoLog)); }
    std::pair<LogId, Seq> place(const fb::Place* in) {
        const fb::Place& place = fault.need(in, kNoPlace);
        return {read_log(place.log()), place.seq()};
    }
    BudgetId budget(const flatbuffers::String* in) {
        fault.unless(in != nullptr && in->size() > 0 && in->size() <= kBudgetIdMax);
        return fault.found() ? BudgetId() : BudgetId(in->str());
    }
    std::vector<LedgerKey> keys(const Vector<const fb::Key*>* in, std::size_t most) {
        std::vector<LedgerKey> out;
        fault.unless(in != nullptr && in->size() <= most);
        if (fault.found()) return out;
        for (const fb::Key* key : *in) out.push_back(read(*key));
        return out;
    }
    std::vector<SealedHead> seals(const Vector<const fb::SealedHead*>* in) {
        std::vector<SealedHead> out;
        fault.unless(in != nullptr && in->size() <= kCustodiansMax);
        if (fault.found()) return out;
        for (const fb::SealedHead* seal : *in)
            out.push_back({read(seal->custodian()), seal->head()});
        return out;
    }
    std::set<LogId> logs(const Vector<const fb::LogId*>* in) {
        std::set<LogId> out;
        fault.unless(in != nullptr);
        if (fault.found()) return out;
        for (const fb::LogId* log : *in) fault.unless(out.insert(read_log(*log)).second);
        return out;
    }
    LogHeader header(const fb::Header* in) {
        fault.unless(in != nullptr);
        if (fault.found()) return {};
        auto custodians = keys(in->custodians(), kCustodiansMax);
        return {log(in->id()), std::move(custodians), log(in->successor()), in->genesis()};
    }
    std::pair<AccountName, MicroUsd> account(const fb::Account& in) {
        const Holder holder{read(in.holder().ledger()), {in.holder().boot()}};
        return {{read_log(in.log()), {in.boot()}, holder}, {in.returned()}};
    }
    // A zone that this system does not know is kept as it is.
    Rule rule(std::uint8_t period, const flatbuffers::String* zone) {
        fault.unless(period <= static_cast<std::uint8_t>(kPeriodMax));
        fault.unless(zone != nullptr && zone->size() <= kZoneMax);
        if (fault.found()) return {};
        return {Period{period}, zone->str()};
    }
    Policy policy(const fb::Policy* in) {
        const auto read = read_policy(in);
        fault.unless(read.has_value());
        return read.value_or(Policy{});
    }
    WindowState window(const fb::Window& in) {
        WindowState out;
        out.activated = {in.activated()};
        fault.unless(in.accounts() != nullptr && in.activated() >= 0);
        if (fault.found()) return out;
        for (const fb::Account* one : *in.accounts()) {
            const auto [name, returned] = account(*one);
            // Each is part of what was activated, so that no sum overflows.
            const MicroUsd room = out.activated - out.returned_sum;
            fault.unless(returned.value >= 0 && returned <= room);
            fault.unless(out.returned.emplace(name, returned).second);
            if (fault.found()) return out;
            out.returned_sum += returned;
        }
        return out;
    }
    Budgets budgets(const Vector<Offset<fb::Budget>>* in) {
        Budgets out;
        fault.unless(in != nullptr);
        if (fault.found()) return out;
        for (const fb::Budget* one : *in) {
            const BudgetId id = budget(one->id());
            BudgetState state{{one->limit()},
                              {},
                              rule(one->period(), one->zone()),
                              one->deleted(),
                              one->calendar(),
                              policy(one->policy())};
            fault.unless(state.calendar <= kCalendarMax);
            fault.unless(one->limit() >= 0 && one->windows() != nullptr);
            if (fault.found()) return out;
            for (const fb::Window* each : *one->windows()) {
                fault.unless(state.windows.emplace(each->ordinal(), window(*each)).second);
            }
            fault.unless(out.emplace(std::pair(bucket_of(id), id), std::move(state)).second);
        }
        return out;
    }
    std::bitset<kBuckets> owned(const Vector<std::uint8_t>* in) {
        std::bitset<kBuckets> out;
        fault.unless(in != nullptr && in->size() == kOwnedBytes);
        if (fault.found()) return out;
        for (std::size_t i = 0; i < kBuckets; ++i) {
            const auto byte = in->Get(static_cast<flatbuffers::uoffset_t>(i / 8));
            out[i] = (byte >> i % 8 & 1) != 0;
        }
        return out;
    }
    std::shared_ptr<const Estate> estate(const fb::Estate* in) {
        auto out = std::make_shared<Estate>();
        fault.unless(in != nullptr && in->owned() != nullptr && in->taken() != nullptr);
        if (fault.found()) return out;
        out->owned = owned(in->owned());
        out->budgets = budgets(in->budgets());
        out->represents = logs(in->represents());
        for (const fb::Place* one : *in->taken()) {
            fault.unless(out->taken.emplace(read_log(one->log()), one->seq()).second);
        }
        out->adopted = logs(in->adopted());
        return out;
    }
    Proof proof(const fb::Proof* in) {
        fault.unless(in != nullptr);
        if (fault.found()) return {};
        LogHeader log = header(in->log());
        return {std::move(log), keys(in->attested_by(), kCustodiansMax)};
    }

    Entry read_body(const fb::Define& e) {
        return Define{
            budget(e.budget()), {e.limit()}, rule(e.period(), e.zone()), policy(e.policy())};
    }
    Entry read_body(const fb::SetPolicy& e) {
        return SetPolicy{budget(e.budget()), policy(e.policy())};
    }
    Entry read_body(const fb::Remove& e) { return Remove{budget(e.budget())}; }
    Entry read_body(const fb::SetRule& e) {
        return SetRule{budget(e.budget()), rule(e.period(), e.zone())};
    }
    Entry read_body(const fb::SetLimit& e) { return SetLimit{budget(e.budget()), {e.limit()}}; }
    Entry read_body(const fb::Activate& e) {
        return Activate{{budget(e.budget()), e.window()}, {e.boot()}, {e.amount()}};
    }
    Entry read_body(const fb::Return& e) {
        const auto [name, returned] = account(fault.need(e.account(), kNoAccount));
        return Return{{budget(e.budget()), e.window()}, name, returned};
    }
    Entry read_body(const fb::Out& e) { return Out{bucket(e.bucket()), log(e.to())}; }
    Entry read_body(const fb::In& e) {
        const auto [from, at] = place(e.from());
        In out{bucket(e.bucket()), from, at, log(e.to()), proof(e.proof()), {}};
        out.budgets = budgets(e.budgets());
        return out;
    }
    Entry read_body(const fb::Close& e) { return Close{log(e.to())}; }
    Entry read_body(const fb::Inherit& e) {
        const auto [from, at] = place(e.from());
        Inherit out{from, at, log(e.to()), proof(e.proof()), nullptr};
        out.estate = estate(e.estate());
        return out;
    }
    Entry read_body(const fb::Adopt& e) {
        Adopt out{header(e.header()), {}, e.head(), e.closed(), nullptr};
        out.seals = seals(e.seals());
        out.estate = estate(e.estate());
        return out;
    }
    Entry read_body(const fb::AdoptCircle& e) {
        AdoptCircle out;
        fault.unless(e.logs() != nullptr && e.logs()->size() <= kCircleMax);
        if (fault.found()) return Genesis{};
        for (const fb::EndedLog* one : *e.logs()) {
            EndedLog log{header(one->header()), seals(one->seals()), one->head(), {}, {}};
            if (one->closed()) log.closed_to = this->log(one->closed_to());
            log.represents = logs(one->represents());
            if (fault.found()) return Genesis{};
            out.logs.push_back(std::move(log));
        }
        out.estate = estate(e.estate());
        return out;
    }
    Bucket bucket(std::uint16_t value) {
        fault.unless(value < kBuckets);
        return {fault.found() ? std::uint16_t{0} : value};
    }
    Entry entry(const fb::Entry& in) {
        switch (in.body_type()) {
            case fb::Body::Genesis:
                return Genesis{};
            case fb::Body::Define:
                return read_body(*in.body_as_Define());
            case fb::Body::SetLimit:
                return read_body(*in.body_as_SetLimit());
            case fb::Body::Activate:
                return read_body(*in.body_as_Activate());
            case fb::Body::Return:
                return read_body(*in.body_as_Return());
            case fb::Body::Out:
                return read_body(*in.body_as_Out());
            case fb::Body::In:
                return read_body(*in.body_as_In());
            case fb::Body::Close:
                return read_body(*in.body_as_Close());
            case fb::Body::Inherit:
                return read_body(*in.body_as_Inherit());
            case fb::Body::Adopt:
                return read_body(*in.body_as_Adopt());
            case fb::Body::Open:
                return Open{};
            case fb::Body::Remove:
                return read_body(*in.body_as_Remove());
            case fb::Body::SetRule:
                return read_body(*in.body_as_SetRule());
            case fb::Body::AdoptCircle:
                return read_body(*in.body_as_AdoptCircle());
            case fb::Body::SetPolicy:
                return read_body(*in.body_as_SetPolicy());
            default:
                break;
        }
        fault.unless(false);
        return Genesis{};
    }

  private:
    static inline const fb::LogId kNoLog;
    static inline const fb::Place kNoPlace;
    static inline const fb::Account kNoAccount;
};

}  // namespace

fb::LogId write_log(const LogId& log) {
    return {write(log.ledger), log.generation};
}

LogId read_log(const fb::LogId& in) {
    return {read(in.ledger()), in.generation()};
}

fb::Account write_account(const AccountName& name, MicroUsd returned) {
    return {write_log(name.log), name.boot.value,
            fb::Holder(write(name.holder.ledger), name.holder.boot.value), returned.value};
}

Offset<Vector<Offset<fb::Budget>>> write_budgets(Builder& out, const Budgets& budgets) {
    return write(out, budgets);
}

Offset<Vector<std::uint8_t>> write_owned(Builder& out, const std::bitset<kBuckets>& owned) {
    std::array<std::uint8_t, kOwnedBytes> bits{};
    for (std::size_t i = 0; i < kBuckets; ++i) {
        if (owned[i]) bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | 1U << i % 8);
    }
    return out.CreateVector(bits.data(), bits.size());
}

std::pair<AccountName, MicroUsd> read_account(const fb::Account& in) {
    return Parts().account(in);
}

Result<Budgets> read_budgets(const Vector<Offset<fb::Budget>>* in) {
    Parts parts;
    Budgets out = parts.budgets(in);
    if (parts.fault.found()) return fail(ErrorCode::kCorrupt, "a list of budgets is malformed");
    return out;
}

Result<std::bitset<kBuckets>> read_owned(const Vector<std::uint8_t>* in) {
    Parts parts;
    auto out = parts.owned(in);
    if (parts.fault.found()) return fail(ErrorCode::kCorrupt, "a map of buckets is malformed");
    return out;
}

Offset<fb::Header> write_header(Builder& out, const LogHeader& header) {
    const auto custodians = write_keys(out, header.custodians);
    const fb::LogId id = write_log(header.id), successor = write_log(header.successor);
    return fb::CreateHeader(out, &id, custodians, &successor, header.genesis);
}

Offset<fb::Entry> write_entry(Builder& out, const Entry& entry) {
    const auto [kind, body] = std::visit(BodyWriter{out}, entry);
    return fb::CreateEntry(out, kind, body);
}

Result<LogHeader> read_header(const fb::Header* in) {
    Parts parts;
    LogHeader header = parts.header(in);
    if (parts.fault.found()) return fail(ErrorCode::kCorrupt, "a log's header is malformed");
    return header;
}

Result<EntryRef> read_entry(const fb::Entry* in) {
    Parts parts;
    if (in == nullptr || in->body() == nullptr) {  // which a verifier lets through
        return fail(ErrorCode::kCorrupt, "an entry is of a kind that this program does not know");
    }
    auto entry = std::make_shared<const Entry>(parts.entry(*in));
    if (parts.fault.found()) return fail(ErrorCode::kCorrupt, "an entry is malformed");
    return entry;
}

}  // namespace vidai::mesh::budget
