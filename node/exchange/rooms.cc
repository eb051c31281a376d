// SPDX-License-Identifier: Apache-2.0
#include "node/exchange/rooms.h"

#include <utility>

#include "node/http/write.h"

namespace vidai::node::exchange {
namespace {

std::string authority(const providers::Provider& provider) {
    const bool ipv6 = provider.host.find(':') != std::string::npos;
    std::string text = ipv6 ? "[" + provider.host + "]" : provider.host;
    if (provider.port != (provider.tls ? 443 : 80)) text += ":" + std::to_string(provider.port);
    return text;
}

Secret preamble(const providers::Provider& provider) {
    std::string out;
    // A Secret wipes what it holds, not what the string left behind while growing.
    out.reserve(512 + provider.path_prefix.size() + provider.credential.reveal().size());
    http::append_request_line(out, "POST", provider.path_prefix + "/chat/completions");
    http::append_field(out, "host", authority(provider));
    http::append_field(out, "content-type", "application/json");
    http::append_field(out, "accept-encoding", "identity");
    http::append_field(out, "user-agent", "vidai-mesh");
    if (!provider.credential.empty()) {
        out += "authorization: Bearer ";
        out += provider.credential.reveal();
        out += "\r\n";
    }
    return Secret(std::move(out));
}

}  // namespace

Runtime::Runtime(route::RouteTable table, std::vector<providers::Provider> list, WallTime loaded)
    : routes(std::move(table)),
      providers(std::move(list)),
      created(std::chrono::duration_cast<std::chrono::seconds>(loaded.time_since_epoch()).count()) {
    for (const providers::Provider& provider : providers) preambles.push_back(preamble(provider));
}

}  // namespace vidai::node::exchange
