// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_condition.hpp"

#include "sim/base/csv.hpp"
#include "sim/base/text_parse.hpp"

#include <fmt/format.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

namespace aisle::sim {

namespace pb = google::protobuf;

using Value = std::variant<double, std::string>;

struct Condition::Node {
  enum class Kind { value, path, unary, binary };
  Kind kind = Kind::value;
  Value value;       ///< of values
  std::string word;  ///< path, or operator
  std::vector<std::unique_ptr<Node>> parts;
};

namespace {

using Node = Condition::Node;
using Kind = Node::Kind;

/// Recursive descent; the first fault ends it.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::unique_ptr<Node> parse() {
    auto node = binary(0);
    skip();
    if (node && at_ < text_.size()) return fail("an operator is missing");
    return node;
  }

  const std::string& fault() const { return fault_; }

  std::size_t at() const { return at_; }

 private:
  // Binding from loose to tight; longer words first.
  static constexpr std::array<std::array<std::string_view, 6>, 5> kLevels = {
      {{"or"}, {"and"}, {"==", "!=", "<=", ">=", "<", ">"}, {"+", "-"}, {"*", "/", "%"}}};

  std::nullptr_t fail(std::string fault) {
    if (fault_.empty()) fault_ = std::move(fault);
    return nullptr;
  }

  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }

  static bool in_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  }

  bool take(std::string_view token) {
    skip();
    if (token.empty() || text_.substr(at_, token.size()) != token) return false;
    const std::size_t behind = at_ + token.size();
    if (in_word(token.back()) && behind < text_.size() && in_word(text_[behind])) return false;
    at_ = behind;
    return true;
  }

  std::unique_ptr<Node> binary(std::size_t level) {
    if (level == kLevels.size()) return unary();
    auto left = binary(level + 1);
    while (left) {
      const auto& tokens = kLevels[level];
      const auto* const found = std::find_if(tokens.begin(), tokens.end(),
                                             [&](std::string_view token) { return take(token); });
      if (found == tokens.end()) return left;
      auto right = binary(level + 1);
      if (!right) return nullptr;
      auto node = std::make_unique<Node>();
      node->kind = Kind::binary;
      node->word = std::string(*found);
      node->parts.push_back(std::move(left));
      node->parts.push_back(std::move(right));
      left = std::move(node);
    }
    return left;
  }

  std::unique_ptr<Node> unary() {
    constexpr int kDeepest = 100;
    if (++depth_ > kDeepest) return fail("too many parentheses");
    for (const std::string_view token : {std::string_view("not"), std::string_view("-")}) {
      if (!take(token)) continue;
      auto node = std::make_unique<Node>();
      node->kind = Kind::unary;
      node->word = std::string(token);
      node->parts.push_back(unary());
      --depth_;
      return node->parts.front() ? std::move(node) : nullptr;
    }
    auto node = primary();
    --depth_;
    return node;
  }

  std::unique_ptr<Node> primary() {
    if (take("(")) {
      auto inside = binary(0);
      if (inside && !take(")")) return fail("a parenthesis does not close");
      return inside;
    }
    skip();
    if (at_ == text_.size()) return fail("something is missing at the end");
    auto node = std::make_unique<Node>();
    const char first = text_[at_];
    if (first == '"' || first == '\'') {
      const std::size_t end = text_.find(first, at_ + 1);
      if (end == std::string_view::npos) return fail("a quote does not close");
      node->value = std::string(text_.substr(at_ + 1, end - at_ - 1));
      at_ = end + 1;
      return node;
    }
    std::size_t end = at_;
    while (end < text_.size() &&
           (in_word(text_[end]) || text_[end] == '.' || text_[end] == '[' || text_[end] == ']')) {
      ++end;
    }
    const std::string_view word = text_.substr(at_, end - at_);
    if (word.empty()) return fail(fmt::format("'{}' is not understood", first));
    if (const auto number = plain_number(word)) {
      node->value = *number;
    } else {
      node->kind = Kind::path;
      node->word = std::string(word);
    }
    at_ = end;
    return node;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::string fault_;
};

/// Works out a node over a message; the first fault ends it.
class Reckoner {
 public:
  explicit Reckoner(const pb::Message& message) : message_(message) {}

  std::optional<Value> of(const Node& node) {
    switch (node.kind) {
      case Kind::value:
        return node.value;
      case Kind::path:
        return of_path(node.word);
      case Kind::unary: {
        const auto number = number_of(node, 0);
        if (!number) return std::nullopt;
        return node.word == "-" ? -*number : static_cast<double>(*number == 0);
      }
      case Kind::binary:
        break;
    }
    return of_binary(node);
  }

  const std::string& fault() const { return fault_; }

 private:
  std::nullopt_t fail(std::string fault) {
    if (fault_.empty()) fault_ = std::move(fault);
    return std::nullopt;
  }

  /// A single word that is no field is a text: the name of an enumeration's value.
  std::optional<Value> of_path(const std::string& word) {
    if (auto value = field_value(message_, word)) return value;
    if (word.find('.') == std::string::npos) return Value(word);
    return fail(fmt::format("the scenario has no field '{}'", word));
  }

