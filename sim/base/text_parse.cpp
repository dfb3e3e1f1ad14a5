// SPDX-License-Identifier: Apache-2.0
#include "sim/base/text_parse.hpp"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace aisle {
namespace {

namespace pb = google::protobuf;

// Deeper than any schema of ours; keeps a hostile file from exhausting the stack.
constexpr int kDeepest = 64;

// One `name {` that is open at some point of the text.
struct Frame {
  std::string path;
  const pb::Descriptor* type = nullptr;  // null below an unknown field
  std::size_t opened_at = 0;
  std::string name;  // the field named last
  std::map<std::string, int> seen;
};

std::string join_path(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Follows the nesting of text format up to an offset, to tell what an error stands in. It need not
// understand values: the parser does.
class Outline {
 public:
  Outline(std::string_view text, std::size_t end, const pb::Descriptor* root) {
    frames_.push_back({"", root, 0, "", {}});
    for (std::size_t i = 0; i < end;) i = step(text.substr(0, end), i);
  }

  const Frame& innermost() const { return frames_.back(); }

  bool nested() const { return frames_.size() > 1; }

  const pb::FieldDescriptor* field() const {
    const Frame& frame = frames_.back();
    return frame.type == nullptr ? nullptr : frame.type->FindFieldByName(frame.name);
  }

  std::string field_path() const {
    const Frame& frame = frames_.back();
    return frame.name.empty() ? frame.path : join_path(frame.path, frame.name);
  }

 private:
  std::size_t step(std::string_view text, std::size_t i) {
    const char c = text[i];
    if (c == '#') return std::min(text.find('\n', i), text.size());
    if (c == '"' || c == '\'') return after_string(text, i);
    if (c == '{' || c == '<') {
      open(i);
    } else if ((c == '}' || c == '>') && frames_.size() > 1) {
      frames_.pop_back();
    }
    if (!is_word(c)) return i + 1;
    std::size_t end = i;
    while (end < text.size() && is_word(text[end])) ++end;
    if (names_a_field(text, i)) frames_.back().name = std::string(text.substr(i, end - i));
    return end;
  }

  static std::size_t after_string(std::string_view text, std::size_t i) {
    const char quote = text[i++];
    while (i < text.size() && text[i] != quote && text[i] != '\n') i += text[i] == '\\' ? 2 : 1;
    return std::min(i + 1, text.size());
  }

  // A word is a value, not a name, after a colon, a sign or within a list.
  static bool names_a_field(std::string_view text, std::size_t i) {
    const std::size_t before =
        i == 0 ? std::string_view::npos : text.find_last_not_of(" \t\r\n", i - 1);
    return before == std::string_view::npos ||
           std::string_view(":-+.[,").find(text[before]) == std::string_view::npos ||
           (text[before] == ',' && !in_list(text, before));
  }

  static bool in_list(std::string_view text, std::size_t i) {
    const std::size_t bracket = text.find_last_of("[]{}:", i);
    return bracket != std::string_view::npos && text[bracket] == '[';
  }

  void open(std::size_t at) {
    Frame& outer = frames_.back();
    Frame inner{join_path(outer.path, outer.name), nullptr, at, "", {}};
    const pb::FieldDescriptor* field = this->field();
    if (field != nullptr) {
      inner.type = field->message_type();
      if (field->is_repeated()) inner.path += fmt::format("[{}]", outer.seen[outer.name]++);
    }
    frames_.push_back(std::move(inner));
  }

  std::vector<Frame> frames_;
};

// Between the tokenizer's lines and columns (from 0, tabs at every eighth column) and offsets.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
    }
  }

  std::size_t offset(int line, int column) const {
    const auto row = static_cast<std::size_t>(std::max(line, 0));
    if (row >= starts_.size()) return text_.size();
    std::size_t i = starts_[row];
    for (int at = 0; i < text_.size() && at < column && text_[i] != '\n'; ++i) {
      at += text_[i] == '\t' ? 8 - at % 8 : 1;
    }
    return i;
  }

  Place place(const std::string& file, std::size_t offset) const {
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
    const auto row = static_cast<std::size_t>(next - starts_.begin());
    return {file, static_cast<int>(row), static_cast<int>(offset - starts_[row - 1]) + 1};
  }

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_;
};

// Values that a file may give; the unspecified one means absence.
std::vector<std::string> value_names(const pb::EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (!type.value(i)->name().ends_with("UNSPECIFIED")) names.push_back(type.value(i)->name());
  }
  return names;
}

// The part of `message` between two texts, or "" if it does not have that form.
std::string between(const std::string& message, std::string_view before, std::string_view after) {
  const std::size_t from = message.find(before);
  if (from == std::string::npos) return {};
  const std::size_t start = from + before.size();
  const std::size_t end = message.find(after, start);
  return end == std::string::npos ? std::string() : message.substr(start, end - start);
}

