// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_store.hpp"

#include "sim/base/csv.hpp"
#include "sim/base/hash.hpp"
#include "sim/base/json.hpp"
#include "sim/study/scenario.pb.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sqlite3.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <fcntl.h>
#include <filesystem>
#include <limits>
#include <map>
#include <sys/file.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace aisle::sim {

namespace {

constexpr const char* kFixed[] = {"id",      "engine", "status",  "reason",     "seed",
                                  "version", "bases",  "caveats", "wall_time_s"};
constexpr const char* kSchema =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);"
    "CREATE TABLE text (id INTEGER PRIMARY KEY, text TEXT);"
    "CREATE TABLE point (id INTEGER, engine TEXT, status TEXT, reason TEXT, seed INTEGER, version "
    "TEXT, bases INTEGER, caveats INTEGER, wall_time_s REAL, PRIMARY KEY (id, engine));"
    "CREATE TABLE result (id INTEGER, engine TEXT, bytes BLOB, PRIMARY KEY (id, engine));";

std::string quoted(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

/// Points that are in a database stay there whatever happened to the next one.
std::string said_of(sqlite3* db, const std::string& what) {
  const char* file = sqlite3_db_filename(db, "main");
  return fmt::format("{}: {}; what is in it stays, and --resume goes on when that is mended",
                     file == nullptr ? "the sweep's database" : file, what);
}

/// A statement with its values; one row at a time.
class Statement {
 public:
  Statement(sqlite3* db, const std::string& sql) : db_(db) {
    check(sqlite3_prepare_v2(db, sql.c_str(), -1, &statement_, nullptr));
  }

  ~Statement() { sqlite3_finalize(statement_); }

  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  void bind(int at, const std::string& text) {
    check(sqlite3_bind_text(statement_, at, text.data(), static_cast<int>(text.size()),
                            SQLITE_TRANSIENT));
  }

  void bind(int at, std::int64_t number) { check(sqlite3_bind_int64(statement_, at, number)); }

  void bind(int at, double number) {
    // SQLite has no NaN; what is none stays NULL.
    if (std::isfinite(number)) check(sqlite3_bind_double(statement_, at, number));
  }

  void bind_blob(int at, const std::string& bytes) {
    check(sqlite3_bind_blob(statement_, at, bytes.data(), static_cast<int>(bytes.size()),
                            SQLITE_TRANSIENT));
  }

  bool step() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) check(code);
    return false;
  }

  std::string text(int column) const {
    const auto* bytes = sqlite3_column_text(statement_, column);
    return bytes == nullptr ? std::string() : reinterpret_cast<const char*>(bytes);
  }

  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }

  double real(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL
               ? std::numeric_limits<double>::quiet_NaN()
               : sqlite3_column_double(statement_, column);
  }

  std::string blob(int column) const {
    const void* bytes = sqlite3_column_blob(statement_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
  }

 private:
  void check(int code) {
    if (code == SQLITE_OK) return;
    const int reason = code == SQLITE_FULL ? ENOSPC : code == SQLITE_READONLY ? EROFS : EIO;
    throw std::system_error(reason, std::generic_category(), said_of(db_, sqlite3_errmsg(db_)));
  }

  sqlite3* db_;
  sqlite3_stmt* statement_ = nullptr;
};

std::string compressed(const std::string& bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  std::string out(size, '\0');
  compress2(reinterpret_cast<Bytef*>(out.data()), &size,
            reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uLong>(bytes.size()), 6);
  out.resize(size);
  return out;
}

/// Nothing for bytes that are damaged.
std::optional<std::string> decompressed(const std::string& bytes) {
  std::string out(bytes.size() * 4 + 1024, '\0');
  constexpr std::size_t kMost = std::size_t{1} << 30;
  for (; out.size() <= kMost; out.resize(out.size() * 2)) {
    uLongf size = out.size();
    const int code = uncompress(reinterpret_cast<Bytef*>(out.data()), &size,
                                reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
    if (code == Z_BUF_ERROR) continue;
    if (code != Z_OK) return std::nullopt;
    out.resize(size);
    return out;
  }
  return std::nullopt;
}

/// Paths of fields have points, names of metrics none.
bool is_field(const std::string& name) {
  return name.find('.') != std::string::npos;
}

/// A document as one line.
std::string line_of(JsonWriter& json) {
  std::string line = json.take();
  line.erase(std::remove(line.begin(), line.end(), '\n'), line.end());
  return line;
}

/// The whole result as it is kept: no columns over time, and nothing that differs between equal
/// runs.
std::string kept(const pb::Result& result) {
  pb::Result lean = result;
  lean.clear_timeline();
  lean.clear_requests();
  lean.clear_series();
  lean.clear_wall_time_s();
  return compressed(lean.SerializeAsString());
}

std::string bases_of(const pb::Result& result) {
  JsonWriter json(0);
  json.begin_object();
  for (const pb::Metric& metric : result.metric()) {
    json.key(metric.name()).value(pb::Basis_Name(metric.basis()));
  }
  json.end_object();
  return line_of(json);
}

std::string caveats_of(const pb::Result& result) {
  JsonWriter json(0);
  json.begin_array();
  for (const std::string& caveat : result.caveat()) json.value(caveat);
  json.end_array();
  return line_of(json);
}

}  // namespace

