// SPDX-License-Identifier: Apache-2.0
#include "schema/yaml/yaml.h"

#include <algorithm>
#include <sstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace vidai::yaml {
namespace {

// How the handler leaves the parser; caught in parse, never seen outside.
struct Refused {
    int line;
    std::string what;
};

int line_of(const YAML::Mark& mark) {
    return mark.line + 1;
}

// Builds the tree; `open_` is the path from the root to the container being filled.
class Builder : public YAML::EventHandler {
  public:
    Node take() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (documents_++ > 0) throw Refused{line_of(mark), "a second document; one is read"};
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        plain(mark, "", anchor);
        add(mark, Node::Kind::kNull);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        throw Refused{line_of(mark), "an alias (*name); write the value out"};
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        plain(mark, tag, anchor);
        if (awaits_key()) return add_key(mark, value);
        add(mark, Node::Kind::kScalar).text = value;
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        plain(mark, tag, anchor);
        enter(mark, Node::Kind::kList);
    }
    void OnSequenceEnd() override { open_.pop_back(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        plain(mark, tag, anchor);
        enter(mark, Node::Kind::kMap);
    }
    void OnMapEnd() override { open_.pop_back(); }

  private:
    struct Open {
        Node* node;
        bool has_key;  // of a map: the next value belongs to its last member
    };

    // "?" is yaml-cpp's tag of a plain scalar, "!" of a quoted one.
    static void plain(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
        if (anchor != 0) throw Refused{line_of(mark), "an anchor (&name); write the value out"};
        if (!tag.empty() && tag != "?" && tag != "!") {
            throw Refused{line_of(mark), "a tag (" + tag + "); leave it out"};
        }
    }
    bool awaits_key() const {
        return !open_.empty() && open_.back().node->kind == Node::Kind::kMap &&
               !open_.back().has_key;
    }
    void add_key(const YAML::Mark& mark, const std::string& key) {
        Open& map = open_.back();
        if (key == "<<") throw Refused{line_of(mark), "a merge key (<<); write the values out"};
        for (const Node::Member& member : map.node->members) {
            if (member.key != key) continue;
            throw Refused{line_of(mark),
                          "'" + key + "' is already set on line " + std::to_string(member.line)};
        }
        if (map.node->members.size() >= kMembersMax) {
            throw Refused{line_of(mark), "more than " + std::to_string(kMembersMax) + " keys"};
        }
        map.node->members.push_back({key, line_of(mark), Node()});
        map.has_key = true;
    }
    Node& add(const YAML::Mark& mark, Node::Kind kind) {
        if (awaits_key()) throw Refused{line_of(mark), "a key that is not plain text"};
        Node* node = &root_;
        if (!open_.empty()) {
            Open& parent = open_.back();
            const bool map = parent.node->kind == Node::Kind::kMap;
            node = map ? &parent.node->members.back().value : &parent.node->items.emplace_back();
            parent.has_key = false;
        }
        node->kind = kind;
        node->line = line_of(mark);
        return *node;
    }
    void enter(const YAML::Mark& mark, Node::Kind kind) {
        if (open_.size() >= kDepthMax) {
            throw Refused{line_of(mark),
                          "nested more than " + std::to_string(kDepthMax) + " levels deep"};
        }
        // The pointer stays good: a parent gains no child while this one is open.
        open_.push_back({&add(mark, kind), false});
    }

    static constexpr std::size_t kMembersMax = 2048;  // the look for doubles is quadratic

    Node root_;
    std::vector<Open> open_;
    int documents_ = 0;
};

}  // namespace

const Node* Node::find(std::string_view key) const {
    const auto at = std::find_if(members.begin(), members.end(),
                                 [&](const Member& member) { return member.key == key; });
    return at == members.end() ? nullptr : &at->value;
}

Result<Node> parse(const std::string& text, const std::string& name) {
    const auto refuse = [&](int line, const std::string& what) {
        const std::string where = line > 0 ? name + ":" + std::to_string(line) : name;
        return fail(ErrorCode::kConfigInvalid, where + ": " + what, name);
    };
    try {
        std::istringstream in(text);
        YAML::Parser parser(in);
        Builder builder;
        while (parser.HandleNextDocument(builder)) {
        }
        return builder.take();
    } catch (const Refused& refused) {
        return refuse(refused.line, refused.what);
    } catch (const YAML::Exception& error) {
        return refuse(line_of(error.mark), "not valid YAML: " + error.msg);
    }
}

}  // namespace vidai::yaml
