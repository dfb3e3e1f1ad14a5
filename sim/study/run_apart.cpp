// SPDX-License-Identifier: Apache-2.0
#include "sim/study/run_apart.hpp"

#include <cerrno>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

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

ApartRun run_apart(const Study& study, const topology::Catalogue& catalogue,
                   const std::function<void(const Diagnostics&)>& report) {
  constexpr int kFailed = 1, kBadInput = 2;
  int ends[2];
  if (pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    close(ends[0]);
    Diagnostics diagnostics;
    const auto result = run(study, catalogue, {}, diagnostics);
    if (report) report(diagnostics);
    const bool sent = result && result->SerializeToFileDescriptor(ends[1]);
    _exit(sent ? 0 : result ? kFailed : kBadInput);
  }
  close(ends[1]);
  const std::string bytes = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  ApartRun apart;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kFailed;
  apart.bad_input = code == kBadInput;
  pb::Result result;
  if (code == 0 && result.ParseFromString(bytes)) apart.result = std::move(result);
  return apart;
}

}  // namespace aisle::sim
