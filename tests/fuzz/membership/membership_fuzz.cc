// SPDX-License-Identifier: Apache-2.0
// Any sequence of inputs, however wrong: the core neither crashes nor leaves its bounds, keeps
// whom it knows, never turns a version back, and never believes a claim that does not verify.
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mesh/membership/membership.h"
#include "schema/vocabulary/check.h"

namespace {

using namespace vidai;                    // NOLINT(google-build-using-namespace)
using namespace vidai::mesh::membership;  // NOLINT(google-build-using-namespace)

constexpr std::size_t kInputsMax = 400;
constexpr std::size_t kTimersMax = 64;  // that the fuzzer may choose from
constexpr std::uint32_t kMembersMax = 24;

class Fuzzer {
  public:
    Fuzzer(const std::uint8_t* data, std::size_t size)
        : at_(data),
          end_(data + size),
          core_(identity(), "m:1", {},
                Crypto{[](Claim&) {}, [](const Claim& claim) { return claim.signature[0] == 0; }},
                options(), 1) {}

    void run() {
        for (std::size_t i = 0; i < kInputsMax && at_ != end_; ++i) {
            now_ += std::chrono::milliseconds(byte() * (byte() % 8));
            out_.clear();
            input();
            check();
        }
    }

  private:
    static Identity identity() {
        Identity self;
        self.id = NodeId("m");
        self.generation = Generation{1};
        return self;
    }
    static Options options() {
        Options chosen;
        chosen.members_max = kMembersMax;
        return chosen;
    }

    std::uint8_t byte() { return at_ == end_ ? std::uint8_t{0} : *at_++; }
    // Mostly valid: "a".."z", and now and then a name that is none.
    NodeId id() {
        const std::uint8_t choice = byte();
        if (choice >= 250) return NodeId(std::string(choice - 250U, '-'));
        return NodeId(std::string(1, static_cast<char>('a' + choice % 32)));
    }
    Version version() { return {byte() % 2U, Generation{byte() % 4U}, Incarnation{byte() % 8U}}; }

    ClaimRef claim() {
        auto out = std::make_shared<Claim>();
        out->id = id();
        out->version = version();
        const std::uint8_t bits = byte();
        out->left = (bits & 1) != 0;
        out->signature[0] = static_cast<std::uint8_t>((bits >> 1) & 1);
        out->address = (bits & 60) == 60 ? std::string() : "h:" + std::to_string(bits);
        out->wire = {1, static_cast<std::uint16_t>(bits >> 6)};
        return out;
    }
    Rumor rumor() {
        const std::uint8_t bits = byte();
        if ((bits & 1) != 0) return claim();
        return Accusation{id(), version(), static_cast<Status>((bits >> 1) % 6),
                          static_cast<Evidence>((bits >> 4) % 3), id()};
    }
    std::vector<Rumor> rumors() {
        std::vector<Rumor> out;
        for (std::size_t n = byte() % 40; n > 0; --n) out.push_back(rumor());
        return out;
    }
    SyncRequest sync_request() {
        SyncRequest request;
        if ((byte() & 1) != 0) request.first = id();
        if ((byte() & 1) != 0) request.end = id();
        std::map<NodeId, Digest> ascending;
        for (std::size_t n = byte() % 16; n > 0; --n) {
            const NodeId name = id();
            ascending[name] = {name, version(), static_cast<Status>(byte() % 6)};
        }
        for (const auto& [name, digest] : ascending) request.digests.push_back(digest);
        return request;
    }
    Message message() {
        switch (byte() % 9) {
            case 0:
                return Ping{byte(), {id(), version(), static_cast<Status>(byte() % 6)}};
            case 1:
                return Ack{byte()};
            case 2:
                return IndirectPing{byte(), id()};
            case 3:
                return Nack{byte()};
            case 4:
                return Gossip{rumors()};
            case 5:
                return sync_request();
            case 6: {
                SyncReply reply{rumors(), {}};
                for (std::size_t n = byte() % 8; n > 0; --n) reply.wanted.push_back(id());
                return reply;
            }
            case 7:
                return SyncDelta{rumors()};
            default:
                return Goodbye{};
        }
    }

    void input() {
        switch (byte() % 12) {
            case 0:
                return core_.join(now_, {"seed:1", "m:1"}, out_);
            case 1:
                if (byte() == 0) core_.leave(now_, out_);
                return;
            case 2:
                return core_.on_connected(now_, id(), out_);
            case 3:
                return core_.on_disconnected(now_, id(), static_cast<LinkEnd>(byte() % 3), out_);
            case 4: {
                const Dial dial{"h:" + std::to_string(byte()), id(), {}};
                return core_.on_dial_failed(now_, dial, static_cast<DialFailure>(byte() % 3), out_);
            }
            case 5:
                return core_.set_address(now_, "m:" + std::to_string(byte()), out_);
            case 6:
                return core_.renew(now_, core_.self()->key, byte() % 4U, {}, out_);
            case 7:
            case 8:
                return fire();
            default:
                return core_.on_message(now_, id(), message(), out_);
        }
    }
    void fire() {
        if (timers_.empty()) return core_.on_timer(now_, TimerToken{byte() * 0x0101010101U}, out_);
        const ArmTimer timer = timers_[byte() % timers_.size()];
        now_ = std::max(now_, timer.at);
        core_.on_timer(now_, timer.token, out_);
    }

    void check() {
        CHECK(out_.size() < 4000);
        for (const Effect& effect : out_) {
            if (const auto* timer = std::get_if<ArmTimer>(&effect)) {
                if (timers_.size() == kTimersMax) timers_.erase(timers_.begin());
                timers_.push_back(*timer);
            } else if (const auto* send = std::get_if<Send>(&effect)) {
                CHECK(validate(send->message).has_value(), "it says what no peer would accept");
            }
        }
        CHECK(core_.rumors_queued() <= kMembersMax * 8);
        CHECK(core_.health() <= Options().health_max);
        const std::vector<ClaimRef> claims = core_.claims();
        CHECK(claims.size() < kMembersMax && claims.size() >= seen_.size());
        for (const ClaimRef& claim : claims) {
            CHECK(claim->signature[0] == 0, "it believed a forged claim");
            Version& before = seen_[claim->id];
            CHECK(claim->version >= before, "a version turned back");
            before = claim->version;
        }
        CHECK(core_.self()->version >= own_);
        own_ = core_.self()->version;
    }

    const std::uint8_t* at_;
    const std::uint8_t* end_;
    MonoTime now_{std::chrono::hours(1)};
    Membership core_;
    Effects out_;
    std::vector<ArmTimer> timers_;
    std::map<NodeId, Version> seen_;
    Version own_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Fuzzer(data, size).run();
    return 0;
}
