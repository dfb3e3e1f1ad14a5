// SPDX-License-Identifier: Apache-2.0
#include "sim/study/plan_points.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace aisle::sim {

namespace {

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS operating_point (key TEXT PRIMARY KEY, system TEXT, demand TEXT, "
    "alternative TEXT, reason TEXT, chips INTEGER, tokens_per_s_per_chip REAL, power_w REAL, "
    "idle_power_w REAL, layout TEXT, bound_by TEXT, basis TEXT, version TEXT)";

}  // namespace

struct PlanStore::Impl {
  sqlite3* db = nullptr;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ~Impl() { sqlite3_close_v2(db); }

  void check(int code) const {
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
    const int reason = code == SQLITE_FULL ? ENOSPC : code == SQLITE_READONLY ? EROFS : EIO;
    throw std::system_error(reason, std::generic_category(),
                            fmt::format("the plan's database: {}", sqlite3_errmsg(db)));
  }

  /// Prepares a statement, hands it to `use` and drops it.
  template <typename Use>
  void with(const char* sql, const Use& use) const {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v2(db, sql, -1, &statement, nullptr));
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owner(statement, sqlite3_finalize);
    use(statement);
  }
};

PlanStore::PlanStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

PlanStore::PlanStore(PlanStore&&) noexcept = default;
PlanStore& PlanStore::operator=(PlanStore&&) noexcept = default;
PlanStore::~PlanStore() = default;

std::optional<PlanStore> PlanStore::open(const std::string& path, Diagnostics& diagnostics) {
  auto impl = std::make_unique<Impl>();
  std::error_code failure;
  const bool opened =
      !std::filesystem::is_directory(path, failure) &&
      sqlite3_open_v2(path.c_str(), &impl->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                      nullptr) == SQLITE_OK;
  if (!opened) {
    diagnostics.error({path, 0, 0}, {}, "cannot be opened as a database", "name another file");
    return std::nullopt;
  }
  sqlite3_busy_timeout(impl->db, 5000);
  if (sqlite3_exec(impl->db, kSchema, nullptr, nullptr, nullptr) == SQLITE_NOTADB) {
    diagnostics.error({path, 0, 0}, {}, "is no database of operating points", "name another file");
    return std::nullopt;
  }
  return PlanStore(std::move(impl));
}

std::optional<pb::PlanPoint> PlanStore::find(const std::string& key) const {
  std::optional<pb::PlanPoint> found;
  impl_->with(
      "SELECT system, demand, alternative, reason, chips, tokens_per_s_per_chip, power_w, "
      "idle_power_w, layout, bound_by, basis FROM operating_point WHERE key = ?",
      [&](sqlite3_stmt* read) {
        impl_->check(sqlite3_bind_text(read, 1, key.c_str(), -1, SQLITE_TRANSIENT));
        if (sqlite3_step(read) != SQLITE_ROW) return;
        const auto text = [&](int column) {
          const auto* bytes = sqlite3_column_text(read, column);
          return bytes == nullptr ? std::string() : reinterpret_cast<const char*>(bytes);
        };
        found.emplace();
        found->set_key(key);
        found->set_system(text(0));
        found->set_demand(text(1));
        found->set_alternative(text(2));
        if (!text(3).empty()) found->set_reason(text(3));
        found->set_chips(sqlite3_column_int(read, 4));
        found->set_tokens_per_s_per_chip(sqlite3_column_double(read, 5));
        found->set_power_w(sqlite3_column_double(read, 6));
        found->set_idle_power_w(sqlite3_column_double(read, 7));
        found->set_layout(text(8));
        found->set_bound_by(text(9));
        pb::Basis basis = pb::assumed;
        if (pb::Basis_Parse(text(10), &basis)) found->set_basis(basis);
      });
  return found;
}

void PlanStore::add(const pb::PlanPoint& point) {
  impl_->with(
      "INSERT OR REPLACE INTO operating_point VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
      [&](sqlite3_stmt* insert) {
        int at = 0;
        const auto text = [&](const std::string& value) {
          impl_->check(sqlite3_bind_text(insert, ++at, value.c_str(), -1, SQLITE_TRANSIENT));
        };
        text(point.key());
        text(point.system());
        text(point.demand());
        text(point.alternative());
        text(point.reason());
        impl_->check(sqlite3_bind_int(insert, ++at, point.chips()));
        for (const double value :
             {point.tokens_per_s_per_chip(), point.power_w(), point.idle_power_w()}) {
          impl_->check(sqlite3_bind_double(insert, ++at, value));
        }
        text(point.layout());
        text(point.bound_by());
        text(pb::Basis_Name(point.basis()));
        text(version());
        impl_->check(sqlite3_step(insert));
      });
}

}  // namespace aisle::sim
