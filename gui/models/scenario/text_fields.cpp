// SPDX-License-Identifier: Apache-2.0
#include "gui/models/scenario/text_fields.hpp"

#include <QHash>
#include <QStringList>

#include <algorithm>

namespace aisle::gui {

namespace {

/// Reads text format as far as where fields begin and end goes; what they mean is the parser's.
class Scanner {
 public:
  explicit Scanner(const QString& text) : text_(text) {}

  QVector<TextField> run() {
    group({}, false);
    return fields_;
  }

 private:
  bool atEnd() const { return at_ >= text_.size(); }

  QChar here() const { return text_[at_]; }

  void blanks() {
    while (!atEnd()) {
      if (here() == '#')
        while (!atEnd() && here() != '\n') ++at_;
      else if (here().isSpace())
        line_ += here() == '\n' ? (++at_, 1) : (++at_, 0);
      else
        return;
    }
  }

  static bool is_word(QChar c) {
    return c.isLetterOrNumber() || c == '_' || c == '.' || c == '-' || c == '+';
  }

  bool word() {
    const qsizetype from = at_;
    while (!atEnd() && is_word(here())) ++at_;
    return at_ > from;
  }

  /// One or more texts side by side, which are one value.
  bool texts() {
    qsizetype last = at_;
    int last_line = line_;
    bool any = false;
    while (!atEnd() && (here() == '"' || here() == '\'')) {
      const QChar quote = here();
      for (++at_; !atEnd() && here() != quote && here() != '\n'; ++at_)
        if (here() == '\\') ++at_;
      if (atEnd() || here() == '\n') return false;
      last = ++at_;
      last_line = line_;
      any = true;
      blanks();
    }
    at_ = last;
    line_ = last_line;
    return any;
  }

  bool list() {
    int depth = 0;
    for (; !atEnd(); blanks()) {
      if (here() == '"' || here() == '\'') {
        if (!texts()) return false;
        continue;
      }
      depth += here() == '[' || here() == '{' ? 1 : here() == ']' || here() == '}' ? -1 : 0;
      ++at_;
      if (depth == 0) return true;
    }
    return false;
  }

  /// Fields up to the closing brace, or the end of the text.
  bool group(const QString& prefix, bool braces) {
    QHash<QString, QVector<qsizetype>> named;  // fields of a name
    bool good = true;
    for (blanks(); good && !atEnd() && here() != '}'; blanks()) good = field(prefix, named);
    if (good && braces && !atEnd()) ++at_;
    return good && (!braces || text_[at_ - 1] == '}');
  }

  bool field(const QString& prefix, QHash<QString, QVector<qsizetype>>& named) {
    const qsizetype begin = at_;
    const int line = line_;
    if (!word()) return false;
    const QString name = text_.mid(begin, at_ - begin);
    auto& before = named[name];
    // A second of the name makes the first one number 0.
    if (before.size() == 1) renumber(before.first(), prefix + name);
    const QString path =
        before.isEmpty() ? prefix + name : QString("%1%2[%3]").arg(prefix, name).arg(before.size());
    const qsizetype index = fields_.size();
    before << index;
    blanks();
    if (!atEnd() && here() == ':') {
      ++at_;
      blanks();
    }
    if (atEnd()) return false;
    fields_.push_back({path, begin, begin, at_, at_, here() == '{', line});
    const bool good = value(path);
    fields_[index].value_end = fields_[index].end = at_;
    blanks();
    if (good && !atEnd() && (here() == ',' || here() == ';')) fields_[index].end = ++at_;
    return good;
  }

  bool value(const QString& path) {
    if (here() == '{') {
      ++at_;
      return group(path + ".", true);
    }
    if (here() == '[') return list();
    if (here() == '"' || here() == '\'') return texts();
    return word();
  }

