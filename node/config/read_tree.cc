// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>

#include "node/config/option_table.h"
#include "node/config/reader.h"
#include "schema/base/near.h"

namespace vidai::node::config {
namespace {

using Kind = yaml::Node::Kind;

class TreeReader {
  public:
    TreeReader(Reading& reading, const std::string& name) : reading_(reading), name_(name) {}

    void read(const yaml::Node& root) {
        read_map<Config>(root, "", "", node_options(), reading_.config, {"providers", "models"});
        // Models name providers, so those come first whatever the order in the file.
        if (const yaml::Node* providers = root.find("providers")) read_providers(*providers);
        if (const yaml::Node* models = root.find("models")) read_models(*models);
    }

  private:
    std::string where(int line) const { return name_ + ":" + std::to_string(line); }
    void problem(int line, std::string_view path, const std::string& what) {
        reading_.problems.add(where(line), path, what);
    }

    // A map whose keys, behind `inner`, are paths of `table`; those in `others` are left alone.
    // `outer` is what the table's paths are shown behind, e.g. "providers.openai.".
    template <class Owner>
    void read_map(const yaml::Node& node, const std::string& outer, const std::string& inner,
                  std::span<const Option<Owner>> table, Owner& owner,
                  std::vector<std::string_view> others = {}) {
        if (node.kind == Kind::kNull) return;
        if (node.kind != Kind::kMap) {
            std::string path = outer + inner;
            if (path.ends_with('.')) path.pop_back();
            return problem(node.line, path, "expected a map of options");
        }
        for (const yaml::Node::Member& member : node.members) {
            if (std::find(others.begin(), others.end(), member.key) != others.end()) continue;
            const std::string path = inner + member.key;
            const auto option = std::find_if(table.begin(), table.end(),
                                             [&](const auto& one) { return one.path == path; });
            if (option != table.end()) {
                read_value(member, outer + path, *option, owner);
            } else if (has_below(table, path + ".")) {
                read_map(member.value, outer, path + ".", table, owner);
            } else {
                problem(member.line, outer + path,
                        "unknown key" + suggestion(member.key, keys_behind(table, inner, others)));
            }
        }
    }

    template <class Owner>
    static bool has_below(std::span<const Option<Owner>> table, const std::string& prefix) {
        return std::any_of(table.begin(), table.end(),
                           [&](const auto& one) { return one.path.starts_with(prefix); });
    }

    template <class Owner>
    static std::vector<std::string_view> keys_behind(std::span<const Option<Owner>> table,
                                                     const std::string& inner,
                                                     std::vector<std::string_view> keys) {
        for (const auto& option : table) {
            if (!option.path.starts_with(inner)) continue;
            const std::string_view rest = option.path.substr(inner.size());
            const std::string_view key = rest.substr(0, rest.find('.'));
            if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
        }
        return keys;
    }

    template <class Owner>
    void read_value(const yaml::Node::Member& member, const std::string& shown,
                    const Option<Owner>& option, Owner& owner) {
        const Slot slot = option.slot(owner);
        const yaml::Node& value = member.value;
        std::string text = value.text;
        bool right = value.kind == Kind::kScalar;
        if (std::holds_alternative<std::vector<std::string>*>(slot)) {
            right = value.kind == Kind::kList && join(value, text);
            if (right && value.items.empty() && option.bounds.min == 0) {
                std::get<std::vector<std::string>*>(slot)->clear();
                return reading_.origins.set(shown, where(member.line));
            }
        }
        if (!right || !parse_value(text, option.bounds, slot)) {
            return problem(member.line, shown,
                           "expected " + expected_value(option.bounds, slot) +
                               (right ? found(option.path, slot, text) : ""));
        }
        reading_.origins.set(shown, where(member.line));
    }

    // A list of texts as the one text that parse_value takes; no item holds a comma.
    static bool join(const yaml::Node& list, std::string& text) {
        for (const yaml::Node& item : list.items) {
            if (item.kind != Kind::kScalar || item.text.find(',') != std::string::npos) {
                return false;
            }
            text += (text.empty() ? "" : ",") + item.text;
        }
        return true;
    }

