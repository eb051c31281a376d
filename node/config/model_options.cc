// SPDX-License-Identifier: Apache-2.0
// Options of one provider, and of one target of a model.
#include "node/config/option_table.h"

namespace vidai::node::config {
namespace {

constexpr Applies kReload = Applies::kOnReload;
constexpr Bounds kPath{0, 4096};
constexpr Bounds kChoice{};
constexpr std::uint64_t kSecond = 1'000, kMinute = 60 * kSecond, kHour = 60 * kMinute;

constexpr Option<ProviderDraft> kProvider[] = {
    {"base_url", "", kReload, kChoice,
     "Where the provider's API begins, as its SDK would be told: requests go to "
     "base_url/chat/completions. Required.",
     [](ProviderDraft& d) -> Slot { return BaseUrlSlot{&d.provider}; }},
    {"dialect", "", kReload, kChoice, "The wire format it speaks.",
     [](ProviderDraft& d) -> Slot { return &d.provider.dialect; }},
    {"api_key_env",
     "",
     kReload,
     {1, 256},
     "Name of the environment variable that holds the API key.",
     [](ProviderDraft& d) -> Slot { return &d.api_key_env; }},
    {"api_key_file",
     "",
     kReload,
     {1, 4096},
     "File that holds the API key; one newline at its end is ignored.",
     [](ProviderDraft& d) -> Slot { return &d.api_key_file; }},
    {"api_key",
     "",
     kReload,
     {1, 8192},
     "The API key itself. Prefer api_key_env or api_key_file: this file is easily shared.",
     [](ProviderDraft& d) -> Slot { return &d.api_key; }},
    {"ca_file", "", kReload, kPath,
     "PEM root certificates for this provider instead of the system's.",
     [](ProviderDraft& d) -> Slot { return &d.provider.ca_file; }},
    {"timeouts.connect",
     "",
     kReload,
     {10, 10 * kMinute},
     "Resolve, connect and TLS together.",
     [](ProviderDraft& d) -> Slot { return &d.provider.timeouts.connect; }},
    {"timeouts.first_byte",
     "",
     kReload,
     {10, kHour},
     "From the request sent to the first byte of the answer.",
     [](ProviderDraft& d) -> Slot { return &d.provider.timeouts.first_byte; }},
    {"timeouts.idle",
     "",
     kReload,
     {10, kHour},
     "Between two parts of an answer.",
     [](ProviderDraft& d) -> Slot { return &d.provider.timeouts.idle; }},
    {"timeouts.total",
     "",
     kReload,
     {10, 24 * kHour},
     "One whole call of the provider.",
     [](ProviderDraft& d) -> Slot { return &d.provider.timeouts.total; }},
    {"idle_connections_max",
     "",
     kReload,
     {0, 10'000},
     "Connections to it that each worker keeps open for the next request.",
     [](ProviderDraft& d) -> Slot { return &d.provider.idle_connections_max; }},
    {"idle_connection_age",
     "",
     kReload,
     {10, kHour},
     "How long a kept connection may lie idle before it is closed.",
     [](ProviderDraft& d) -> Slot { return &d.provider.idle_connection_age; }},
};

constexpr Bounds kPriceBounds{0, 1'000'000'000'000};  // a million dollars

constexpr Option<TargetDraft> kTarget[] = {
    {"provider",
     "",
     kReload,
     {1, 63},
     "Name of one of the providers. Required.",
     [](TargetDraft& d) -> Slot { return &d.provider; }},
    {"model",
     "",
     kReload,
     {1, 256},
     "What that provider calls the model. Required.",
     [](TargetDraft& d) -> Slot { return &d.target.model; }},
    {"weight",
     "",
     kReload,
     {1, 1'000},
     "Share of the requests, within a split only.",
     [](TargetDraft& d) -> Slot { return &d.target.weight; }},
    {"price.input", "", kReload, kPriceBounds,
     "Per million input tokens. With a price of its own a target does not follow the rate card.",
     [](TargetDraft& d) -> Slot { return &d.target.own_price.input; }},
    {"price.cached_input", "", kReload, kPriceBounds,
     "Per million input tokens that the provider had cached. When left out: as input.",
     [](TargetDraft& d) -> Slot { return &d.target.own_price.cached_input; }},
    {"price.output", "", kReload, kPriceBounds, "Per million output tokens, reasoning included.",
     [](TargetDraft& d) -> Slot { return &d.target.own_price.output; }},
};

}  // namespace

std::span<const Option<ProviderDraft>> provider_options() {
    return kProvider;
}
std::span<const Option<TargetDraft>> target_options() {
    return kTarget;
}

}  // namespace vidai::node::config
