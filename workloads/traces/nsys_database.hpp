// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "workloads/traces/source.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aisle::workloads::traces {

/// An export of Nsight Systems, read only; the one place that knows SQLite. Made for hostile files:
/// views, triggers and virtual tables are never run, values and statements are bounded, a row that
/// takes too long ends its table, and a file gives no more rows than its bytes can hold.
class NsysDatabase {
 public:
  /// A plain file is opened where it lies; a compressed one is read into memory, up to 1 GiB.
  static std::optional<NsysDatabase> open(Source& source, Diagnostics& diagnostics);

  NsysDatabase(NsysDatabase&&) noexcept;
  NsysDatabase& operator=(NsysDatabase&&) noexcept;
  ~NsysDatabase();

  /// Names of the ordinary tables, in order.
  const std::vector<std::string>& tables() const;
  bool has(std::string_view table) const;
  std::vector<std::string> columns(const std::string& table);

  /// Rows of one table: the columns asked for, those that the table lacks as NULL.
  class Rows {
   public:
    Rows(Rows&&) noexcept;
    Rows& operator=(Rows&&) noexcept;
    ~Rows();
    bool next();
    bool is_null(int column) const;
    std::int64_t integer(int column, std::int64_t otherwise = 0) const;
    double number(int column) const;
    std::string_view text(int column) const;  ///< valid until next()
    std::string_view bytes(int column) const;

   private:
    friend class NsysDatabase;
    struct Impl;
    explicit Rows(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
  };

  Rows select(const std::string& table, const std::vector<std::string>& columns);

  /// Number of rows, as far as they can be read.
  std::int64_t count(const std::string& table);

  /// The text of an entry of StringIds; "" where there is none.
  std::string string(std::int64_t id);

 private:
  struct Impl;
  explicit NsysDatabase(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aisle::workloads::traces
