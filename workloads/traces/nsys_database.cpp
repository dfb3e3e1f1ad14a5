// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/nsys_database.hpp"

#include <fmt/core.h>
#include <sqlite3.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <unordered_map>
#include <utility>

namespace aisle::workloads::traces {
namespace {

constexpr std::size_t kInMemory = std::size_t{1} << 30;
constexpr int kLongestValue = 16 << 20;
/// Steps of SQLite's machine between two rows: reading one takes tens, a page of a damaged tree
/// thousands.
constexpr int kStepsPerCall = 10'000, kCallsPerRow = 1'000;

std::string identifier(std::string_view name) {
  std::string out = "\"";
  for (const char letter : name) {
    out += letter;
    if (letter == '"') out += '"';
  }
  return out + '"';
}

/// As sqlite3 wants the name of a file that nobody else writes to.
std::string uri_of(const std::string& path) {
  std::string out = "file:";
  for (const char letter : path) {
    const auto byte = static_cast<unsigned char>(letter);
    if (std::isalnum(byte) != 0 || letter == '/' || letter == '.' || letter == '-' ||
        letter == '_') {
      out += letter;
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out + "?mode=ro&immutable=1";
}

}  // namespace

struct NsysDatabase::Impl {
  Impl(std::string name, Diagnostics& sink) : file(std::move(name)), diagnostics(sink) {}

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ~Impl() {
    sqlite3_finalize(find_string);
    sqlite3_close_v2(db);
  }

  static int watch(void* self) { return ++static_cast<Impl*>(self)->calls > kCallsPerRow ? 1 : 0; }

  sqlite3_stmt* prepare(const std::string& statement) {
    sqlite3_stmt* out = nullptr;
    calls = 0;
    if (sqlite3_prepare_v2(db, statement.c_str(), -1, &out, nullptr) != SQLITE_OK) return nullptr;
    return out;
  }

  /// Once per table: what is wrong with it.
  void complain(const std::string& table, const std::string& what) {
    if (!complained.insert(table).second) return;
    diagnostics.warning({file, 0, 0}, table, what, "export the report again with nsys export");
  }

  void harden() const {
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, kLongestValue);
    sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 1 << 20);
    sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, 50);
    sqlite3_limit(db, SQLITE_LIMIT_COLUMN, 1000);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(db, SQLITE_LIMIT_VDBE_OP, 100'000);
    sqlite3_exec(db, "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA cache_size=-16384;",
                 nullptr, nullptr, nullptr);
  }

  /// Ordinary tables only: a view or a virtual table may be an endless query.
  bool list_tables() {
    sqlite3_stmt* list = prepare(
        "SELECT name FROM sqlite_master WHERE type='table' AND rootpage>0 AND "
        "sql NOT LIKE 'CREATE VIRTUAL%' LIMIT 10000");
    if (list == nullptr) return false;
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(list)) == SQLITE_ROW) {
      const auto* text = sqlite3_column_text(list, 0);
      if (text != nullptr) tables.emplace_back(reinterpret_cast<const char*>(text));
    }
    sqlite3_finalize(list);
    std::sort(tables.begin(), tables.end());
    return code == SQLITE_DONE;
  }

  /// Looks texts up one by one where their id is the table's key, else keeps them all, up to
  /// kWindow bytes.
  void open_strings(NsysDatabase& self) {
    if (!self.has("StringIds")) return;
    sqlite3_stmt* key = prepare(
        "SELECT 1 FROM pragma_table_info('StringIds') WHERE \"name\"='id' AND \"pk\"=1 AND "
        "upper(\"type\")='INTEGER'");
    const bool is_key = key != nullptr && sqlite3_step(key) == SQLITE_ROW;
    sqlite3_finalize(key);
    if (is_key) {
      find_string = prepare("SELECT \"value\" FROM \"StringIds\" WHERE \"id\"=?");
      if (find_string == nullptr) complain("StringIds", sqlite3_errmsg(db));
      return;
    }
    Rows rows = self.select("StringIds", {"id", "value"});
    std::size_t kept = 0;
    while (rows.next() && kept < kWindow) {
      const std::string_view value = rows.text(1);
      kept += value.size() + 64;
      strings.emplace(rows.integer(0), value);
    }
  }

  std::string file;
  Diagnostics& diagnostics;
  sqlite3* db = nullptr;
  std::string image;  // of a compressed file
  std::vector<std::string> tables;
  std::set<std::string> complained;
  int calls = 0;               // of the watch since the last row
  std::int64_t rows_left = 0;  // that the file can hold
  sqlite3_stmt* find_string = nullptr;
  bool strings_open = false;
  std::unordered_map<std::int64_t, std::string> strings;
};