  void renumber(qsizetype first, const QString& path) {
    for (qsizetype i = first; i < fields_.size(); ++i) {
      QString& own = fields_[i].path;
      if (own == path || own.startsWith(path + ".")) own.insert(path.size(), "[0]");
    }
  }

  const QString& text_;
  qsizetype at_ = 0;
  int line_ = 1;
  QVector<TextField> fields_;
};

const TextField* at_path(const QVector<TextField>& fields, const QString& path) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const TextField& field) { return field.path == path; });
  return found == fields.end() ? nullptr : &*found;
}

/// "scale_out { nic: X }" for the steps of a path.
QString nested(const QStringList& steps, const QString& value) {
  const auto name = [](const QString& step) { return step.section('[', 0, 0); };
  QString out = name(steps.last());
  out += value.startsWith('{') ? " " + value : ": " + value;
  for (qsizetype i = steps.size() - 2; i >= 0; --i) out = name(steps[i]) + " { " + out + " }";
  return out;
}

QString insert_into(const QString& text, const TextField& group, const QString& field) {
  const qsizetype brace = group.value_end - 1;
  const qsizetype line = text.lastIndexOf('\n', brace) + 1;
  const QString before = text.mid(line, brace - line);
  QString out = text;
  // A brace that starts its line closes a group of lines: one more.
  if (before.trimmed().isEmpty() && line > 0) return out.insert(line, before + "  " + field + "\n");
  const bool blank = brace > 0 && text[brace - 1].isSpace();
  return out.insert(brace, (blank ? "" : " ") + field + " ");
}

}  // namespace

QVector<TextField> scan_fields(const QString& text) {
  return Scanner(text).run();
}

QString quoted(const QString& value) {
  QString out = value;
  out.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
  return '"' + out + '"';
}

QString plain_value(const QString& text, const TextField& field) {
  QString value = text.mid(field.value_begin, field.value_end - field.value_begin);
  if (!value.startsWith('"') && !value.startsWith('\'')) return value;
  QString out;
  QChar quote;
  for (qsizetype i = 0; i < value.size(); ++i) {
    const QChar c = value[i];
    if (quote.isNull()) {
      if (c == '"' || c == '\'') quote = c;
    } else if (c == quote) {
      quote = QChar();
    } else if (c == '\\' && i + 1 < value.size()) {
      out += value[++i] == 'n' ? QChar('\n') : value[i];
    } else {
      out += c;
    }
  }
  return out;
}

QString with_field(const QString& text, const QString& path, const QString& value) {
  const auto fields = scan_fields(text);
  if (const auto* field = at_path(fields, path); field != nullptr)
    return QString(text).replace(field->value_begin, field->value_end - field->value_begin, value);
  const QStringList steps = path.split('.');
  for (qsizetype outer = steps.size() - 1; outer > 0; --outer) {
    const auto* group = at_path(fields, QStringList(steps.mid(0, outer)).join('.'));
    if (group != nullptr && group->group)
      return insert_into(text, *group, nested(steps.mid(outer), value));
  }
  QString out = text;
  if (!out.isEmpty() && !out.endsWith('\n')) out += '\n';
  return out + nested(steps, value) + '\n';
}

QString without_field(const QString& text, const QString& path) {
  const auto fields = scan_fields(text);
  const auto* field = at_path(fields, path);
  if (field == nullptr) return text;
  qsizetype begin = field->begin, end = field->end;
  const qsizetype line = begin == 0 ? 0 : text.lastIndexOf('\n', begin - 1) + 1;
  qsizetype line_end = text.indexOf('\n', end);
  if (line_end < 0) line_end = text.size();
  const bool alone = text.mid(line, begin - line).trimmed().isEmpty() &&
                     text.mid(end, line_end - end).trimmed().isEmpty();
  if (alone) {
    begin = line;
    end = std::min(line_end + 1, text.size());
  } else {
    while (end < text.size() && text[end] == ' ') ++end;
  }
  return QString(text).remove(begin, end - begin);
}

}  // namespace aisle::gui