  std::optional<double> number_of(const Node& node, std::size_t part) {
    const auto value = of(*node.parts[part]);
    if (!value) return std::nullopt;
    if (const auto* number = std::get_if<double>(&*value)) return *number;
    return fail(fmt::format("'{}' is no number", std::get<std::string>(*value)));
  }

  std::optional<Value> of_binary(const Node& node) {
    if (node.word == "==" || node.word == "!=") {
      const auto a = of(*node.parts[0]), b = of(*node.parts[1]);
      if (!a || !b) return std::nullopt;
      if (a->index() != b->index()) return fail("a number and a text are compared");
      return static_cast<double>((*a == *b) == (node.word == "=="));
    }
    const auto a = number_of(node, 0);
    if (!a) return std::nullopt;
    if (node.word == "and" && *a == 0) return 0.0;
    if (node.word == "or" && *a != 0) return 1.0;
    const auto b = number_of(node, 1);
    if (!b) return std::nullopt;
    if (node.word == "and" || node.word == "or") return static_cast<double>(*b != 0);
    if (node.word == "+") return *a + *b;
    if (node.word == "-") return *a - *b;
    if (node.word == "*") return *a * *b;
    if (node.word == "<") return static_cast<double>(*a < *b);
    if (node.word == "<=") return static_cast<double>(*a <= *b);
    if (node.word == ">") return static_cast<double>(*a > *b);
    if (node.word == ">=") return static_cast<double>(*a >= *b);
    if (*b == 0) return fail("divides by zero");
    return node.word == "/" ? *a / *b : std::fmod(*a, *b);
  }

  const pb::Message& message_;
  std::string fault_;
};

std::optional<Value> scalar(const pb::Message& message, const pb::FieldDescriptor& field,
                            const std::optional<int>& index) {
  const pb::Reflection& read = *message.GetReflection();
  const bool listed = field.is_repeated();
  if (listed && (!index || *index >= read.FieldSize(message, &field))) return std::nullopt;
  const auto get = [&](auto single, auto repeated) {
    return listed ? (read.*repeated)(message, &field, *index) : (read.*single)(message, &field);
  };
  using R = pb::Reflection;
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return static_cast<double>(get(&R::GetInt32, &R::GetRepeatedInt32));
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return static_cast<double>(get(&R::GetInt64, &R::GetRepeatedInt64));
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return static_cast<double>(get(&R::GetUInt32, &R::GetRepeatedUInt32));
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return static_cast<double>(get(&R::GetUInt64, &R::GetRepeatedUInt64));
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return get(&R::GetDouble, &R::GetRepeatedDouble);
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
      return static_cast<double>(get(&R::GetFloat, &R::GetRepeatedFloat));
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return static_cast<double>(get(&R::GetBool, &R::GetRepeatedBool));
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return get(&R::GetEnum, &R::GetRepeatedEnum)->name();
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return get(&R::GetString, &R::GetRepeatedString);
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return std::nullopt;
}

}  // namespace

Condition::Condition() = default;
Condition::Condition(Condition&&) noexcept = default;
Condition& Condition::operator=(Condition&&) noexcept = default;
Condition::~Condition() = default;

std::optional<Condition> Condition::parse(const std::string& text, const Place& place,
                                          const std::string& field, Diagnostics& diagnostics) {
  Parser parser(text);
  Condition condition;
  condition.root_ = parser.parse();
  condition.place_ = place;
  condition.field_ = field;
  condition.text_ = text;
  if (condition.root_) return condition;
  diagnostics.error(place, field,
                    fmt::format("'{}': {} at character {}", text, parser.fault(), parser.at() + 1),
                    "for example \"cluster.count >= 8 * workload.training.parallel.tensor\"");
  return std::nullopt;
}

std::optional<bool> Condition::holds(const pb::Message& message, Diagnostics& diagnostics) const {
  Reckoner reckoner(message);
  const auto value = reckoner.of(*root_);
  const double* number = value ? std::get_if<double>(&*value) : nullptr;
  if (number != nullptr) return *number != 0;
  diagnostics.error(
      place_, field_,
      fmt::format("'{}': {}", text_,
                  reckoner.fault().empty() ? "is a text, not a condition" : reckoner.fault()));
  return std::nullopt;
}

std::optional<Value> field_value(const pb::Message& message, const std::string& path) {
  const auto steps = split_path(path);
  if (!steps) return std::nullopt;
  const pb::Message* at = &message;
  for (std::size_t i = 0; i < steps->size(); ++i) {
    const PathStep& step = (*steps)[i];
    const pb::FieldDescriptor* field = at->GetDescriptor()->FindFieldByName(step.name);
    if (field == nullptr || (step.index && !field->is_repeated())) return std::nullopt;
    if (i + 1 == steps->size()) return scalar(*at, *field, step.index);
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) return std::nullopt;
    const pb::Reflection& read = *at->GetReflection();
    if (!field->is_repeated()) {
      at = &read.GetMessage(*at, field);
    } else if (step.index && *step.index < read.FieldSize(*at, field)) {
      at = &read.GetRepeatedMessage(*at, field, *step.index);
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace aisle::sim
