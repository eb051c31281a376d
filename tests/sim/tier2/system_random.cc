// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/tier2/system_random.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <sodium/core.h>
#include <sodium/randombytes.h>
#include <sodium/randombytes_sysrandom.h>

#include "schema/vocabulary/check.h"

namespace vidai::sim {

namespace {

std::optional<Rng> seeded;

const char* name() {
    return "simulated";
}
std::uint32_t next() {
    return static_cast<std::uint32_t>(seeded->next() >> 32);
}
void fill(void* out, std::size_t size) {
    std::generate_n(static_cast<std::uint8_t*>(out), size,
                    []() { return static_cast<std::uint8_t>(next()); });
}

// libsodium makes bounded numbers of random ones itself.
randombytes_implementation simulated = {name, next, nullptr, nullptr, fill, nullptr};

}  // namespace

SystemRandom::SystemRandom(Rng rng) {
    CHECK(!seeded, "one simulated mesh at a time");
    CHECK(sodium_init() >= 0);  // draws some itself, the first time
    seeded = rng;
    CHECK(randombytes_set_implementation(&simulated) == 0);
}

SystemRandom::~SystemRandom() {
    CHECK(randombytes_set_implementation(&randombytes_sysrandom_implementation) == 0);
    seeded.reset();
}

}  // namespace vidai::sim
