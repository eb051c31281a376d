// SPDX-License-Identifier: Apache-2.0
#include "node/config/load.h"

#include "node/config/option_table.h"
#include "node/config/reader.h"
#include "schema/yaml/yaml.h"

namespace vidai::node::config {
namespace {

std::string config_file(const Sources& sources) {
    if (!sources.flags.config_file.empty()) return sources.flags.config_file;
    const auto at = sources.environment.find("VIDAI_CONFIG");
    return at == sources.environment.end() ? "" : at->second;
}

template <class Owner>
bool same_options(std::span<const Option<Owner>> table, Owner& a, Owner& b) {
    for (const Option<Owner>& option : table) {
        if (!same_value(option.slot(a), option.slot(b))) return false;
    }
    return true;
}

bool same_providers(const Config& a, const Config& b) {
    if (a.providers.size() != b.providers.size()) return false;
    for (std::size_t i = 0; i < a.providers.size(); ++i) {
        ProviderDraft left{a.providers[i], {}, {}, a.providers[i].credential};
        ProviderDraft right{b.providers[i], {}, {}, b.providers[i].credential};
        if (left.provider.name != right.provider.name) return false;
        if (!same_options(provider_options(), left, right)) return false;
    }
    return true;
}

std::string provider_of(const Config& config, const route::Target& target) {
    return config.providers[target.provider].name;
}

bool same_group(const Config& a, const std::vector<route::Target>& left, const Config& b,
                const std::vector<route::Target>& right) {
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i) {
        TargetDraft one{provider_of(a, left[i]), left[i]};
        TargetDraft two{provider_of(b, right[i]), right[i]};
        if (one.target.own_price.known != two.target.own_price.known) return false;
        if (!same_options(target_options(), one, two)) return false;
    }
    return true;
}

bool same_models(const Config& a, const Config& b) {
    if (a.route.aliases.size() != b.route.aliases.size()) return false;
    for (std::size_t i = 0; i < a.route.aliases.size(); ++i) {
        const route::Alias &left = a.route.aliases[i], &right = b.route.aliases[i];
        if (left.name != right.name || left.groups.size() != right.groups.size()) return false;
        for (std::size_t j = 0; j < left.groups.size(); ++j) {
            if (!same_group(a, left.groups[j], b, right.groups[j])) return false;
        }
    }
    return true;
}

}  // namespace

Result<Config> load(const Sources& sources) {
    Reading reading{sources, {}, {}, {}};
    if (const std::string file = config_file(sources); !file.empty()) {
        Result<std::string> text = sources.read_file(file, kConfigBytesMax);
        if (!text) return fail(std::move(text).error());
        Result<yaml::Node> root = yaml::parse(*text, file);
        if (!root) return fail(std::move(root).error());
        read_tree(reading, *root, file);
    }
    read_environment(reading);
    read_flags(reading);
    cross_check(reading);
    read_prices(reading);
    if (!reading.problems.empty()) return fail(reading.problems.error());
    return std::move(reading.config);
}

Result<ReloadDiff> diff(const Config& running, const Config& next) {
    Config left = running, right = next;  // slots point into values that could be changed
    ReloadDiff result;
    std::string refused;
    for (const Option<Config>& option : node_options()) {
        if (same_value(option.slot(left), option.slot(right))) continue;
        if (option.applies == Applies::kAtStart) {
            refused += (refused.empty() ? "" : ", ") + std::string(option.path);
        } else {
            result.changed.emplace_back(option.path);
        }
    }
    if (!refused.empty()) {
        return fail(ErrorCode::kConfigInvalid,
                    "only a restart can change " + refused +
                        "; the node goes on as it was, put the old value back to reload the rest",
                    refused);
    }
    const bool other_file = running.pricing.card_file != next.pricing.card_file;
    if (!other_file && *running.pricing.card != *next.pricing.card) {
        result.changed.emplace_back("pricing.card");
    }
    if (!same_providers(running, next)) result.changed.emplace_back("providers");
    if (!same_models(running, next)) result.changed.emplace_back("models");
    return result;
}

}  // namespace vidai::node::config