    void read_providers(const yaml::Node& node) {
        if (node.kind == Kind::kNull) return;
        if (node.kind != Kind::kMap) {
            return problem(node.line, "providers", "expected a map from a name to its options");
        }
        for (const yaml::Node::Member& member : node.members) {
            const std::string path = "providers." + member.key;
            if (reading_.config.providers.size() >= kProvidersMax) {
                return problem(member.line, path,
                               "more than " + std::to_string(kProvidersMax) + " providers");
            }
            if (!provider_name(member.key)) {
                problem(member.line, path,
                        "expected a name of 1 to 63 of a-z, 0-9, '-', '_' and '.'");
                continue;
            }
            read_provider(member, path);
        }
    }

    void read_provider(const yaml::Node::Member& member, const std::string& path) {
        ProviderDraft draft;
        draft.provider.name = member.key;
        read_map(member.value, path + ".", "", provider_options(), draft);
        if (member.value.find("base_url") == nullptr) {
            problem(member.line, path, "base_url is missing");
        }
        read_credential(member, path, draft);
        reading_.config.providers.push_back(std::move(draft.provider));
    }

    void read_credential(const yaml::Node::Member& member, const std::string& path,
                         ProviderDraft& draft) {
        const int ways = int{!draft.api_key.empty()} + int{!draft.api_key_env.empty()} +
                         int{!draft.api_key_file.empty()};
        if (ways > 1) {
            return problem(member.line, path,
                           "set only one of api_key_env, api_key_file and api_key");
        }
        if (!draft.api_key_env.empty()) return read_key_variable(path, draft);
        if (!draft.api_key_file.empty()) return read_key_file(path, draft);
        if (!draft.api_key.empty()) {
            reading_.config.warnings.push_back(
                reading_.origins.of(path + ".api_key") + ": " + path +
                ".api_key is written in the file; prefer api_key_env or api_key_file");
            draft.provider.credential = std::move(draft.api_key);
        }
    }

    void read_key_variable(const std::string& path, ProviderDraft& draft) {
        const auto at = reading_.sources.environment.find(draft.api_key_env);
        if (at == reading_.sources.environment.end() || at->second.empty()) {
            return reading_.problems.add(
                reading_.origins.of(path + ".api_key_env"), path + ".api_key_env",
                "the environment variable " + draft.api_key_env +
                    " is not set; set it, or leave api_key_env out if the provider needs no key");
        }
        store_key(path + ".api_key_env", at->second, draft);
    }

    void read_key_file(const std::string& path, ProviderDraft& draft) {
        Result<std::string> text = reading_.sources.read_file(draft.api_key_file, kSecretBytesMax);
        if (!text) {
            return reading_.problems.add(reading_.origins.of(path + ".api_key_file"),
                                         path + ".api_key_file", text.error().message);
        }
        if (text->ends_with('\n')) text->pop_back();
        if (text->ends_with('\r')) text->pop_back();
        store_key(path + ".api_key_file", *text, draft);
    }

    void store_key(const std::string& path, const std::string& text, ProviderDraft& draft) {
        if (!parse_value(text, Bounds{1, 8192}, Slot{&draft.provider.credential})) {
            reading_.problems.add(reading_.origins.of(path), path,
                                  "what it names is no API key: expected one line of 1 to 8192 "
                                  "characters");
        }
    }

