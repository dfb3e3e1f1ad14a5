// SPDX-License-Identifier: Apache-2.0
#include "gui/models/sweep/sweep_data.hpp"

#include "sim/report/report.hpp"

#include <QFile>
#include <QFileInfo>
#include <sqlite3.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace aisle::gui {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr int kWaitMs = 2000;  ///< for a writer

/// A database that is only read, closed at the end of its life.
class Database {
 public:
  explicit Database(const QString& path) {
    const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path.toUtf8().constData(), &db_, flags, nullptr) == SQLITE_OK)
      sqlite3_busy_timeout(db_, kWaitMs);
  }

  ~Database() { sqlite3_close(db_); }

  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  QString error() const { return sqlite3_errmsg(db_); }

  /// Calls `row` for each row; false where the statement fails.
  template <typename Row>
  bool each(const char* sql, const Row& row) const {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr) != SQLITE_OK) return false;
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) row(statement);
    sqlite3_finalize(statement);
    return code == SQLITE_DONE;
  }

 private:
  sqlite3* db_ = nullptr;
};

QString text_at(sqlite3_stmt* statement, int column) {
  return QString::fromUtf8(reinterpret_cast<const char*>(sqlite3_column_text(statement, column)),
                           sqlite3_column_bytes(statement, column));
}

void add_value(sqlite3_stmt* statement, int at, SweepColumn& column, QHash<QString, int>& known) {
  const int type = sqlite3_column_type(statement, at);
  const bool number = type == SQLITE_INTEGER || type == SQLITE_FLOAT;
  column.numbers.push_back(number ? sqlite3_column_double(statement, at) : kNone);
  int index = -1;
  if (type == SQLITE_TEXT) {
    const QString text = text_at(statement, at);
    const auto found = known.constFind(text);
    index = found == known.constEnd() ? static_cast<int>(column.words.size()) : *found;
    if (found == known.constEnd()) {
      known.insert(text, index);
      column.words << text;
    }
  }
  column.texts.push_back(index);
}

/// Columns that are only words, or only numbers, keep one of the two.
void settle(SweepColumn& column) {
  column.numeric = column.words.isEmpty();
  if (column.numeric) {
    column.texts.clear();
    column.texts.shrink_to_fit();
    return;
  }
  // A number among texts is a text too.
  for (std::size_t row = 0; row < column.numbers.size(); ++row) {
    if (std::isnan(column.numbers[row])) continue;
    const QString text = QString::number(column.numbers[row], 'g', 12);
    qsizetype index = column.words.indexOf(text);
    if (index < 0) {
      index = column.words.size();
      column.words << text;
    }
    column.texts[row] = static_cast<int>(index);
  }
  column.numbers.clear();
  column.numbers.shrink_to_fit();
}

bool varies(const SweepColumn& column) {
  if (!column.numeric) return column.words.size() > 1;
  const auto first = std::find_if(column.numbers.begin(), column.numbers.end(),
                                  [](double value) { return !std::isnan(value); });
  return std::any_of(first, column.numbers.end(),
                     [&](double value) { return !std::isnan(value) && value != *first; });
}

}  // namespace

QString SweepColumn::text(int row) const {
  const auto at = static_cast<std::size_t>(row);
  if (!numeric) return texts[at] < 0 ? QString() : words[texts[at]];
  return std::isnan(numbers[at]) ? QString() : QString::number(numbers[at], 'g', 6);
}

const SweepColumn* SweepData::column(const QString& name) const {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const SweepColumn& each) { return each.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

QStringList SweepData::axes() const {
  QStringList names;
  for (const auto& column : columns)
    if (column.field && varies(column)) names << column.name;
  return names;
}

QStringList SweepData::metrics() const {
  QStringList names;
  for (const auto& column : columns) {
    const bool any = std::any_of(column.numbers.begin(), column.numbers.end(),
                                 [](double value) { return !std::isnan(value); });
    if (!column.field && column.numeric && any && column.name != "id" && column.name != "seed")
      names << column.name;
  }
  return names;
}

bool is_sweep(const QString& path) {
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly) || file.read(15) != "SQLite format 3") return false;
  const Database database(path);
  return database.each("SELECT id, engine, status FROM point LIMIT 1", [](auto*) {});
}

