// SPDX-License-Identifier: Apache-2.0
#include "node/auth/auth.h"

#include <algorithm>
#include <optional>

#include "mesh/state/key_secret.h"

namespace vidai::node::auth {
namespace {

constexpr std::string_view kScheme = "bearer";

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string_view trim(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    return text;
}

// The credential of "Bearer KEY" (RFC 6750), empty for another scheme.
std::string_view bearer(std::string_view value) {
    if (value.size() <= kScheme.size() || value[kScheme.size()] != ' ' ||
        !std::ranges::equal(value.substr(0, kScheme.size()), kScheme, {}, lower)) {
        return {};
    }
    return trim(value.substr(kScheme.size()));
}

// Stands for a key that is not there, so that asking for it costs the same. Its hash is all zeros,
// which no text is known to have; the answer is never used anyway.
const mesh::state::KeyRecord& nobody() {
    static const mesh::state::KeyRecord record{};
    return record;
}

std::unexpected<Error> invalid() {
    return fail(ErrorCode::kInvalidKey,
                "the API key is not valid here; check it, or ask for a new one");
}

}  // namespace

Result<Principal> authenticate(const mesh::state::KeyTable& keys, std::string_view authorization,
                               std::string_view x_api_key) {
    authorization = trim(authorization);
    x_api_key = trim(x_api_key);
    if (authorization.empty() && x_api_key.empty()) {
        return fail(ErrorCode::kMissingKey,
                    "no API key was sent; send it as \"Authorization: Bearer sk-vidai-...\"");
    }
    const std::string_view text = authorization.empty() ? x_api_key : bearer(authorization);
    const std::optional<mesh::state::KeyIdChars> id = mesh::state::key_id_of(text);
    if (!id) return invalid();  // not even the form of a key: nothing to hide
    const mesh::state::KeyEntry* entry = keys.find(*id);
    const bool match = mesh::state::matches(entry != nullptr ? entry->record : nobody(), text);
    if (entry == nullptr || !match || entry->record.revoked) return invalid();
    return Principal{*id};
}

}  // namespace vidai::node::auth