    void read_models(const yaml::Node& node) {
        if (node.kind == Kind::kNull) return;
        if (node.kind != Kind::kMap) {
            return problem(node.line, "models", "expected a map from an alias to its targets");
        }
        for (const yaml::Node::Member& member : node.members) {
            const std::string path = "models." + member.key;
            if (reading_.config.route.aliases.size() >= kAliasesMax) {
                return problem(member.line, path,
                               "more than " + std::to_string(kAliasesMax) + " aliases");
            }
            if (!alias_name(member.key)) {
                problem(member.line, path, "expected a name of 1 to 128 characters, no spaces");
                continue;
            }
            route::Alias alias;
            alias.name = member.key;
            read_targets(member.line, member.value, path,
                         [&](const yaml::Node& item, const std::string& at) {
                             alias.groups.push_back(read_step(item, at));
                         });
            reading_.config.route.aliases.push_back(std::move(alias));
        }
    }

    void read_targets(int line, const yaml::Node& node, const std::string& path,
                      const std::function<void(const yaml::Node&, const std::string&)>& each) {
        if (node.kind != Kind::kList || node.items.empty() || node.items.size() > kTargetsMax) {
            return problem(line, path,
                           "expected a list of 1 to " + std::to_string(kTargetsMax) +
                               " targets, each with provider and model");
        }
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            each(node.items[i], path + "[" + std::to_string(i) + "]");
        }
    }

    // One step of an alias: a target, or a split of the requests between several.
    std::vector<route::Target> read_step(const yaml::Node& node, const std::string& path) {
        const yaml::Node* split = node.find("split");
        if (split == nullptr) return {read_target(node, path, /*in_split=*/false)};
        std::vector<route::Target> group;
        if (node.members.size() > 1) {
            problem(node.line, path, "split stands alone: put the other keys into its targets");
        }
        read_targets(split->line, *split, path + ".split",
                     [&](const yaml::Node& item, const std::string& at) {
                         group.push_back(read_target(item, at, /*in_split=*/true));
                     });
        return group;
    }

    route::Target read_target(const yaml::Node& node, const std::string& path, bool in_split) {
        TargetDraft draft;
        if (node.kind != Kind::kMap) {
            problem(node.line, path, "expected a map with provider and model");
            return draft.target;
        }
        read_map(node, path + ".", "", target_options(), draft);
        for (const std::string_view key : {"provider", "model"}) {
            if (node.find(key) == nullptr) {
                problem(node.line, path, std::string(key) + " is missing");
            }
        }
        if (!in_split && node.find("weight") != nullptr) {
            problem(node.line, path, "weight has a meaning only within a split");
        }
        finish_price(node, path, draft.target.own_price);
        if (!draft.provider.empty()) resolve_provider(path + ".provider", draft);
        return std::move(draft.target);
    }

    void finish_price(const yaml::Node& node, const std::string& path, route::OwnPrice& price) {
        const yaml::Node* written = node.find("price");
        if (written == nullptr || written->kind != Kind::kMap) return;
        for (const std::string_view key : {"input", "output"}) {
            if (written->find(key) == nullptr) {
                problem(written->line, path + ".price", std::string(key) + " is missing");
            }
        }
        if (written->find("cached_input") == nullptr) price.cached_input = price.input;
        price.known = true;
    }

    void resolve_provider(const std::string& path, TargetDraft& draft) {
        const auto& providers = reading_.config.providers;
        std::vector<std::string_view> names;
        for (std::size_t i = 0; i < providers.size(); ++i) {
            names.push_back(providers[i].name);
            if (providers[i].name != draft.provider) continue;
            draft.target.provider = static_cast<std::uint16_t>(i);
            return;
        }
        reading_.problems.add(
            reading_.origins.of(path), path,
            "there is no provider '" + draft.provider + "'" + suggestion(draft.provider, names));
    }

    static bool provider_name(std::string_view name) {
        return !name.empty() && name.size() <= 63 &&
               std::all_of(name.begin(), name.end(), [](char c) {
                   return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                          c == '_' || c == '.';
               });
    }
    static bool alias_name(std::string_view name) {
        return !name.empty() && name.size() <= 128 &&
               std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    }

    Reading& reading_;
    const std::string& name_;
};

}  // namespace

void read_tree(Reading& reading, const yaml::Node& root, const std::string& name) {
    TreeReader(reading, name).read(root);
}

}  // namespace vidai::node::config
