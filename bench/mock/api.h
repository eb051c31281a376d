// SPDX-License-Identifier: Apache-2.0
// Which request gets which reply: the provider's own routes, and the admin routes under /mock
// that tests steer and read it by (those need no key, and are neither billed nor recorded).
// One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bench/mock/answer.h"
#include "bench/mock/bill.h"
#include "bench/mock/fault_table.h"
#include "bench/mock/options.h"
#include "bench/mock/recorder.h"
#include "bench/mock/request.h"

namespace vidai::bench::mock {

struct Reply {
    std::optional<Answer> answer;  // a chat call: play it; the ticket is then set
    Bill::Ticket ticket;
    std::string bytes;  // else: send this
    bool keep_alive = true;
};

struct Stats {
    std::uint64_t accepted = 0;  // connections since the start
    std::uint64_t open = 0;      // connections now
    std::uint64_t requests = 0;  // provider requests since the start, admin calls left out
};

class Api {
  public:
    explicit Api(const Options& options)
        : options_(options), faults_(options.seed), recorder_(options.record_max) {}

    Reply handle(const Request& request, std::uint64_t connection);
    Bill& bill() { return bill_; }
    Stats& stats() { return stats_; }

  private:
    Reply chat(const Request& request);
    std::string models(const Request& request) const;
    std::string admin(const Request& request);
    std::string admin_faults(const Request& request);
    std::string refuse(const Request& request, int status, std::string_view message,
                       std::string_view code) const;

    Options options_;
    FaultTable faults_;
    Recorder recorder_;
    Bill bill_;
    Stats stats_;
};

}  // namespace vidai::bench::mock
