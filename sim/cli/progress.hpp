// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>

namespace aisle::cli {

/// One line on a terminal, line after line elsewhere, with the time that the stage still takes.
class ProgressLine {
 public:
  ProgressLine();
  void show(const std::string& stage, std::int64_t done, std::int64_t all,
            const std::string& more = {});
  void end() const;

 private:
  std::string stage_;
  std::chrono::steady_clock::time_point began_, shown_;
  const bool terminal_;
  bool any_ = false;
};

/// While it lives, the first Ctrl-C asks the work to stop and the second ends the program.
class Interruptible {
 public:
  Interruptible();
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

  static const std::atomic<bool>* asked();

 private:
  void (*before_)(int);
};

}  // namespace aisle::cli