struct SweepStore::Impl {
  sqlite3* db = nullptr;
  int lock = -1;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ~Impl() {
    sqlite3_close_v2(db);
    if (lock >= 0) ::close(lock);
  }

  void run(const std::string& sql) const {
    char* message = nullptr;
    const int code = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message);
    const std::string said = message == nullptr ? "" : message;
    sqlite3_free(message);
    if (code == SQLITE_OK) return;
    throw std::system_error(code == SQLITE_FULL ? ENOSPC : EIO, std::generic_category(),
                            said_of(db, said));
  }

  std::vector<std::string> columns(const char* schema = "main") const {
    std::vector<std::string> names;
    Statement list(db, fmt::format("SELECT name FROM pragma_table_info('point', '{}')", schema));
    while (list.step()) names.push_back(list.text(0));
    return names;
  }

  std::int64_t text_id(const std::string& text) const {
    // By content, so that it does not hang on the order in which points end.
    const auto id = static_cast<std::int64_t>(text_hash(text) >> 1U);
    Statement insert(db, "INSERT OR IGNORE INTO text VALUES (?, ?)");
    insert.bind(1, id);
    insert.bind(2, text);
    insert.step();
    return id;
  }

  void need(const std::vector<std::string>& wanted) {
    if (known.empty()) {
      for (const std::string& name : columns()) known.insert(name);
    }
    for (const std::string& name : wanted) {
      if (known.insert(name).second) run("ALTER TABLE point ADD COLUMN " + quoted(name));
    }
  }

  std::set<std::string> known;  ///< columns of points
};

SweepStore::SweepStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

SweepStore::SweepStore(SweepStore&&) noexcept = default;
SweepStore& SweepStore::operator=(SweepStore&&) noexcept = default;
SweepStore::~SweepStore() = default;

namespace {

/// The lock of the one writer; -1: another still has it after so many seconds. A writer that was
/// killed may take a moment.
int locked(const std::string& path, double patience_s) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) { throw std::system_error(errno, std::generic_category(), "cannot write " + path); }
  for (double waited = 0; waited < patience_s; waited += 0.1) {
    if (flock(file, LOCK_EX | LOCK_NB) == 0) return file;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  ::close(file);
  return -1;
}

}  // namespace

