// SPDX-License-Identifier: Apache-2.0
#include "bench/mock/fault_table.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "bench/mock/text.h"

namespace vidai::bench::mock {
namespace {

using Json = nlohmann::json;

std::unexpected<Error> wrong(const std::string& name, const char* expected) {
    return fail(ErrorCode::kInvalidRequest, "'" + name + "' must be " + expected, name);
}

}  // namespace

Result<std::uint64_t> FaultTable::add(std::string_view json) {
    const Json body = Json::parse(json, nullptr, false);
    if (!body.is_object()) return fail(ErrorCode::kInvalidRequest, "the body must be an object");
    if (rules_.size() >= kRulesMax) {
        return fail(ErrorCode::kResourceExhausted, "too many rules; DELETE /mock/faults first");
    }
    Rule rule;
    for (const auto& [name, value] : body.items()) {
        if (name == "fault" || name == "model" || name == "credential") {
            if (!value.is_string()) return wrong(name, "a string");
            (name == "fault"   ? rule.directives
             : name == "model" ? rule.model
                               : rule.credential) = value.get<std::string>();
        } else if (name == "count") {
            if (!value.is_number_unsigned()) return wrong(name, "a whole number, 0 or more");
            rule.left = value.get<std::uint64_t>();
        } else if (name == "probability") {
            if (!value.is_number()) return wrong(name, "a number from 0 to 1");
            rule.probability = value.get<double>();
            if (!(rule.probability >= 0 && rule.probability <= 1)) {
                return wrong(name, "a number from 0 to 1");
            }
        } else {
            return wrong(name, "absent: fault, model, credential, count and probability are known");
        }
    }
    if (rule.directives.empty()) return wrong("fault", "directives, as in status=503");
    Behaviour trial;
    if (Result<void> valid = apply_directives(rule.directives, trial); !valid) {
        return fail(std::move(valid).error());
    }
    rule.id = ++last_id_;
    rules_.push_back(std::move(rule));
    return last_id_;
}

bool FaultTable::remove(std::uint64_t id) {
    return std::erase_if(rules_, [&](const Rule& rule) { return rule.id == id; }) != 0;
}

void FaultTable::apply(std::string_view credential, std::string_view model, Behaviour& behaviour) {
    for (Rule& rule : rules_) {
        if (!rule.model.empty() && rule.model != model) continue;
        if (!rule.credential.empty() && rule.credential != credential) continue;
        if (rule.left == 0U) continue;
        if (!rng_.chance(rule.probability)) continue;
        if (rule.left) --*rule.left;
        ++rule.hits;
        // Checked when the rule was made.
        static_cast<void>(apply_directives(rule.directives, behaviour));
    }
}

std::string FaultTable::json() const {
    std::string out = "{\"faults\":[";
    for (const Rule& rule : rules_) {
        append(out, &rule == rules_.data() ? "" : ",", "{\"id\":", rule.id,
               ",\"fault\":", json_string(rule.directives), ",\"model\":", json_string(rule.model),
               ",\"credential\":", json_string(rule.credential),
               ",\"left\":", rule.left ? std::to_string(*rule.left) : "null",
               ",\"hits\":", rule.hits, "}");
    }
    return out += "]}\n";
}

}  // namespace vidai::bench::mock
