// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/report.h"

#include <string>

namespace vidai::mesh::usage {

namespace {

const std::string& value_of(const Event& event, Field field) {
    switch (field) {
        case Field::kUser:
            return event.caller.user;
        case Field::kTeam:
            return event.caller.team;
        case Field::kProject:
            return event.caller.project;
        case Field::kKey:
            return event.caller.key.str();
        case Field::kModel:
            return event.callee.model;
        case Field::kProvider:
            return event.callee.provider;
        case Field::kTarget:
            return event.callee.target;
        case Field::kEndpoint:
            break;
    }
    return event.callee.endpoint;
}

}  // namespace

bool Report::add(const seal::PublicKey& origin, const Event& event) {
    if (event.time < query_.since || event.time >= query_.until) return false;
    if (!seen_[origin].insert(event.number)) return false;
    Sheet::Group group;
    group.reserve(query_.by.size());
    for (const Field field : query_.by) group.push_back(value_of(event, field));
    Sums one;
    one.add(event);
    sheet_.add(std::move(group), one);
    return true;
}

}  // namespace vidai::mesh::usage
