// SPDX-License-Identifier: Apache-2.0
#include "mesh/wire/operator_values.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

#include "mesh/state/key_table.h"

namespace vidai::mesh::wire {

namespace {

constexpr std::size_t kTextMax = 4'096;
constexpr std::size_t kWordMax = 4'096;  // of a claim with the longest of everything: 1,300
constexpr unsigned kListMax = 16'384;
constexpr std::uint8_t kStatusCount = static_cast<std::uint8_t>(MemberStatus::kLeft) + 1;

std::unexpected<Error> malformed(const char* what) {
    return fail(ErrorCode::kProtocol, std::string("an operator message is malformed: ") + what,
                what);
}

std::int64_t to_ms(WallTime time) {
    return time.time_since_epoch().count();
}
WallTime from_ms(std::int64_t ms) {
    return WallTime(std::chrono::milliseconds(ms));
}

std::string bounded(capnp::Text::Reader text) {
    return std::string(view_of(text).substr(0, kTextMax));
}

void write(const Member& member, proto::Member::Builder out) {
    out.setId(to_text(member.id.str()));
    out.setAddress(to_text(member.address));
    out.setStatus(static_cast<std::uint8_t>(member.status));
    out.setGeneration(member.generation.value);
    out.setIncarnation(member.incarnation.value);
    out.setSelf(member.self);
    out.setConnected(member.connected);
    out.setRttUs(member.rtt ? member.rtt->count() : -1);
    out.setSinceMs(to_ms(member.since));
    out.setWireMin(member.wire_min);
    out.setWireMax(member.wire_max);
    out.setVersion(to_text(member.version));
    out.setCapabilities(member.capabilities);
    out.setAged(member.aged);
}

Result<Member> read(proto::Member::Reader in) {
    Member member;
    auto id = parse_node_id(view_of(in.getId()));
    if (!id) return malformed("id");
    if (in.getStatus() >= kStatusCount) return malformed("status");
    member.id = std::move(*id);
    member.address = bounded(in.getAddress());
    member.status = static_cast<MemberStatus>(in.getStatus());
    member.generation = Generation{in.getGeneration()};
    member.incarnation = Incarnation{in.getIncarnation()};
    member.self = in.getSelf();
    member.connected = in.getConnected();
    if (in.getRttUs() >= 0) member.rtt = std::chrono::microseconds(in.getRttUs());
    member.since = from_ms(in.getSinceMs());
    member.wire_min = in.getWireMin();
    member.wire_max = in.getWireMax();
    member.version = bounded(in.getVersion());
    member.capabilities = in.getCapabilities();
    member.aged = in.getAged();
    return member;
}

template <class Number>
std::int64_t to_wire(const std::optional<Number>& limit) {
    constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
    return limit ? static_cast<std::int64_t>(std::min<std::uint64_t>(*limit, kMax)) : -1;
}

template <class Number>
bool from_wire(std::int64_t value, std::optional<Number>& limit) {
    if (value == -1) return true;
    if (value < 0) return false;
    if (static_cast<std::uint64_t>(value) > std::numeric_limits<Number>::max()) return false;
    limit = static_cast<Number>(value);
    return true;
}

void write(const state::KeyLimits& limits, proto::Limits::Builder out) {
    out.setRequestsPerMinute(to_wire(limits.requests_per_minute));
    out.setTokensPerMinute(to_wire(limits.tokens_per_minute));
    out.setConcurrency(to_wire(limits.concurrency));
}

Result<state::KeyLimits> read(proto::Limits::Reader in) {
    state::KeyLimits limits;
    const auto out_of_range = [](const char* field) {
        return fail(ErrorCode::kInvalidRequest, std::string(field) + " is out of range", field);
    };
    if (!from_wire(in.getRequestsPerMinute(), limits.requests_per_minute)) {
        return out_of_range("requests_per_minute");
    }
    if (!from_wire(in.getTokensPerMinute(), limits.tokens_per_minute)) {
        return out_of_range("tokens_per_minute");
    }
    if (!from_wire(in.getConcurrency(), limits.concurrency)) return out_of_range("concurrency");
    return limits;
}

void write(const state::KeyOwner& owner, proto::KeyOwner::Builder out) {
    out.setUser(to_text(owner.user));
    out.setTeam(to_text(owner.team));
    out.setProject(to_text(owner.project));
}

state::KeyOwner read(proto::KeyOwner::Reader in) {
    return {bounded(in.getUser()), bounded(in.getTeam()), bounded(in.getProject())};
}

void write(const std::vector<std::string>& texts, capnp::List<capnp::Text>::Builder out) {
    for (unsigned i = 0; i < out.size(); ++i) out.set(i, to_text(texts[i]));
}

Result<std::vector<std::string>> read(capnp::List<capnp::Text>::Reader in) {
    if (in.size() > kListMax) return malformed("list");
    std::vector<std::string> texts;
    for (const auto text : in) texts.push_back(bounded(text));
    return texts;
}

void write(const std::vector<BudgetId>& budgets, capnp::List<capnp::Text>::Builder out) {
    for (unsigned i = 0; i < out.size(); ++i) out.set(i, to_text(budgets[i].str()));
}

Result<std::vector<BudgetId>> read_budgets(capnp::List<capnp::Text>::Reader in) {
    if (in.size() > state::kKeyBudgetsMax) {
        return fail(ErrorCode::kInvalidRequest, "a key stands under at most 8 budgets", "budgets");
    }
    std::vector<BudgetId> budgets;
    for (const auto text : in) {
        auto id = parse_budget_id(view_of(text));
        if (!id) return fail(std::move(id).error());
        budgets.push_back(std::move(*id));
    }
    return budgets;
}

unsigned count(const auto& list) {
    return static_cast<unsigned>(list.size());
}

}  // namespace

void write(const Error& error, proto::Fault::Builder out) {
    out.setCode(to_text(error_code_name(error.code)));
    out.setMessage(to_text(error.message));
    out.setParam(to_text(error.param));
}

Error read(proto::Fault::Reader in) {
    Error error{ErrorCode::kInternal, bounded(in.getMessage()), bounded(in.getParam())};
    for (int i = 0; i < kErrorCodeCount; ++i) {
        const auto code = static_cast<ErrorCode>(i);
        if (error_code_name(code) == view_of(in.getCode())) error.code = code;
    }
    return error;
}

void write(const std::vector<Member>& members, proto::MemberList::Builder out) {
    auto list = out.initMembers(count(members));
    for (unsigned i = 0; i < list.size(); ++i) write(members[i], list[i]);
}

Result<std::vector<Member>> read(proto::MemberList::Reader in) {
    if (in.getMembers().size() > kListMax) return malformed("members");
    std::vector<Member> members;
    for (const auto slot : in.getMembers()) {
        auto member = read(slot);
        if (!member) return fail(std::move(member).error());
        members.push_back(std::move(*member));
    }
    return members;
}

void write(const MeshStatus& status, proto::Status::Builder out) {
    out.setMesh(to_data(status.mesh.bytes));
    out.setNode(to_text(status.node.str()));
    out.setVersion(to_text(status.version));
    out.setWireMin(status.wire_min);
    out.setWireMax(status.wire_max);
    out.setMembers(static_cast<std::uint32_t>(status.members));
    out.setAlive(static_cast<std::uint32_t>(status.alive));
    out.setSuspect(static_cast<std::uint32_t>(status.suspect));
    out.setDead(static_cast<std::uint32_t>(status.dead));
    out.setLeft(static_cast<std::uint32_t>(status.left));
    out.setDelayMs(status.delay.count());
    out.setRegisters(status.registers);
    out.setDigest(status.digest);
    out.setKeys(status.keys);
    out.setSolo(status.solo);
}

Result<MeshStatus> read(proto::Status::Reader in) {
    MeshStatus status;
    if (in.getMesh().size() != status.mesh.bytes.size()) return malformed("mesh");
    std::copy(in.getMesh().begin(), in.getMesh().end(), status.mesh.bytes.begin());
    auto node = parse_node_id(view_of(in.getNode()));
    if (!node) return malformed("node");
    status.node = std::move(*node);
    status.version = bounded(in.getVersion());
    status.wire_min = in.getWireMin();
    status.wire_max = in.getWireMax();
    status.members = in.getMembers();
    status.alive = in.getAlive();
    status.suspect = in.getSuspect();
    status.dead = in.getDead();
    status.left = in.getLeft();
    status.delay = std::chrono::milliseconds(in.getDelayMs());
    status.registers = in.getRegisters();
    status.digest = in.getDigest();
    status.keys = in.getKeys();
    status.solo = in.getSolo();
    return status;
}

void write(const NodeDetail& detail, proto::NodeDetail::Builder out) {
    write(detail.member, out.initMember());
    out.setKeyFingerprint(to_text(detail.key_fingerprint));
    out.setCertificateUntilMs(to_ms(detail.certificate_until));
    out.setIssuer(to_text(detail.issuer));
    out.setKey(to_text(detail.key));
    out.setIssuerKey(to_text(detail.issuer_key));
    out.setSerial(detail.serial);
    out.setRoot(to_text(detail.root));
    out.setWord(to_data(detail.word));
}

Result<NodeDetail> read(proto::NodeDetail::Reader in) {
    auto member = read(in.getMember());
    if (!member) return fail(std::move(member).error());
    if (in.getWord().size() > kWordMax) return malformed("word");
    return NodeDetail{std::move(*member),
                      bounded(in.getKeyFingerprint()),
                      from_ms(in.getCertificateUntilMs()),
                      bounded(in.getIssuer()),
                      bounded(in.getKey()),
                      bounded(in.getIssuerKey()),
                      in.getSerial(),
                      bounded(in.getRoot()),
                      {in.getWord().begin(), in.getWord().end()}};
}

void write(const state::Register& said, proto::SignedStatement::Builder out) {
    out.setStatement(to_data(state::encode(said.statement)));
    out.setSignature(to_data(said.signature.bytes));
    out.setChain(to_data(*said.chain));
}

Result<state::Register> read(proto::SignedStatement::Reader in) {
    state::Register said;
    if (in.getStatement().size() > state::kStatementMax) return malformed("statement");
    if (in.getSignature().size() != said.signature.bytes.size()) return malformed("signature");
    if (in.getChain().size() > seal::kChainBytesMax) return malformed("chain");
    auto statement = state::decode_statement(bytes_of(in.getStatement()));
    if (!statement) return fail(std::move(statement).error());
    said.statement = std::move(*statement);
    std::copy(in.getSignature().begin(), in.getSignature().end(), said.signature.bytes.begin());
    said.chain = std::make_shared<const seal::Bytes>(in.getChain().begin(), in.getChain().end());
    return said;
}

void write(const Stated& said, proto::StatementRef::Builder out) {
    out.setKind(said.kind);
    out.setId(to_text(said.id));
    out.setTime(said.time);
}

Result<Stated> read(proto::StatementRef::Reader in) {
    Stated said;
    if (in.getId().size() > state::kRegisterIdMax) return malformed("id");
    said.kind = in.getKind();
    said.id = text_of(in.getId());
    said.time = in.getTime();
    return said;
}

void write(const StatementPage& page, proto::StatementPage::Builder out) {
    auto list = out.initSaid(count(page.said));
    for (unsigned i = 0; i < list.size(); ++i) write(page.said[i], list[i]);
    out.setMore(page.more);
}

Result<StatementPage> read(proto::StatementPage::Reader in) {
    if (in.getSaid().size() > kListMax) return malformed("said");
    StatementPage page;
    for (const auto slot : in.getSaid()) {
        auto said = read(slot);
        if (!said) return fail(std::move(said).error());
        page.said.push_back(std::move(*said));
    }
    page.more = in.getMore();
    return page;
}

void write(const Acknowledgement& heard, proto::Acknowledgement::Builder out) {
    const auto names = [](const std::vector<NodeId>& nodes, auto list) {
        for (unsigned i = 0; i < list.size(); ++i) list.set(i, to_text(nodes[i].str()));
    };
    names(heard.by, out.initBy(static_cast<unsigned>(heard.by.size())));
    names(heard.missing, out.initMissing(static_cast<unsigned>(heard.missing.size())));
}

Result<Acknowledgement> read(proto::Acknowledgement::Reader in) {
    Acknowledgement heard;
    const auto names = [](auto list, std::vector<NodeId>& nodes) {
        for (const auto name : list) {
            auto node = parse_node_id(view_of(name));
            if (!node) return false;
            nodes.push_back(std::move(*node));
        }
        return true;
    };
    if (in.getBy().size() > kListMax || in.getMissing().size() > kListMax) return malformed("by");
    if (!names(in.getBy(), heard.by) || !names(in.getMissing(), heard.missing)) {
        return malformed("by");
    }
    return heard;
}

void write(const TokenRequest& request, proto::TokenRequest::Builder out) {
    out.setPattern(to_text(request.node_pattern));
    out.setTtlSeconds(static_cast<std::uint32_t>(std::clamp<std::int64_t>(
        request.ttl.count(), 0, std::numeric_limits<std::int32_t>::max())));
    write(request.seeds, out.initSeeds(count(request.seeds)));
}

Result<TokenRequest> read(proto::TokenRequest::Reader in) {
    auto seeds = read(in.getSeeds());
    if (!seeds) return fail(std::move(seeds).error());
    return TokenRequest{bounded(in.getPattern()), std::chrono::seconds(in.getTtlSeconds()),
                        std::move(*seeds)};
}

void write(const CreatedToken& token, proto::Token::Builder out) {
    out.setText(to_text(token.text.reveal()));
    out.setUntilMs(to_ms(token.until));
    out.setKey(to_text(token.key));
    write(token.seeds, out.initSeeds(count(token.seeds)));
}

Result<CreatedToken> read(proto::Token::Reader in) {
    auto seeds = read(in.getSeeds());
    if (!seeds) return fail(std::move(seeds).error());
    return CreatedToken{Secret(text_of(in.getText())), from_ms(in.getUntilMs()), std::move(*seeds),
                        bounded(in.getKey())};
}

void write(const KeyRotation& done, proto::KeyRotation::Builder out) {
    out.setNode(to_text(done.node.str()));
    out.setFingerprint(to_text(done.fingerprint));
    out.setOldKey(to_text(done.old_key));
    out.setOldFingerprint(to_text(done.old_fingerprint));
    out.setCertificateUntilMs(to_ms(done.certificate_until));
}

Result<KeyRotation> read(proto::KeyRotation::Reader in) {
    auto node = parse_node_id(view_of(in.getNode()));
    if (!node) return malformed("node");
    return KeyRotation{std::move(*node), bounded(in.getFingerprint()), bounded(in.getOldKey()),
                       bounded(in.getOldFingerprint()), from_ms(in.getCertificateUntilMs())};
}

void write(const seal::Bytes& chain, proto::Certificate::Builder out) {
    out.setChain(to_data(chain));
}

Result<seal::Bytes> read(proto::Certificate::Reader in) {
    if (in.getChain().size() > seal::kChainBytesMax) return malformed("chain");
    return seal::Bytes(in.getChain().begin(), in.getChain().end());
}

void write(const KeyCreateRequest& request, proto::KeyRequest::Builder out) {
    out.setName(to_text(request.name));
    write(request.models, out.initModels(count(request.models)));
    write(request.limits, out.initLimits());
    write(request.budgets, out.initBudgets(count(request.budgets)));
    write(request.owner, out.initOwner());
}

Result<KeyCreateRequest> read(proto::KeyRequest::Reader in) {
    KeyCreateRequest request;
    auto models = read(in.getModels());
    if (!models) return fail(std::move(models).error());
    auto limits = read(in.getLimits());
    if (!limits) return fail(std::move(limits).error());
    request.name = bounded(in.getName());
    request.models = std::move(*models);
    request.limits = *limits;
    auto budgets = read_budgets(in.getBudgets());
    if (!budgets) return fail(std::move(budgets).error());
    request.budgets = std::move(*budgets);
    request.owner = read(in.getOwner());
    return request;
}

void write(const state::KeyRecord& key, proto::Key::Builder out) {
    out.setId(to_text(key.id.str()));
    out.setName(to_text(key.name));
    write(key.models, out.initModels(count(key.models)));
    write(key.limits, out.initLimits());
    out.setCreatedMs(to_ms(key.created));
    out.setRevoked(key.revoked);
    write(key.budgets, out.initBudgets(count(key.budgets)));
    write(key.owner, out.initOwner());
}

Result<state::KeyRecord> read(proto::Key::Reader in) {
    state::KeyRecord key;
    if (!state::parse_key_id(view_of(in.getId()))) return malformed("key id");
    auto models = read(in.getModels());
    if (!models) return fail(std::move(models).error());
    auto limits = read(in.getLimits());
    if (!limits) return fail(std::move(limits).error());
    key.id = KeyId(text_of(in.getId()));
    key.name = bounded(in.getName());
    key.models = std::move(*models);
    key.limits = *limits;
    key.created = from_ms(in.getCreatedMs());
    key.revoked = in.getRevoked();
    auto budgets = read_budgets(in.getBudgets());
    if (!budgets) return fail(std::move(budgets).error());
    key.budgets = std::move(*budgets);
    key.owner = read(in.getOwner());
    return key;
}

void write(const CreatedKey& created, proto::CreatedKey::Builder out) {
    write(created.record, out.initKey());
    out.setSecret(to_text(created.secret.reveal()));
}

Result<CreatedKey> read(proto::CreatedKey::Reader in) {
    auto record = read(in.getKey());
    if (!record) return fail(std::move(record).error());
    return CreatedKey{std::move(*record), Secret(bounded(in.getSecret()))};
}

void write(const KeyPage& page, proto::KeyPage::Builder out) {
    auto list = out.initKeys(count(page.keys));
    for (unsigned i = 0; i < list.size(); ++i) write(page.keys[i], list[i]);
    out.setMore(page.more);
}

Result<KeyPage> read(proto::KeyPage::Reader in) {
    if (in.getKeys().size() > kListMax) return malformed("keys");
    KeyPage page;
    for (const auto slot : in.getKeys()) {
        auto key = read(slot);
        if (!key) return fail(std::move(key).error());
        page.keys.push_back(std::move(*key));
    }
    page.more = in.getMore();
    return page;
}

}  // namespace vidai::mesh::wire
