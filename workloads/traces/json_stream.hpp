// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "workloads/traces/source.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aisle::workloads::traces {

/// Walks a JSON object (or a bare array) of any length front to back. One of its members, an array
/// of records, is handed out in batches of whole records; the others come as raw text. Only the
/// batch at hand is in memory; nothing recurses. Usage:
///
///   while (true) switch (stream.next()) {
///     case batch:   parse text() as an array. Where record number `done` fails, call
///                   one_by_one(done), and the rest of the batch comes in batches of one record;
///                   a batch of one (single()) that fails is a lost record
///     case member:  name(), text()
///     case lost:    a record that cannot be had; reason() says why; count it
///     case end:     failed() tells whether there was an object or array at all
///   }
class JsonStream {
 public:
  enum class Item { batch, member, lost, end };

  /// `array` is the member that holds the records; a bare array counts as that member.
  JsonStream(Source& source, std::string array, Diagnostics& diagnostics);

  Item next();

  /// A batch as "[record, ...]", or a member's value. Another 64 bytes may be read (not used)
  /// behind it; valid until next().
  std::string_view text() const { return text_; }

  std::string_view name() const { return name_; }  ///< as in the file, without unescaping

  std::string_view reason() const { return reason_; }

  bool single() const { return single_; }

  bool failed() const { return failed_; }

  void one_by_one(std::size_t done);

  /// Where a byte of text() is in the (decompressed) file. Counts lines: for the first losses of a
  /// kind only.
  aisle::Place place(std::size_t offset) const;

 private:
  std::optional<Item> next_of_array();  // nothing: look again
  std::optional<Item> next_single();
  std::optional<Item> member();
  Item skip_record();
  Item stop(std::string sentence, std::string hint);
  bool start();
  bool more();
  bool skip_separators();
  std::size_t value_end();
  bool read_name();
  void hand_out(std::size_t begin, std::size_t end);
  void restore();
  aisle::Place place_of(std::size_t position) const;

  Source* source_;
  Diagnostics* diagnostics_;
  std::string array_, name_;
  std::string_view text_, reason_;
  std::vector<char> buffer_;
  std::size_t at_, size_;            // unread bytes of the buffer: [at_, size_)
  std::size_t begin_ = 0, end_ = 0;  // the batch at hand
  char before_ = 0, behind_ = 0;     // what its brackets stand on
  std::int64_t lines_ = 0;           // newlines before the buffer
  std::int64_t columns_ = 0;         // bytes between the last of them and the buffer
  std::size_t single_end_ = 0;
  bool started_ = false, bare_ = false, in_array_ = false, single_ = false, singles_ = false;
  bool at_end_ = false, done_ = false, failed_ = false, handed_out_ = false;
};

}  // namespace aisle::workloads::traces
