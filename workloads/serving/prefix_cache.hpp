// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

namespace aisle::workloads {

/// Cache outside the accelerators: prefixes that fell out of a faster tier, and sequences that were
/// moved aside. What is longest unused falls to the tier below, or is lost.
class CacheTier {
 public:
  explicit CacheTier(std::int64_t tokens = 0, CacheTier* below = nullptr)
      : free_(tokens), below_(below) {}

  bool contains(std::int64_t id) const { return entries_.contains(id); }

  CacheTier* below() const { return below_; }

  /// Keeps a prefix of so many tokens as the one used last.
  void put(std::int64_t id, int tokens);

  /// Room for a sequence, at the cost of prefixes; false: there is not enough.
  bool reserve(std::int64_t tokens);

  void give_back(std::int64_t tokens) {
    free_ += tokens;
    reserved_ -= tokens;
  }

  std::int64_t reserved() const { return reserved_; }

  /// Loses all prefixes.
  void forget();

 private:
  struct Entry {
    std::list<std::int64_t>::iterator place;
    int tokens;
  };

  void make_room(std::int64_t tokens);

  std::int64_t free_, reserved_ = 0, kept_ = 0;  ///< tokens
  CacheTier* below_;
  std::unordered_map<std::int64_t, Entry> entries_;
  std::list<std::int64_t> order_;  ///< longest unused first
};

/// Blocks of cached keys and values of one attention group: those of running sequences, and those
/// of prefixes that nobody uses now and that are given up when blocks run out, longest unused
/// first. Every prefix id stands for a whole prefix, so a run of known ids is a hit (a radix tree
/// in effect).
class KvBlocks {
 public:
  /// `of_prefix`: blocks of one prefix id; 0: no prefix is remembered.
  KvBlocks(std::int64_t blocks, int of_prefix, int block_tokens = 16)
      : total_(blocks), free_(blocks), of_id_(of_prefix), block_tokens_(block_tokens) {}

  /// Prefixes that are given up go there from now on.
  void spill_to(CacheTier& tier) { spill_ = &tier; }

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

  int of_prefix() const { return of_id_; }

  /// Loses the prefixes that nobody uses.
  void forget();

 private:
  struct Entry {
    int users = 0;
    std::list<std::int64_t>::iterator unused;  ///< valid without users
  };

  std::int64_t total_, free_;
  int of_id_, block_tokens_;
  CacheTier* spill_ = nullptr;
  std::unordered_map<std::int64_t, Entry> entries_;
  std::list<std::int64_t> unused_;  ///< longest unused first
};

/// A way that takes one transfer after the other.
struct CacheLink {
  double token_s = 0;  ///< for the cache of one token
  double free_at = 0;

  /// Books it from `now` on; when the transfer ends.
  double book(double now, double tokens) {
    if (now > free_at) free_at = now;
    return free_at += tokens * token_s;
  }
};

/// The cache of one attention group, what lies behind it, and the ways between.
struct KvStore {
  KvStore(const KvBlocks& held, const CacheTier& behind) : host(behind), blocks(held) {
    blocks.spill_to(host);
  }

  KvStore(const KvStore&) = delete;
  KvStore& operator=(const KvStore&) = delete;

  void forget() {
    blocks.forget();
    host.forget();
  }

  CacheTier host;
  KvBlocks blocks;
  CacheLink from_host, from_pool, network;
};

}  // namespace aisle::workloads
