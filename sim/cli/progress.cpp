// SPDX-License-Identifier: Apache-2.0
#include "sim/cli/progress.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace aisle::cli {

namespace {

std::atomic<bool> stopped{false};

void stop(int /*signal*/) {
  stopped = true;
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO) != 0) {}

void ProgressLine::show(const std::string& stage, std::int64_t done, std::int64_t all,
                        const std::string& more) {
  const auto now = std::chrono::steady_clock::now();
  if (stage != stage_) {
    stage_ = stage;
    began_ = now;
    shown_ = {};
  }
  if (done != all && now - shown_ < std::chrono::milliseconds(200)) return;
  shown_ = now;
  const double passed = std::chrono::duration<double>(now - began_).count();
  const double left = passed * static_cast<double>(all - done) /
                      static_cast<double>(std::max<std::int64_t>(1, done));
  fmt::print(stderr, "{}aisle: {} {}/{}, {:.0f} s to go{}{}", terminal_ ? "\r\033[K" : "", stage,
             done, all, left, more, terminal_ ? "" : "\n");
  std::fflush(stderr);
  any_ = terminal_;
}

void ProgressLine::end() const {
  if (any_) fmt::print(stderr, "\r\033[K");
}

Interruptible::Interruptible() : before_(std::signal(SIGINT, stop)) {
  stopped = false;
}

Interruptible::~Interruptible() {
  std::signal(SIGINT, before_);
}

const std::atomic<bool>* Interruptible::asked() {
  return &stopped;
}

}  // namespace aisle::cli
