// SPDX-License-Identifier: Apache-2.0
#include "sim/study/search.hpp"

#include <cerrno>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace aisle::sim {

namespace {

std::string read_all(int descriptor) {
  std::string bytes;
  char buffer[65536];
  for (ssize_t got = 0; (got = read(descriptor, buffer, sizeof buffer)) > 0;) {
    bytes.append(buffer, static_cast<std::size_t>(got));
  }
  return bytes;
}

}  // namespace

std::optional<pb::Result> run_apart(const Study& study, const topology::Catalogue& catalogue) {
  int ends[2];
  if (pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    close(ends[0]);
    Diagnostics diagnostics;
    auto result = sim::run(study, catalogue, {}, diagnostics);
    _exit(result && result->SerializeToFileDescriptor(ends[1]) ? 0 : 1);
  }
  close(ends[1]);
  const std::string bytes = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  pb::Result result;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !result.ParseFromString(bytes)) {
    return std::nullopt;
  }
  return result;
}

}  // namespace aisle::sim
