// SPDX-License-Identifier: Apache-2.0
#include "node/config/system.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace vidai::node::config {
namespace {

TEST(System, ReadsAWholeFileUpToItsBound) {
    const std::filesystem::path path = std::filesystem::temp_directory_path() /
                                       ("vidai_system_test." + std::to_string(::getpid()));
    std::ofstream(path) << "12345";
    EXPECT_EQ(*read_file(path, 5), "12345");
    EXPECT_THAT(read_file(path, 4).error().message, testing::HasSubstr("longer than 4 bytes"));
    std::filesystem::remove(path);
    const Result<std::string> gone = read_file(path, 5);
    EXPECT_EQ(gone.error().code, ErrorCode::kIo);
    EXPECT_THAT(gone.error().message, testing::HasSubstr(path.string()));
    EXPECT_EQ(read_file("/", 5).error().code, ErrorCode::kIo);
}

TEST(System, BoundsAnEndlessFile) {
    EXPECT_THAT(read_file("/dev/zero", 1000).error().message, testing::HasSubstr("longer than"));
}

TEST(System, SeesTheEnvironment) {
    ASSERT_EQ(::setenv("VIDAI_SYSTEM_TEST", "a=b", 1), 0);  // NOLINT(concurrency-mt-unsafe)
    EXPECT_EQ(environment().at("VIDAI_SYSTEM_TEST"), "a=b");
}

}  // namespace
}  // namespace vidai::node::config
