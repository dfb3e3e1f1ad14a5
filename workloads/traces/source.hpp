// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace aisle::workloads::traces {

/// Bytes that recognition sees, and the most that one record of a file may take.
inline constexpr std::size_t kHead = std::size_t{64} << 10, kWindow = std::size_t{64} << 20;

/// The bytes of one input, front to back, decompressed where it begins with gzip's magic number.
class Source {
 public:
  /// Opens a file; one that is missing, unreadable, empty or a folder is an error.
  static std::optional<Source> open(const std::string& path, Diagnostics& diagnostics);
  /// Over a text that outlives it; for tests and fuzzing. `name` is what places call it.
  static Source over(std::string_view text, std::string name);

  Source(Source&&) noexcept;
  Source& operator=(Source&&) noexcept;
  ~Source();

  const std::string& name() const { return name_; }

  /// The file as it lies on disk, where it is not compressed (SQLite opens it itself); else "".
  const std::string& plain_path() const { return plain_path_; }

  /// The first bytes, at most kHead, without consuming them.
  std::string_view head();

  /// Up to `size` further bytes; 0 at the end.
  std::size_t read(char* to, std::size_t size);

  /// Share of the input that was read, by its size on disk.
  double progress() const;

  /// The compressed stream was damaged or broke off: reading ended early.
  bool broken() const;

 private:
  struct Impl;
  Source();
  std::unique_ptr<Impl> impl_;
  std::string name_, plain_path_;
};

/// Everything that is left of a source, for formats that are small or need random access; nothing,
/// with an error, beyond `most` bytes.
std::optional<std::string> read_all(Source& source, std::size_t most, Diagnostics& diagnostics);

}  // namespace aisle::workloads::traces
