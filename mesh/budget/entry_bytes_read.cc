// SPDX-License-Identifier: Apache-2.0
// The part of entry_bytes.h that reads.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "mesh/budget/batch.h"
#include "mesh/budget/entry_bytes.h"
#include "mesh/budget/policy_bytes.h"
#include "mesh/budget/top_up_bytes.h"

namespace vidai::mesh::budget {

namespace {

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
    template <class T>
    T take(Result<T> read) {
        fault.unless(read.has_value());
        return read ? std::move(*read) : T{};
    }
    Policy policy(const fb::Policy* in) { return take(read_policy(in)); }
    WindowState window(const fb::Window& in) {
        WindowState out;
        out.activated = {in.activated()};
        out.alerted = in.alerted();
        fault.unless(in.accounts() != nullptr && in.activated() >= 0 && in.alerted() <= 100);
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
                              policy(one->policy()),
                              take(read_top_ups(*one))};
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
    std::map<LogId, Seq> adopted(const Vector<const fb::LogId*>* in,
                                 const Vector<std::uint64_t>* heads) {
        std::map<LogId, Seq> out;
        fault.unless(in != nullptr && (heads == nullptr || heads->size() == in->size()));
        if (fault.found()) return out;
        for (flatbuffers::uoffset_t i = 0; i < in->size(); ++i) {
            const Seq head = heads == nullptr ? kWholeLog : heads->Get(i);
            fault.unless(out.emplace(read_log(*in->Get(i)), head).second);
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
        out->adopted = adopted(in->adopted(), in->adopted_heads());
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
    Entry read_body(const fb::Alert& e) {
        return Alert{{budget(e.budget()), e.window()}, e.percent()};
    }
    Entry read_body(const fb::OpenTopUp& e) {
        auto [id, top_up] = take(read_top_up(e.top_up()));
        return OpenTopUp{budget(e.budget()), std::move(id), std::move(top_up)};
    }
    Entry read_body(const fb::EndTopUp& e) {
        fault.unless(e.id() != nullptr && is_top_up_id(e.id()->str()));
        if (fault.found()) return Genesis{};
        return EndTopUp{budget(e.budget()), e.id()->str()};
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
            case fb::Body::Alert:
                return read_body(*in.body_as_Alert());
            case fb::Body::OpenTopUp:
                return read_body(*in.body_as_OpenTopUp());
            case fb::Body::EndTopUp:
                return read_body(*in.body_as_EndTopUp());
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

LogId read_log(const fb::LogId& in) {
    return {read(in.ledger()), in.generation()};
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
