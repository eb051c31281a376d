// SPDX-License-Identifier: Apache-2.0
#include "bench/load/watch.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace vidai::bench::load {

Result<std::uint64_t> cpu_ns(std::span<const int> pids) {
    std::uint64_t sum = 0;
    for (const int pid : pids) {
        const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
        std::error_code error;
        for (const auto& task : std::filesystem::directory_iterator(tasks, error)) {
            std::ifstream file(task.path() / "schedstat");
            std::uint64_t on_cpu = 0;
            if (file >> on_cpu) sum += on_cpu;
        }
        if (error) {
            return fail(ErrorCode::kNotFound,
                        "process " + std::to_string(pid) + ": no such process, or not ours");
        }
    }
    return sum;
}

}  // namespace vidai::bench::load
