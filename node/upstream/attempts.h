// SPDX-License-Identifier: Apache-2.0
// The upstream room: what to do next with a provider call. Told what happened to an attempt, it
// answers with the next step; node/net does the I/O. Pure; lives as long as one exchange, on its
// worker.
//
// A request is tried again only while nothing of a response has gone to the client. A POST whose
// answer got lost may have been executed, so **a retried request may be billed twice**: by the
// target that did not answer and by the one that did. The gateway charges the client once.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "node/upstream/health.h"
#include "schema/vocabulary/error.h"
#include "schema/vocabulary/time.h"

namespace vidai::node::upstream {

inline constexpr std::size_t kTargetsMax = 16;

enum class Outcome : std::uint8_t {
    kResolveFailed,
    kConnectFailed,   // refused, unreachable, reset while connecting
    kConnectTimeout,  // resolve, connect and TLS together
    kTlsFailed,       // handshake or certificate
    kSendFailed,      // the connection broke while the request was being sent
    kFirstByteTimeout,
    kClosedBeforeFirstByte,
    kBroken,        // closed or reset within the response
    kIdleTimeout,   // the same by the idle timer
    kMalformed,     // not HTTP, or a body that cannot be understood
    kTotalTimeout,  // the whole attempt took too long
    kStatus,        // a response head; see `status`
};

struct Event {
    Outcome outcome = Outcome::kStatus;
    int status = 0;                  // for kStatus
    bool reused_connection = false;  // it was kept from an earlier request
    bool forwarded = false;          // a byte of this response has gone to the client
};

enum class Step : std::uint8_t {
    kForward,       // hand the provider's response on as it is
    kTryNext,       // attempt `target`
    kTrySameFresh,  // the same target on a new connection; not an attempt of its own
    kFail,          // answer `error`
};

struct Verdict {
    Step step = Step::kFail;
    std::size_t target = 0;                             // index into the plan, for kTryNext
    ErrorCode error = ErrorCode::kUpstreamUnreachable;  // for kFail
};

// As a stable name for logs: "connect_failed", "first_byte_timeout".
std::string_view outcome_name(Outcome outcome);

// Whom a provider's status is about, and so what another target may do about it.
enum class StatusKind : std::uint8_t {
    kAnswer,      // an answer, or the client's own mistake: handed on at once
    kTrouble,     // 408, 429, 500, 502, 503, 504, 529: the next target; the last one's is handed on
    kModel,       // 404: this provider lacks the model; the same
    kCredential,  // 401, 403: the gateway's own credential is refused. The next target; never
                  // handed on, because it is not about the client and may quote the credential
};
StatusKind status_kind(int status);

class Attempts {
  public:
    // `endpoints`: Choice::endpoint of each planned target, in order; 1 to kTargetsMax of them,
    // copied. `health` outlives this and belongs to the same worker.
    Attempts(std::span<const std::uint16_t> endpoints, std::uint32_t attempts_max, Health& health);

    // The target of the first attempt: the first healthy one, or the first when none is.
    std::size_t first(MonoTime now);

    // Reports the current attempt's outcome to health and decides. After kForward it is called
    // again only if the response then breaks off: kFail, or a retry while nothing of it has gone
    // to the client. Not after kFail. A fresh connection to the same target is tried once.
    Verdict next(const Event& event, MonoTime now);

    std::uint32_t made() const { return made_; }  // attempts begun

  private:
    Verdict next_after_status(int status, MonoTime now);
    std::optional<std::size_t> choose(MonoTime now) const;
    void begin(std::size_t target);
    Verdict try_another_or(Verdict otherwise, MonoTime now);

    std::array<std::uint16_t, kTargetsMax> endpoints_{};
    std::size_t size_;
    std::uint32_t attempts_max_;
    Health& health_;
    std::bitset<kTargetsMax> tried_;
    std::size_t current_ = 0;
    std::uint32_t made_ = 0;
    bool fresh_retry_used_ = false;
};

// One sentence for the client about why all attempts failed, without internal addresses.
std::string describe(ErrorCode error, std::uint32_t attempts);

}  // namespace vidai::node::upstream
