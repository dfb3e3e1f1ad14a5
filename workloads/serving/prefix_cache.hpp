// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

namespace aisle::workloads {

/// Blocks of cached keys and values of one engine: those of running sequences, and those of
/// prefixes that nobody uses now and that are given up when blocks run out, longest unused first.
/// Every prefix id stands for a whole prefix, so a run of known ids is a hit (a radix tree in
/// effect).
class KvBlocks {
 public:
  /// `of_prefix`: blocks of one prefix id; 0: no prefix is remembered.
  KvBlocks(std::int64_t blocks, int of_prefix) : total_(blocks), free_(blocks), of_id_(of_prefix) {}

  /// How many of these ids, from the first on, are cached.
  int known(std::span<const std::int64_t> ids) const;
  /// Keeps cached ids from being given up until they are released.
  void use(std::span<const std::int64_t> ids);
  /// Blocks of a sequence become those of an id, in use; false: another's has it already.
  bool keep(std::int64_t id);
  void release(std::span<const std::int64_t> ids);

  /// Takes blocks for a sequence, giving up unused prefixes where it must; false: there are not
  /// enough.
  bool take(std::int64_t blocks);

  void give_back(std::int64_t blocks) { free_ += blocks; }

  /// Blocks that can be taken.
  std::int64_t available() const {
    return free_ + static_cast<std::int64_t>(unused_.size()) * of_id_;
  }

  /// Blocks of sequences and of prefixes in use.
  std::int64_t in_use() const { return total_ - available(); }

 private:
  struct Entry {
    int users = 0;
    std::list<std::int64_t>::iterator unused;  ///< valid without users
  };

  std::int64_t total_, free_;
  int of_id_;
  std::unordered_map<std::int64_t, Entry> entries_;
  std::list<std::int64_t> unused_;  ///< longest unused first
};

}  // namespace aisle::workloads