// Turns the parser's messages into diagnostics of ours.
class Collector : public pb::io::ErrorCollector {
 public:
  Collector(std::string_view text, const std::string& file, const pb::Descriptor* root,
            Diagnostics& diagnostics)
      : text_(text), file_(file), root_(root), lines_(text), diagnostics_(diagnostics) {}

  void AddWarning(int line, pb::io::ColumnNumber column, const std::string& message) override {
    const std::string name = between(message, "has no field named \"", "\"");
    if (name.empty()) {  // an extension: "[foo.bar]: 1"
      diagnostics_.error(lines_.place(file_, lines_.offset(line, column)), "", lower_first(message),
                         "field names are plain words");
      return;
    }
    // The parser stands behind the name by now.
    const std::size_t after = lines_.offset(line, column);
    const std::size_t start = after == 0 ? 0 : std::min(text_.rfind(name, after - 1), after);
    const Outline outline(text_, start, root_);
    const pb::Descriptor* type = outline.innermost().type;
    diagnostics_.error(lines_.place(file_, start), join_path(outline.innermost().path, name),
                       "unknown field", type == nullptr ? "" : field_hint(name, *type));
  }

  void AddError(int line, pb::io::ColumnNumber column, const std::string& message) override {
    // A token that the tokenizer cannot read makes the parser complain of the same place again.
    if (std::exchange(failed_, true)) return;
    const std::size_t at = lines_.offset(line, column);
    const Outline outline(text_, at, root_);
    const bool at_end = text_.find_first_not_of(" \t\r\n", at) == std::string_view::npos;
    if (at_end && outline.nested()) return add_truncated(outline);
    const Frame& frame = outline.innermost();
    // Where a name was due, the field named last is not to blame.
    const bool name_due = message.starts_with("Expected identifier, got");
    const pb::FieldDescriptor* field = name_due ? nullptr : outline.field();
    std::string sentence = lower_first(message.substr(0, message.find_last_not_of('.') + 1));
    std::string hint =
        field == nullptr ? "" : fmt::format("{} is {}", field->name(), value_form(*field));
    const std::string value = between(message, "Unknown enumeration value of \"", "\"");
    if (!value.empty() && field != nullptr && field->enum_type() != nullptr) {
      sentence = fmt::format("'{}' is not one of its values", value);
      hint = enum_hint(value, *field->enum_type());
    } else if (message.find("is specified multiple times") != std::string::npos) {
      sentence = "given twice";
      hint = "keep one of them; only lists may repeat";
    } else if (message.find("too deep") != std::string::npos) {
      sentence = fmt::format("nested more than {} levels deep", kDeepest);
      hint = "no schema is that deep";
    } else if (at_end) {
      sentence = "the file ends where a value is due";
    } else if (name_due && text_[at] == '}' && !outline.nested()) {
      sentence = "closes braces that nothing opened";
      hint = "remove this '}'";
    } else if (hint.empty()) {
      hint = frame.type == nullptr ? "a field is written name: value or name { ... }"
                                   : "fields here: " + list_of(field_names(*frame.type));
    }
    const std::string path = name_due ? frame.path : outline.field_path();
    diagnostics_.error(lines_.place(file_, start_of_blamed(message, at)), path, sentence, hint);
  }

 private:
  void add_truncated(const Outline& outline) {
    const Frame& open = outline.innermost();
    diagnostics_.error(lines_.place(file_, text_.size()), open.path,
                       fmt::format("the file ends inside the braces opened in line {}",
                                   lines_.place(file_, open.opened_at).line),
                       "a closing '}' is missing, or the file is cut off");
  }

  // Where the word starts that the parser has read already when it complains of it; else `at`.
  std::size_t start_of_blamed(const std::string& message, std::size_t at) const {
    for (const std::string_view before :
         {"enumeration value of \"", "Value: \"", "Non-repeated field \"", "Field \""}) {
      const std::string word = between(message, before, "\"");
      if (word.empty() || at == 0) continue;
      const std::size_t start = text_.rfind(word, at - 1);
      if (start != std::string_view::npos) return start;
    }
    return at;
  }

  static std::string list_of(const std::vector<std::string>& names) {
    return fmt::format("{}", fmt::join(names, ", "));
  }

  static std::string enum_hint(const std::string& value, const pb::EnumDescriptor& type) {
    const std::vector<std::string> names = value_names(type);
    const std::string near = did_you_mean(value, names);
    const std::string all = list_of(names);
    return near.empty() ? "write one of " + all : near + " allowed: " + all;
  }

  static std::string lower_first(std::string sentence) {
    if (!sentence.empty() && sentence[0] >= 'A' && sentence[0] <= 'Z') {
      sentence[0] = static_cast<char>(sentence[0] - 'A' + 'a');
    }
    return sentence;
  }

