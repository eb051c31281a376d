// SPDX-License-Identifier: Apache-2.0
// A join token: what a machine needs to become a node of a mesh, as one word of text. It holds a
// key of its own with a short-lived certificate of role join, whom to believe, and whom to ask.
// docs/security.md, section 8. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/seal/certificate.h"
#include "mesh/seal/keys.h"
#include "schema/base/secret.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::seal {

inline constexpr std::string_view kTokenPrefix = "vidai-join-";
inline constexpr std::size_t kTokenTextMax = 8'192;

struct JoinToken {
    Credentials as;  // trust, the token's key, its chain
    std::vector<std::string> seeds;
};

// CHECKs that there are at most 16 seeds of 1 to 255 bytes each.
Secret encode_token(const JoinToken& token);
// kInvalidRequest, without a word of the token in the message. Dates are not looked at. Spaces and
// line ends around it are ignored.
Result<JoinToken> decode_token(std::string_view text);

// What a joiner signs with its node's key to show that it has it, on this very connection.
Signature sign_request(const SecretKey& key, const std::array<std::uint8_t, 32>& binding,
                       const MeshId& mesh, const NodeId& node);
[[nodiscard]] bool verify_request(const PublicKey& key, const std::array<std::uint8_t, 32>& binding,
                                  const MeshId& mesh, const NodeId& node,
                                  const Signature& signature);

}  // namespace vidai::mesh::seal