std::optional<SweepStore> SweepStore::open(const std::string& path, const std::string& sweep,
                                           bool resume, double patience_s,
                                           Diagnostics& diagnostics) {
  std::error_code failure;
  const auto refuse = [&](std::string sentence, std::string hint) {
    diagnostics.error({path, 0, 0}, {}, std::move(sentence), std::move(hint));
    return std::nullopt;
  };
  const bool there = std::filesystem::exists(path, failure);
  if (std::filesystem::is_directory(path, failure)) return refuse("is a folder", "name a file");
  if (there && !resume && std::filesystem::file_size(path, failure) > 0) {
    return refuse("is there already", "go on with it by --resume, or name another file");
  }
  auto impl = std::make_unique<Impl>();
  impl->lock = locked(path, patience_s);
  if (impl->lock < 0) {
    return refuse("is being written by another process", "wait for it, or name another file");
  }
  const bool fresh = std::filesystem::file_size(path, failure) == 0;
  if (sqlite3_open_v2(path.c_str(), &impl->db, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) {
    return refuse("cannot be opened as a database", "");
  }
  sqlite3_busy_timeout(impl->db, 5000);
  SweepStore store(std::move(impl));
  if (fresh) {
    store.impl_->run("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; BEGIN;");
    store.impl_->run(kSchema);
    Statement insert(store.impl_->db, "INSERT INTO meta VALUES ('sweep', ?)");
    insert.bind(1, sweep);
    insert.step();
    store.impl_->run("COMMIT");
    return store;
  }
  if (sqlite3_exec(store.impl_->db, "SELECT id, engine FROM point LIMIT 1", nullptr, nullptr,
                   nullptr) != SQLITE_OK) {
    return refuse("is no database of a sweep", "name another file");
  }
  store.impl_->run("PRAGMA synchronous=NORMAL");
  if (store.sweep() != sweep) {
    return refuse("is of another sweep: its study or its version of Aisle differs",
                  "name another file");
  }
  return store;
}

std::optional<SweepStore> SweepStore::read(const std::string& path, Diagnostics& diagnostics) {
  auto impl = std::make_unique<Impl>();
  std::error_code failure;
  const bool opened =
      std::filesystem::is_regular_file(path, failure) &&
      sqlite3_open_v2(path.c_str(), &impl->db, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK &&
      sqlite3_exec(impl->db, "SELECT id, engine FROM point LIMIT 1", nullptr, nullptr, nullptr) ==
          SQLITE_OK;
  if (!opened) {
    diagnostics.error(
        {path, 0, 0}, {},
        std::filesystem::exists(path, failure) ? "is no database of a sweep" : "no such file",
        "name one that `aisle sweep` wrote");
    return std::nullopt;
  }
  return SweepStore(std::move(impl));
}

std::string SweepStore::sweep() const {
  Statement read(impl_->db, "SELECT value FROM meta WHERE key = 'sweep'");
  return read.step() ? read.text(0) : std::string();
}

std::set<std::int64_t> SweepStore::ids(pb::Engine engine) const {
  std::set<std::int64_t> ids;
  Statement read(impl_->db, "SELECT id FROM point WHERE engine = ?");
  read.bind(1, pb::Engine_Name(engine));
  while (read.step()) ids.insert(read.integer(0));
  return ids;
}

void SweepStore::add(const SweepRow& row, bool blob) {
  std::vector<std::string> fields, metrics;
  for (const auto& [path, value] : row.point.fields) fields.push_back(path);
  std::map<std::string, double> values;
  for (const pb::Metric& metric : row.result.metric()) values[metric.name()] = metric.value();
  for (const auto& [name, value] : values) metrics.push_back(name);
  impl_->run("BEGIN");
  impl_->need(fields);
  impl_->need(metrics);
  std::vector<std::string> names(std::begin(kFixed), std::end(kFixed));
  std::vector<std::pair<std::string, std::string>> extra;
  for (const auto& field : row.point.fields) {
    if (std::find(names.begin(), names.end(), field.first) == names.end()) extra.push_back(field);
  }
  std::vector<std::string> list;
  for (const std::string& name : names) list.push_back(quoted(name));
  for (const auto& [name, value] : extra) list.push_back(quoted(name));
  for (const auto& [name, value] : values) list.push_back(quoted(name));
  std::string marks = "?";
  for (std::size_t i = 1; i < list.size(); ++i) marks += ",?";
  Statement insert(impl_->db, fmt::format("INSERT OR REPLACE INTO point ({}) VALUES ({})",
                                          fmt::join(list, ","), marks));
  const std::string engine = pb::Engine_Name(row.result.engine());
  insert.bind(1, row.point.id);
  insert.bind(2, engine);
  insert.bind(3, row.status);
  insert.bind(4, row.reason);
  insert.bind(5, static_cast<std::int64_t>(row.result.scenario().seed()));
  insert.bind(6, version());
  insert.bind(7, impl_->text_id(bases_of(row.result)));
  insert.bind(8, impl_->text_id(caveats_of(row.result)));
  insert.bind(9, row.result.wall_time_s());
  int at = static_cast<int>(std::size(kFixed));
  for (const auto& [name, text] : extra) {
    const auto number = plain_number(text);
    if (number && *number == std::floor(*number) && std::abs(*number) < 1e15) {
      insert.bind(++at, static_cast<std::int64_t>(*number));
    } else if (number) {
      insert.bind(++at, *number);
    } else {
      insert.bind(++at, text);
    }
  }
  for (const auto& [name, value] : values) insert.bind(++at, value);
  insert.step();
  if (blob && row.status != "failed") {
    Statement bytes(impl_->db, "INSERT OR REPLACE INTO result VALUES (?, ?, ?)");
    bytes.bind(1, row.point.id);
    bytes.bind(2, engine);
    bytes.bind_blob(3, kept(row.result));
    bytes.step();
  }
  impl_->run("COMMIT");
}

void SweepStore::add_all(const SweepStore& other) {
  const std::string file = sqlite3_db_filename(other.impl_->db, "main");
  Statement attach(impl_->db, "ATTACH ? AS other");
  attach.bind(1, file);
  attach.step();
  const std::vector<std::string> names = impl_->columns("other");
  impl_->run("BEGIN");
  impl_->need(names);
  std::vector<std::string> list;
  for (const std::string& name : names) list.push_back(quoted(name));
  impl_->run(
      fmt::format("INSERT OR IGNORE INTO point ({0}) SELECT {0} FROM other.point;"
                  "INSERT OR IGNORE INTO text SELECT * FROM other.text;"
                  "INSERT OR IGNORE INTO result SELECT * FROM other.result;COMMIT;",
                  fmt::join(list, ",")));
  impl_->run("DETACH other");
}

void SweepStore::finish() {
  const std::vector<std::string> names = impl_->columns();
  const auto behind = names.begin() + static_cast<std::ptrdiff_t>(std::size(kFixed));
  std::vector<std::string> sorted = names;
  std::sort(sorted.begin() + (behind - names.begin()), sorted.end(),
            [](const std::string& a, const std::string& b) {
              return std::pair(!is_field(a), a) < std::pair(!is_field(b), b);
            });
  if (sorted != names) {
    std::vector<std::string> fixed, list;
    for (const std::string& name : sorted) list.push_back(quoted(name));
    const std::vector<std::string> more(list.begin() + (behind - names.begin()), list.end());
    impl_->run(fmt::format(
        "BEGIN;CREATE TABLE sorted (id INTEGER, engine TEXT, status TEXT, reason TEXT, seed "
        "INTEGER, version TEXT, bases INTEGER, caveats INTEGER, wall_time_s REAL, {0}, PRIMARY KEY "
        "(id, engine));INSERT INTO sorted SELECT {1} FROM point ORDER BY id, engine;DROP TABLE "
        "point;ALTER TABLE sorted RENAME TO point;COMMIT;",
        fmt::join(more, ","), fmt::join(list, ",")));
  }
  impl_->run("PRAGMA wal_checkpoint(TRUNCATE)");
}

std::int64_t SweepStore::count(const std::string& status) const {
  Statement read(impl_->db, "SELECT count(*) FROM point WHERE status = ?");
  read.bind(1, status);
  return read.step() ? read.integer(0) : 0;
}

std::vector<std::int64_t> SweepStore::best(const std::string& metric, bool larger, int count,
                                           pb::Engine engine) const {
  const std::vector<std::string> names = impl_->columns();
  if (std::find(names.begin(), names.end(), metric) == names.end()) return {};
  Statement read(impl_->db,
                 fmt::format("SELECT id FROM point WHERE engine = ? AND status = 'done' AND {0} IS "
                             "NOT NULL ORDER BY {0} {1}, id LIMIT ?",
                             quoted(metric), larger ? "DESC" : "ASC"));
  read.bind(1, pb::Engine_Name(engine));
  read.bind(2, static_cast<std::int64_t>(count));
  std::vector<std::int64_t> ids;
  while (read.step()) ids.push_back(read.integer(0));
  return ids;
}

SweepTable SweepStore::table() const {
  SweepTable table;
  std::vector<std::string> list;
  for (const std::string& name : impl_->columns()) {
    if (std::find(std::begin(kFixed), std::end(kFixed), name) != std::end(kFixed)) continue;
    (is_field(name) ? table.fields : table.metrics).push_back(name);
  }
  for (const std::string& name : table.fields) list.push_back(", " + quoted(name));
  for (const std::string& name : table.metrics) list.push_back(", " + quoted(name));
  Statement read(impl_->db, fmt::format("SELECT id, engine, status, reason, bases{} FROM point "
                                        "ORDER BY id, engine",
                                        fmt::join(list, "")));
  while (read.step()) {
    SweepTable::Row row{read.integer(0), read.text(1), read.text(2), read.text(3), {}, {},
                        read.integer(4)};
    int column = 5;
    for (std::size_t i = 0; i < table.fields.size(); ++i) row.fields.push_back(read.text(column++));
    for (std::size_t i = 0; i < table.metrics.size(); ++i) {
      row.metrics.push_back(read.real(column++));
    }
    table.rows.push_back(std::move(row));
  }
  Statement bases(impl_->db,
                  "SELECT t.id, j.key, j.value FROM text t, json_each(t.text) j WHERE t.id IN "
                  "(SELECT bases FROM point)");
  while (bases.step()) table.bases[bases.integer(0)][bases.text(1)] = bases.text(2);
  return table;
}

int SweepTable::metric(const std::string& name) const {
  const auto at = std::find(metrics.begin(), metrics.end(), name);
  return at == metrics.end() ? -1 : static_cast<int>(at - metrics.begin());
}

std::optional<pb::Result> SweepStore::result(std::int64_t id, const std::string& engine) const {
  Statement read(impl_->db, "SELECT bytes FROM result WHERE id = ? AND engine = ?");
  read.bind(1, id);
  read.bind(2, engine);
  if (!read.step()) return std::nullopt;
  const auto bytes = decompressed(read.blob(0));
  pb::Result result;
  if (!bytes || !result.ParseFromString(*bytes)) return std::nullopt;
  return result;
}

}  // namespace aisle::sim