  std::string_view text_;
  const std::string& file_;
  const pb::Descriptor* root_;
  Lines lines_;
  Diagnostics& diagnostics_;
  bool failed_ = false;
};

// Flattens the parser's tree of places, which dies with the parse, into paths.
void note_places(const pb::Message& message, const pb::TextFormat::ParseInfoTree& tree,
                 const Lines& lines, const std::string& file, const std::string& path,
                 PlaceMap& places) {
  const pb::Reflection& reflection = *message.GetReflection();
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    const bool list = field->is_repeated();
    const int count = list ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const auto location = tree.GetLocation(field, list ? i : -1);
      if (location.line < 0) continue;
      const Place place = lines.place(file, lines.offset(location.line, location.column));
      const std::string name = join_path(path, field->name());
      const std::string item = list ? fmt::format("{}[{}]", name, i) : name;
      places.try_emplace(name, place);
      places.insert_or_assign(item, place);
      if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
      const auto* nested = tree.GetTreeForNested(field, list ? i : -1);
      if (nested == nullptr) continue;
      note_places(list ? reflection.GetRepeatedMessage(message, field, i)
                       : reflection.GetMessage(message, field),
                  *nested, lines, file, item, places);
    }
  }
}

// Whether a group inside `type` has just that field: "cluster.nic" for "cluster.scale_out.nic".
std::string did_you_mean_below(std::string_view name, const pb::Descriptor& type) {
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor& group = *type.field(i);
    if (group.message_type() == nullptr || group.is_repeated()) continue;
    if (group.message_type()->FindFieldByName(std::string(name)) != nullptr) {
      return fmt::format("did you mean '{}.{}'?", group.name(), name);
    }
  }
  return {};
}

}  // namespace

bool parse_text(std::string_view text, const std::string& file, pb::Message& message,
                PlaceMap& places, Diagnostics& diagnostics) {
  const int errors_before = diagnostics.error_count();
  Collector collector(text, file, message.GetDescriptor(), diagnostics);
  pb::TextFormat::ParseInfoTree tree;
  pb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.WriteLocationsTo(&tree);
  parser.AllowUnknownField(true);  // reported through AddWarning, so that all of them are seen
  parser.SetRecursionLimit(kDeepest);
  pb::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  const bool parsed = parser.Parse(&stream, &message);
  note_places(message, tree, Lines(text), file, "", places);
  if (!parsed && diagnostics.error_count() == errors_before) {
    diagnostics.error({file}, "", "cannot be read as text format", "see docs/formats");
  }
  return diagnostics.error_count() == errors_before;
}

std::vector<std::string> field_names(const pb::Descriptor& type) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(type.field_count()));
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return names;
}

std::string field_hint(std::string_view name, const pb::Descriptor& type) {
  const std::vector<std::string> names = field_names(type);
  std::string hint = did_you_mean(name, names);
  if (hint.empty()) hint = did_you_mean_below(name, type);
  return hint.empty() ? fmt::format("fields here: {}", fmt::join(names, ", ")) : hint;
}

std::string value_form(const pb::FieldDescriptor& field) {
  std::string form;
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_STRING:
      form = "text in quotes";
      break;
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      form = "true or false";
      break;
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
      form = "a number";
      break;
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      form = "a group of fields in { }";
      break;
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      form = fmt::format("one of {}", fmt::join(value_names(*field.enum_type()), ", "));
      break;
    case pb::FieldDescriptor::CPPTYPE_UINT32:
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      form = "a whole number from 0";
      break;
    default:
      form = "a whole number";
  }
  return field.is_repeated() ? "a list; each entry is " + form : form;
}

std::optional<std::vector<PathStep>> split_path(std::string_view path) {
  std::vector<PathStep> steps;
  while (true) {
    const std::size_t dot = path.find('.');
    std::string_view word = path.substr(0, dot);
    PathStep step;
    const std::size_t bracket = word.find('[');
    if (bracket != std::string_view::npos) {
      const std::string_view digits = word.substr(bracket + 1);
      int index = 0;
      const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
      const auto used = static_cast<std::size_t>(end - digits.data());
      if (code != std::errc() || index < 0 || digits.substr(used) != "]") return std::nullopt;
      step.index = index;
      word = word.substr(0, bracket);
    }
    if (word.empty() || !std::all_of(word.begin(), word.end(), is_word)) return std::nullopt;
    step.name = std::string(word);
    steps.push_back(std::move(step));
    if (dot == std::string_view::npos) return steps;
    path.remove_prefix(dot + 1);
  }
}

void forget_places(PlaceMap& places, const std::string& path) {
  auto it = places.lower_bound(path);
  while (it != places.end() && it->first.starts_with(path)) {
    const char next = it->first.size() == path.size() ? '.' : it->first[path.size()];
    it = next == '.' || next == '[' ? places.erase(it) : std::next(it);
  }
}

}  // namespace aisle
