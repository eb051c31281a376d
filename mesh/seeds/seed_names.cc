// SPDX-License-Identifier: Apache-2.0
#include "mesh/seeds/seed_names.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/socket.h>

#include "mesh/transport/sockets.h"
#include "schema/base/near.h"

namespace vidai::mesh::seeds {

namespace {

using Answer = Resolver::Answer;

constexpr std::size_t kAnswerMax = 65'535;  // what TCP can carry (RFC 1035 section 4.2.2)
constexpr std::size_t kNameMax = 253;

bool is_srv(const std::string& seed) {
    return seed.starts_with(kSrvPrefix);
}
std::string srv_name(const std::string& seed) {
    return seed.substr(std::string_view(kSrvPrefix).size());
}

bool is_literal(const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

std::string numeric(const addrinfo& address) {
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    if (::getnameinfo(address.ai_addr, address.ai_addrlen, host.data(), host.size(), port.data(),
                      port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return {};
    }
    const bool bare6 = address.ai_family == AF_INET6;
    return (bare6 ? "[" + std::string(host.data()) + "]" : host.data()) + ":" + port.data();
}

// Adds the addresses of one host; an error names it.
Result<void> add_addresses(const std::string& host, const SeedAddress& like, std::uint16_t port,
                           std::vector<SeedAddress>& out) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (error != 0) {
        return fail(ErrorCode::kUnavailable,
                    "cannot resolve the seed's host " + host + ": " + ::gai_strerror(error),
                    kSeedUnresolved);
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, ::freeaddrinfo);
    for (const addrinfo* at = found; at != nullptr && out.size() < kSeedAddressesMax;
         at = at->ai_next) {
        SeedAddress address{numeric(*at), like.priority, like.weight};
        if (address.where.empty() || std::ranges::find(out, address) != out.end()) continue;
        out.push_back(std::move(address));
    }
    return {};
}

Result<std::vector<SrvRecord>> ask_srv(const std::string& name) {
    struct State {
        struct __res_state res{};
        bool good = ::res_ninit(&res) == 0;
        ~State() {
            if (good) ::res_nclose(&res);
        }
    };
    const auto state = std::make_unique<State>();
    const auto failed = [&](const std::string& why) {
        return fail(ErrorCode::kUnavailable, "cannot resolve the seed " + name + ": " + why,
                    kSeedUnresolved);
    };
    if (!state->good) return failed("the system's resolver cannot be set up");
    std::vector<std::uint8_t> answer(kAnswerMax);
    const int size = ::res_nsearch(&state->res, name.c_str(), ns_c_in, ns_t_srv, answer.data(),
                                   static_cast<int>(answer.size()));
    if (size < 0) {
        const bool nothing =
            state->res.res_h_errno == HOST_NOT_FOUND || state->res.res_h_errno == NO_DATA;
        return failed(nothing ? "it has no SRV records" : ::hstrerror(state->res.res_h_errno));
    }
    answer.resize(std::min(answer.size(), static_cast<std::size_t>(size)));
    auto records = read_srv_answer(answer);
    if (!records) return failed(records.error().message);
    if (records->empty()) return failed("it has no SRV records");
    return records;
}

Answer resolve_srv(const std::string& name) {
    auto records = ask_srv(name);
    if (!records) return fail(std::move(records).error());
    std::vector<SeedAddress> out;
    Result<void> last;
    for (const SrvRecord& record : *records) {
        auto added =
            add_addresses(record.host, {{}, record.priority, record.weight}, record.port, out);
        if (!added) last = std::move(added);
    }
    if (out.empty() && !last) return fail(std::move(last).error());
    std::ranges::stable_sort(out, {}, &SeedAddress::priority);
    return out;
}

// For a scheme that is none: a slip in the one that there is, or one that is not needed.
std::string advice_for(const std::string& seed) {
    constexpr std::string_view kScheme[] = {"dnssrv"};
    if (const std::size_t plus = seed.find('+'); plus != std::string::npos) {
        const bool near = !nearest(seed.substr(0, plus), kScheme).empty();
        return near ? "; did you mean '" + std::string(kSrvPrefix) + seed.substr(plus + 1) + "'?"
                    : "";
    }
    const std::size_t colon = seed.find(':');
    if (colon == std::string::npos) return "";
    std::string rest = seed.substr(colon + 1);
    if (rest.starts_with("//")) rest.erase(0, 2);
    return transport::parse_host_port(rest) ? "; did you mean '" + rest + "'?" : "";
}

}  // namespace

Result<void> check_seed(const std::string& seed) {
    const std::string name = is_srv(seed) ? srv_name(seed) : "";
    if (!is_srv(seed) && transport::parse_host_port(seed)) return {};
    const bool plain = name.find_first_of(": /[]") == std::string::npos;
    if (!name.empty() && name.size() <= kNameMax && plain) return {};
    return fail(ErrorCode::kConfigInvalid,
                "'" + seed +
                    "' is no seed: it is HOST:PORT, such as vidai-0.example:7420, or "
                    "dnssrv+NAME for SRV records, such as dnssrv+_mesh._tcp.vidai.example" +
                    advice_for(seed),
                seed);
}

Result<std::vector<SrvRecord>> read_srv_answer(seal::ByteView answer) {
    const auto damaged = [] {
        return fail(ErrorCode::kProtocol, "the DNS answer is damaged", "dns");
    };
    ns_msg message{};
    if (answer.size() > kAnswerMax ||
        ::ns_initparse(answer.data(), static_cast<int>(answer.size()), &message) != 0) {
        return damaged();
    }
    std::vector<SrvRecord> out;
    const int count = ns_msg_count(message, ns_s_an);
    for (int i = 0; i < count && out.size() < kSrvRecordsMax; ++i) {
        ns_rr record{};
        if (::ns_parserr(&message, ns_s_an, i, &record) != 0) return damaged();
        if (ns_rr_type(record) != ns_t_srv) continue;  // a CNAME on the way
        constexpr int kFixed = 6;                      // priority, weight, port
        const unsigned char* const data = ns_rr_rdata(record);
        if (ns_rr_rdlen(record) <= kFixed) return damaged();
        std::array<char, NS_MAXDNAME> host{};
        if (::ns_name_uncompress(ns_msg_base(message), ns_msg_end(message), data + kFixed,
                                 host.data(), host.size()) < 0) {
            return damaged();
        }
        const auto number = [&](int at) { return static_cast<std::uint16_t>(ns_get16(data + at)); };
        SrvRecord srv{host.data(), number(4), number(0), number(2)};
        if (srv.host.empty() || srv.host == "." || srv.port == 0) continue;
        out.push_back(std::move(srv));
    }
    return out;
}

Answer resolve_seed(const std::string& seed) {
    if (Result<void> good = check_seed(seed); !good) return fail(std::move(good).error());
    if (is_srv(seed)) return resolve_srv(srv_name(seed));
    const transport::HostPort at = *transport::parse_host_port(seed);
    std::vector<SeedAddress> out;
    if (auto added = add_addresses(at.host, {}, at.port, out); !added) {
        return fail(std::move(added).error());
    }
    return out;
}

// What the owner and the thread share; the last of them frees it.
struct ResolverThread::Shared {
    struct Question {
        std::string seed;
        kj::Own<kj::CrossThreadPromiseFulfiller<Answer>> answer;
    };
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<Question> questions;
    bool over = false;