struct NsysDatabase::Rows::Impl {
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ~Impl() { sqlite3_finalize(statement); }

  NsysDatabase::Impl* base = nullptr;
  sqlite3_stmt* statement = nullptr;
  std::string table;
};

NsysDatabase::NsysDatabase(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

NsysDatabase::NsysDatabase(NsysDatabase&&) noexcept = default;
NsysDatabase& NsysDatabase::operator=(NsysDatabase&&) noexcept = default;
NsysDatabase::~NsysDatabase() = default;

std::optional<NsysDatabase> NsysDatabase::open(Source& source, Diagnostics& diagnostics) {
  auto impl = std::make_unique<Impl>(source.name(), diagnostics);
  constexpr int kFlags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
  std::int64_t size = 0;
  int code = SQLITE_OK;
  if (!source.plain_path().empty()) {
    std::error_code failure;
    size = static_cast<std::int64_t>(std::filesystem::file_size(source.plain_path(), failure));
    code = sqlite3_open_v2(uri_of(source.plain_path()).c_str(), &impl->db, kFlags, nullptr);
  } else {
    std::optional<std::string> image = read_all(source, kInMemory, diagnostics);
    if (!image) return std::nullopt;
    impl->image = std::move(*image);
    // A log beside the file is not at hand: byte 18 and 19 say that one is used.
    if (impl->image.size() > 20) impl->image[18] = impl->image[19] = 1;
    size = static_cast<std::int64_t>(impl->image.size());
    code = sqlite3_open_v2(":memory:", &impl->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                           nullptr);
    if (code == SQLITE_OK) {
      code = sqlite3_deserialize(impl->db, "main",
                                 reinterpret_cast<unsigned char*>(impl->image.data()), size, size,
                                 SQLITE_DESERIALIZE_READONLY);
    }
  }
  impl->rows_left = size;  // a row takes a byte at the very least
  if (code == SQLITE_OK) {
    impl->harden();
    sqlite3_progress_handler(impl->db, kStepsPerCall, &Impl::watch, impl.get());
  }
  if (code != SQLITE_OK || !impl->list_tables()) {
    diagnostics.error({source.name(), 0, 0}, "sqlite_master",
                      fmt::format("the database cannot be read: {}",
                                  impl->db != nullptr ? sqlite3_errmsg(impl->db) : "no memory"),
                      "export the report again with nsys export --type sqlite");
    return std::nullopt;
  }
  return NsysDatabase(std::move(impl));
}

const std::vector<std::string>& NsysDatabase::tables() const {
  return impl_->tables;
}

bool NsysDatabase::has(std::string_view table) const {
  return std::binary_search(impl_->tables.begin(), impl_->tables.end(), table);
}

std::vector<std::string> NsysDatabase::columns(const std::string& table) {
  std::vector<std::string> out;
  sqlite3_stmt* list = impl_->prepare("PRAGMA table_info(" + identifier(table) + ")");
  while (list != nullptr && sqlite3_step(list) == SQLITE_ROW) {
    const auto* text = sqlite3_column_text(list, 1);
    if (text != nullptr) out.emplace_back(reinterpret_cast<const char*>(text));
  }
  sqlite3_finalize(list);
  return out;
}

NsysDatabase::Rows NsysDatabase::select(const std::string& table,
                                        const std::vector<std::string>& wanted) {
  auto rows = std::make_unique<Rows::Impl>();
  rows->base = impl_.get();
  rows->table = table;
  if (!has(table)) return Rows(std::move(rows));
  const std::vector<std::string> present = columns(table);
  std::string statement;
  for (const std::string& column : wanted) {
    const bool known = std::find(present.begin(), present.end(), column) != present.end();
    statement += (statement.empty() ? "SELECT " : ", ") + (known ? identifier(column) : "NULL");
  }
  rows->statement = impl_->prepare(statement + " FROM " + identifier(table));
  if (rows->statement == nullptr) impl_->complain(table, sqlite3_errmsg(impl_->db));
  return Rows(std::move(rows));
}

std::int64_t NsysDatabase::count(const std::string& table) {
  std::int64_t out = 0;
  const std::vector<std::string> present = columns(table);
  if (present.empty()) return 0;
  Rows rows = select(table, {present.front()});
  while (rows.next()) ++out;
  return out;
}

std::string NsysDatabase::string(std::int64_t id) {
  constexpr std::size_t kKept = 100'000;
  if (!std::exchange(impl_->strings_open, true)) impl_->open_strings(*this);
  const auto known = impl_->strings.find(id);
  if (known != impl_->strings.end()) return known->second;
  if (impl_->find_string == nullptr) return {};
  std::string value;
  impl_->calls = 0;
  sqlite3_bind_int64(impl_->find_string, 1, id);
  if (sqlite3_step(impl_->find_string) == SQLITE_ROW) {
    const auto* text = sqlite3_column_text(impl_->find_string, 0);
    const int size = sqlite3_column_bytes(impl_->find_string, 0);
    if (text != nullptr) {
      value.assign(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
    }
  }
  sqlite3_reset(impl_->find_string);
  if (impl_->strings.size() > kKept) impl_->strings.clear();
  return impl_->strings.emplace(id, std::move(value)).first->second;
}

NsysDatabase::Rows::Rows(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

NsysDatabase::Rows::Rows(Rows&&) noexcept = default;
NsysDatabase::Rows& NsysDatabase::Rows::operator=(Rows&&) noexcept = default;
NsysDatabase::Rows::~Rows() = default;

bool NsysDatabase::Rows::next() {
  if (impl_->statement == nullptr) return false;
  NsysDatabase::Impl& base = *impl_->base;
  base.calls = 0;
  const int code = base.rows_left > 0 ? sqlite3_step(impl_->statement) : SQLITE_CORRUPT;
  if (code == SQLITE_ROW) {
    --base.rows_left;
    return true;
  }
  if (code != SQLITE_DONE) {
    base.complain(impl_->table,
                  fmt::format("the table ends early: {}",
                              base.rows_left > 0 ? sqlite3_errmsg(base.db)
                                                 : "it has more rows than the file can hold"));
  }
  sqlite3_finalize(std::exchange(impl_->statement, nullptr));
  return false;
}

bool NsysDatabase::Rows::is_null(int column) const {
  return sqlite3_column_type(impl_->statement, column) == SQLITE_NULL;
}

std::int64_t NsysDatabase::Rows::integer(int column, std::int64_t otherwise) const {
  return is_null(column) ? otherwise : sqlite3_column_int64(impl_->statement, column);
}

double NsysDatabase::Rows::number(int column) const {
  return sqlite3_column_double(impl_->statement, column);
}

std::string_view NsysDatabase::Rows::text(int column) const {
  const auto* text = sqlite3_column_text(impl_->statement, column);
  if (text == nullptr) return {};
  return {reinterpret_cast<const char*>(text),
          static_cast<std::size_t>(sqlite3_column_bytes(impl_->statement, column))};
}

std::string_view NsysDatabase::Rows::bytes(int column) const {
  const void* data = sqlite3_column_blob(impl_->statement, column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data),
          static_cast<std::size_t>(sqlite3_column_bytes(impl_->statement, column))};
}

}  // namespace aisle::workloads::traces
