// SPDX-License-Identifier: Apache-2.0
#include "schema/yaml/yaml.h"

#include <gtest/gtest.h>

namespace vidai::yaml {
namespace {

std::string refused(const std::string& text) {
    const Result<Node> root = parse(text, "f");
    return root ? "accepted" : root.error().message;
}

TEST(Yaml, KeepsOrderLinesAndText) {
    const Result<Node> root = parse("b: 1\na:\n  - x\n  - {k: ~}\n", "f");
    ASSERT_TRUE(root) << root.error().message;
    ASSERT_EQ(root->members.size(), 2u);
    EXPECT_EQ(root->members[0].key, "b");
    EXPECT_EQ(root->members[0].value.text, "1");
    EXPECT_EQ(root->members[1].line, 2);
    const Node* list = root->find("a");
    ASSERT_NE(list, nullptr);
    ASSERT_EQ(list->items.size(), 2u);
    EXPECT_EQ(list->items[0].line, 3);
    EXPECT_EQ(list->items[1].find("k")->kind, Node::Kind::kNull);
    EXPECT_EQ(root->find("c"), nullptr);
}

TEST(Yaml, RefusesARepeatedKeyAndNamesBothLines) {
    EXPECT_EQ(refused("a: 1\nb: 2\na: 3\n"), "f:3: 'a' is already set on line 1");
    EXPECT_EQ(refused("x: {a: 1, a: 1}"), "f:1: 'a' is already set on line 1");
    EXPECT_EQ(refused("x: {a: 1}\ny: {a: 1}"), "accepted");
}

TEST(Yaml, RefusesAnchorsAliasesMergeKeysAndTags) {
    EXPECT_EQ(refused("a: &x 1\n"), "f:1: an anchor (&name); write the value out");
    EXPECT_EQ(refused("a: &x {b: 1}\n"), "f:1: an anchor (&name); write the value out");
    EXPECT_EQ(refused("a: *x\n").substr(0, 3), "f:1");
    EXPECT_EQ(refused("a: {<<: {b: 1}}\n"), "f:1: a merge key (<<); write the values out");
    EXPECT_EQ(refused("a: !!binary xyz\n").substr(0, 10), "f:1: a tag");
}

TEST(Yaml, RefusesTooDeepNestingWithoutRecursing) {
    EXPECT_EQ(refused(std::string(32, '[') + std::string(32, ']')), "accepted");
    EXPECT_EQ(refused(std::string(33, '[') + std::string(33, ']')),
              "f:1: nested more than 32 levels deep");
    EXPECT_NE(refused(std::string(100'000, '[')), "accepted");
    EXPECT_NE(refused(std::string(100'000, '{')), "accepted");
    std::string blocks;
    for (int i = 0; i < 1'000; ++i) blocks += "- ";
    EXPECT_EQ(refused(blocks), "f:1: nested more than 32 levels deep");
}

TEST(Yaml, RefusesASecondDocumentAndOddKeys) {
    EXPECT_EQ(refused("a: 1\n---\nb: 2\n"), "f:2: a second document; one is read");
    EXPECT_EQ(refused("? [a]\n: 1\n"), "f:1: a key that is not plain text");
    EXPECT_EQ(refused("~: 1\n"), "f:1: a key that is not plain text");
}

TEST(Yaml, NamesTheLineOfASyntaxError) {
    EXPECT_EQ(refused("a: 1\nb: [1\n").substr(0, 20), "f:3: not valid YAML:");
    EXPECT_NE(refused("a: b: c"), "accepted");
    EXPECT_NE(refused("\t- a"), "accepted");
}

}  // namespace
}  // namespace vidai::yaml