std::shared_ptr<const SweepData> read_sweep(const QString& path, Diagnostics& diagnostics) {
  const auto complain = [&](const QString& sentence) {
    diagnostics.error({path.toStdString(), 0, 0}, "", sentence.toStdString(),
                      "a sweep's database is what 'aisle sweep STUDY -o FILE' writes");
    return nullptr;
  };
  if (!QFileInfo::exists(path)) return complain("no such file");
  if (!is_sweep(path)) return complain("is no database of a sweep");
  auto data = std::make_shared<SweepData>();
  data->path = QFileInfo(path).absoluteFilePath();
  const Database database(path);
  QString error;
  const auto schema = Schema::read(&error);
  std::vector<QHash<QString, int>> known;
  QVector<int> kept;  // column of the statement for each of ours
  const bool good = database.each("SELECT * FROM point ORDER BY id, engine", [&](auto* statement) {
    if (data->columns.empty()) {
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        const QString name = sqlite3_column_name(statement, i);
        // Ids into the table of texts, which are no figures.
        if (name == "bases" || name == "caveats" || name == "version") continue;
        const bool fixed = name == "engine" || name == "seed";
        kept << i;
        data->columns.push_back({});
        data->columns.back().name = name;
        data->columns.back().field = !fixed && schema && schema->field(name) != nullptr;
      }
      known.resize(data->columns.size());
    }
    for (std::size_t i = 0; i < data->columns.size(); ++i)
      add_value(statement, kept[static_cast<qsizetype>(i)], data->columns[i], known[i]);
    ++data->rows;
  });
  if (!good) return complain("cannot be read: " + database.error());
  database.each("SELECT value FROM meta WHERE key = 'sweep'",
                [&](auto* statement) { data->study = text_at(statement, 0).section('\n', 0, 0); });
  for (auto& column : data->columns) settle(column);
  // What a reader looks for first: the axes, what became of the point, its metrics.
  const auto place = [](const SweepColumn& column) {
    if (column.field) return varies(column) ? 0 : 4;
    if (column.name == "status" || column.name == "reason") return column.name == "status" ? 1 : 3;
    return column.name == "id" || column.name == "engine" || column.name == "seed" ||
                   column.name == "wall_time_s"
               ? 4
               : 2;
  };
  std::stable_sort(data->columns.begin(), data->columns.end(),
                   [&](const SweepColumn& a, const SweepColumn& b) { return place(a) < place(b); });
  return data;
}

QString SweepColumn::title() const {
  if (field) return name.section('.', -1).replace('_', ' ');
  return QString::fromStdString(sim::describe_metric(name.toStdString(), 1).label);
}

QString SweepColumn::read(int row) const {
  const double value = numeric ? numbers[static_cast<std::size_t>(row)] : kNone;
  if (field || std::isnan(value)) return text(row);
  return QString::fromStdString(sim::describe_metric(name.toStdString(), value).value);
}

MetricScale metric_scale(const QString& metric, double typical) {
  const auto described = sim::describe_metric(metric.toStdString(), typical);
  const auto label = QString::fromStdString(described.label);
  const auto text = QString::fromStdString(described.value);
  bool is_number = false;
  const double shown = text.section(' ', 0, 0).remove(',').toDouble(&is_number);
  const QString unit = text.section(' ', 1);
  // Three digits are shown: enough to tell which unit it is.
  constexpr double kUnits[] = {1e-9,  1e-6, 1e-3, 0.01, 1,    60,  3600,
                               86400, 1e3,  1e6,  1e9,  1e12, 1e15};
  for (const double factor : kUnits)
    if (is_number && shown != 0 && std::abs(typical / shown / factor - 1) < 0.02)
      return {unit.isEmpty() ? label : QString("%1 [%2]").arg(label, unit), factor};
  return {label, 1};
}

bool larger_is_better(const QString& metric) {
  for (const auto* word : {"per_s", "mfu", "hfu", "tflops", "goodput", "headroom", "speedup",
                           "share", "busbw", "algbw", "tokens_per"})
    if (metric.contains(word)) return true;
  return false;
}

}  // namespace aisle::gui
