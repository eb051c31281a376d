// SPDX-License-Identifier: Apache-2.0
// What operators ask and are told (mesh/operator.h), to and from the wire, and failures with their
// code. Both sides check what they read. Any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "mesh/operator.h"
#include "mesh/state/register.h"
#include "mesh/wire/message.h"
#include "mesh/wire/report_values.h"
#include "schema/rpc/operator.capnp.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::wire {

struct KeyPage {
    std::vector<state::KeyRecord> keys;
    bool more = false;  // ask again after the last
};

struct LimitPage {
    std::vector<state::LimitRecord> limits;
    bool more = false;  // ask again after the last
};

struct OwnCardPart {
    OwnCard card;       // of its text, what stands from some byte on
    bool more = false;  // ask again behind it
};

struct StatementPage {
    std::vector<state::Register> said;
    bool more = false;  // ask again after the last
};

void write(const Error& error, proto::Fault::Builder out);
// An unknown code, from a newer program, becomes kInternal; the message stays.
Error read(proto::Fault::Reader in);

void write(const std::vector<Member>& members, proto::MemberList::Builder out);
void write(const MeshStatus& status, proto::Status::Builder out);
void write(const NodeDetail& detail, proto::NodeDetail::Builder out);
void write(const KeyCreateRequest& request, proto::KeyRequest::Builder out);
void write(const CreatedKey& created, proto::CreatedKey::Builder out);
void write(const state::KeyRecord& key, proto::Key::Builder out);  // neither salt nor hash
void write(const KeyPage& page, proto::KeyPage::Builder out);
void write(const LimitReport& report, proto::LimitReport::Builder out);
void write(const state::LimitRecord& limit, proto::Limit::Builder out);
void write(const LimitChange& change, proto::LimitChange::Builder out);
void write(const LimitPage& page, proto::LimitPage::Builder out);
void write(const LimitStanding& standing, proto::LimitStanding::Builder out);
void write(const CardChange& change, proto::CardChange::Builder out);
void write(const CardPage& page, proto::CardPage::Builder out);
void write(const OwnCardPart& part, proto::OwnCard::Builder out);
void write(const UsagePage& page, proto::UsagePage::Builder out);
void write(const UsageSheet& usage, proto::UsageSheet::Builder out);
void write(const UsageHoldings& usage, proto::UsageHoldings::Builder out);
void write(const std::vector<usage::Part>& parts, capnp::List<proto::UsagePart>::Builder out);
void write(const UsageCorrection& done, proto::UsageCorrection::Builder out);
void write(const std::vector<usage::Bill>& bills, capnp::List<proto::UsageBill>::Builder out);
void write(const BudgetPage& page, proto::BudgetPage::Builder out);
void write(const BudgetTopUp& one, proto::BudgetTopUp::Builder out);
void write(const MoneyBooks& books, proto::MoneyBooks::Builder out);
void write(const state::Register& said, proto::SignedStatement::Builder out);
void write(const Stated& said, proto::StatementRef::Builder out);
void write(const StatementPage& page, proto::StatementPage::Builder out);
void write(const Acknowledgement& heard, proto::Acknowledgement::Builder out);
void write(const TokenRequest& request, proto::TokenRequest::Builder out);
void write(const CreatedToken& token, proto::Token::Builder out);
void write(const KeyRotation& done, proto::KeyRotation::Builder out);
void write(const seal::Bytes& chain, proto::Certificate::Builder out);

// kProtocol; of a KeyRequest kInvalidRequest.
Result<std::vector<Member>> read(proto::MemberList::Reader in);
Result<MeshStatus> read(proto::Status::Reader in);
Result<NodeDetail> read(proto::NodeDetail::Reader in);
Result<KeyCreateRequest> read(proto::KeyRequest::Reader in);
Result<CreatedKey> read(proto::CreatedKey::Reader in);
Result<state::KeyRecord> read(proto::Key::Reader in);
Result<KeyPage> read(proto::KeyPage::Reader in);
Result<LimitReport> read(proto::LimitReport::Reader in);
Result<state::LimitRecord> read(proto::Limit::Reader in);  // of the right form, not validated
Result<LimitChange> read(proto::LimitChange::Reader in);
Result<LimitPage> read(proto::LimitPage::Reader in);
Result<LimitStanding> read(proto::LimitStanding::Reader in);
Result<CardChange> read(proto::CardChange::Reader in);
Result<CardPage> read(proto::CardPage::Reader in);
Result<OwnCardPart> read(proto::OwnCard::Reader in);
Result<UsagePage> read(proto::UsagePage::Reader in);
Result<UsageSheet> read(proto::UsageSheet::Reader in);
Result<UsageHoldings> read(proto::UsageHoldings::Reader in);
Result<std::vector<usage::Part>> read(capnp::List<proto::UsagePart>::Reader in);
Result<UsageCorrection> read(proto::UsageCorrection::Reader in);
Result<std::vector<usage::Bill>> read(capnp::List<proto::UsageBill>::Reader in);
Result<BudgetPage> read(proto::BudgetPage::Reader in);
BudgetTopUp read(proto::BudgetTopUp::Reader in);  // texts are cut at 4,096 bytes
Result<MoneyBooks> read(proto::MoneyBooks::Reader in);
Result<state::Register> read(proto::SignedStatement::Reader in);  // unverified
Result<Stated> read(proto::StatementRef::Reader in);
Result<StatementPage> read(proto::StatementPage::Reader in);  // unverified
Result<Acknowledgement> read(proto::Acknowledgement::Reader in);
Result<CreatedToken> read(proto::Token::Reader in);
Result<KeyRotation> read(proto::KeyRotation::Reader in);
Result<seal::Bytes> read(proto::Certificate::Reader in);  // unverified
Result<TokenRequest> read(proto::TokenRequest::Reader in);

// proto::Outcome(T), either side of it.
template <class Value, class Outcome>
void write_outcome(const Result<Value>& result, Outcome out) {
    if (result) {
        write(*result, out.initValue());
    } else {
        write(result.error(), out.initFault());
    }
}
template <class Value, class Outcome>
Result<Value> read_outcome(Outcome in) {
    return guarded([&]() -> Result<Value> {
        if (in.isFault()) return fail(read(in.getFault()));
        if (!in.isValue()) return fail(ErrorCode::kProtocol, "an answer of an unknown kind");
        return read(in.getValue());
    });
}

}  // namespace vidai::mesh::wire
