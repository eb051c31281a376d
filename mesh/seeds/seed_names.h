// SPDX-License-Identifier: Apache-2.0
// What a seed means: HOST:PORT, whose name may have many addresses (a headless Service), or
// dnssrv+NAME, whose SRV records (RFC 2782) name hosts and ports. Asked anew each time it is
// dialled, for ever: names move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <kj/async.h>

#include "mesh/seal/encoding.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::seeds {

inline constexpr std::size_t kSeedAddressesMax = 64;
inline constexpr std::size_t kSrvRecordsMax = 64;
inline constexpr const char* kSrvPrefix = "dnssrv+";
inline constexpr const char* kSeedUnresolved = "seed_unresolved";  // Error::param

// One way to reach a seed; the lower priority first, and within one the heavier more often.
struct SeedAddress {
    std::string where;  // ADDRESS:PORT, numeric
    std::uint16_t priority = 0;
    std::uint16_t weight = 0;
    bool operator==(const SeedAddress&) const = default;
};

struct SrvRecord {
    std::string host;
    std::uint16_t port = 0;
    std::uint16_t priority = 0;
    std::uint16_t weight = 0;
    bool operator==(const SrvRecord&) const = default;
};

// Whether `seed` has one of the two forms. kConfigInvalid, naming both. Pure.
Result<void> check_seed(const std::string& seed);

// The SRV records of a DNS answer, at most kSrvRecordsMax; untrusted bytes. A target of "." says
// that the service is not there (RFC 2782). kProtocol. Pure.
Result<std::vector<SrvRecord>> read_srv_answer(seal::ByteView answer);

// At least one address, at most kSeedAddressesMax, by priority. Blocks for as long as the system's
// resolver does. kConfigInvalid, kUnavailable. Any thread.
Result<std::vector<SeedAddress>> resolve_seed(const std::string& seed);

class Resolver {
  public:
    using Answer = Result<std::vector<SeedAddress>>;
    virtual kj::Promise<Answer> resolve(const std::string& seed) = 0;

  protected:
    ~Resolver() = default;
};

// resolve_seed() on a thread of its own, one question after the other. Lives on a thread with a KJ
// loop; its destructor does not wait for the question under way.
class ResolverThread final : public Resolver {
  public:
    static constexpr std::size_t kQuestionsMax = 64;

    ResolverThread();
    ~ResolverThread();
    ResolverThread(const ResolverThread&) = delete;
    ResolverThread& operator=(const ResolverThread&) = delete;

    // kUnavailable also when kQuestionsMax wait already.
    kj::Promise<Answer> resolve(const std::string& seed) override;

  private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
    bool begun_ = false;  // with the first name: addresses need no thread
};

}  // namespace vidai::mesh::seeds
