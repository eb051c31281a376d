// SPDX-License-Identifier: Apache-2.0
#include "node/config/address.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

#include <arpa/inet.h>

namespace vidai::node::config {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return {};
    return port;
}

bool host_text(std::string_view host) {
    return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_' || c == ':';
    });
}

bool path_text(std::string_view path) {
    return std::all_of(path.begin(), path.end(), [](char c) {
        return c > 0x20 && c < 0x7f &&
               std::string_view("?#\\\"<>").find(c) == std::string_view::npos;
    });
}

}  // namespace

bool literal_address(const std::string& host) {
    std::array<unsigned char, 16> bytes{};
    return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
           inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

std::optional<std::pair<std::string, std::uint16_t>> split_address(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos) return {};
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto port = parse_port(text.substr(colon + 1));
    if (!port || !host_text(host)) return {};
    if (bracketed != (host.find(':') != host.npos)) return {};
    if (bracketed && !literal_address(std::string(host))) return {};
    return std::pair{std::string(host), *port};
}

std::string join_address(const std::string& host, std::uint16_t port) {
    const bool colon = host.find(':') != host.npos;
    return (colon ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool parse_base_url(std::string_view text, providers::Provider& provider) {
    const bool tls = text.starts_with("https://");
    if (!tls && !text.starts_with("http://")) return false;
    text.remove_prefix(tls ? 8 : 7);
    const std::size_t slash = std::min(text.find('/'), text.size());
    std::string_view path = text.substr(slash);
    while (path.ends_with('/')) path.remove_suffix(1);
    std::string authority(text.substr(0, slash));
    const std::size_t bracket = authority.rfind(']');
    const std::size_t colon = authority.rfind(':');
    const bool has_port = colon != authority.npos && (bracket == authority.npos || colon > bracket);
    if (!has_port) authority += tls ? ":443" : ":80";
    auto parts = split_address(authority);
    if (!parts || parts->second == 0 || !path_text(path)) return false;
    provider.tls = tls;
    provider.host = std::move(parts->first);
    provider.port = parts->second;
    provider.path_prefix = std::string(path);
    return true;
}

std::optional<PostUrl> parse_post_url(std::string_view text) {
    const std::string_view base = text.substr(0, text.find('?'));
    providers::Provider parts;
    const auto graphic = [](char c) { return c > ' ' && c < 0x7f && c != '#'; };
    if (!parse_base_url(base, parts) || !std::ranges::all_of(text, graphic)) return std::nullopt;
    const std::size_t authority = text.find("//") + 2;
    std::string path(text.substr(std::min(text.find_first_of("/?", authority), text.size())));
    if (!path.starts_with('/')) path.insert(0, "/");
    return PostUrl{parts.tls, std::move(parts.host), parts.port, std::move(path)};
}

std::string print_base_url(const providers::Provider& provider) {
    if (provider.host.empty()) return {};
    const bool usual = provider.port == (provider.tls ? 443 : 80);
    std::string authority = join_address(provider.host, provider.port);
    if (usual) authority.resize(authority.rfind(':'));
    return (provider.tls ? "https://" : "http://") + authority + provider.path_prefix;
}

}  // namespace vidai::node::config
