// SPDX-License-Identifier: Apache-2.0
// While one lives, libsodium's source of randomness for the whole process is a seed, so that what
// takes no source of its own (a new key's id, secret and salt) follows from the seed too. For
// nothing but simulation; one at a time, one thread.
#pragma once

#include "schema/base/rng.h"

namespace vidai::sim {

class SystemRandom {
  public:
    explicit SystemRandom(Rng rng);
    ~SystemRandom();
    SystemRandom(const SystemRandom&) = delete;
    SystemRandom& operator=(const SystemRandom&) = delete;
};

}  // namespace vidai::sim