    void run() {
        std::unique_lock lock(mutex);
        for (;;) {
            wake.wait(lock, [this]() { return over || !questions.empty(); });
            if (over) return;
            Question question = std::move(questions.front());
            questions.pop_front();
            lock.unlock();
            Answer answer = resolve_seed(question.seed);
            question.answer->fulfill(std::move(answer));
            lock.lock();
        }
    }
};

ResolverThread::ResolverThread() : shared_(std::make_shared<Shared>()) {}

ResolverThread::~ResolverThread() {
    std::deque<Shared::Question> dropped;
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->over = true;
        dropped.swap(shared_->questions);
    }
    shared_->wake.notify_one();
}

kj::Promise<Answer> ResolverThread::resolve(const std::string& seed) {
    const auto at = is_srv(seed) ? Result<transport::HostPort>(fail(ErrorCode::kConfigInvalid, ""))
                                 : transport::parse_host_port(seed);
    if (at && is_literal(at->host)) return Answer({SeedAddress{to_string(*at)}});
    auto pair = kj::newPromiseAndCrossThreadFulfiller<Answer>();
    {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->questions.size() >= kQuestionsMax) {
            return Answer(
                fail(ErrorCode::kUnavailable,
                     "cannot resolve the seed " + seed + ": the system's resolver does not keep up",
                     kSeedUnresolved));
        }
        shared_->questions.push_back({seed, kj::mv(pair.fulfiller)});
    }
    shared_->wake.notify_one();
    // Detached: a resolver that waits for a silent server would hold up the end of the process.
    if (!std::exchange(begun_, true)) {
        std::thread([shared = shared_]() { shared->run(); }).detach();
    }
    return kj::mv(pair.promise);
}

}  // namespace vidai::mesh::seeds
