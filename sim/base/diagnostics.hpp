// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aisle {

/// A place in an input: a file (or "--set", "--chips"), and line and column from 1; 0 where there
/// is none.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
};

enum class Severity { error, warning, note };

/// One thing to tell the user about an input.
struct Diagnostic {
  Severity severity = Severity::error;
  Place place;
  std::string field;     ///< path of the field, e.g. "cluster.scale_out.nic"; may be empty
  std::string sentence;  ///< what is wrong
  std::string hint;      ///< what to do; may be empty
};

/// Collects what is wrong with an input, so that all of it is reported at once. Functions that read
/// input take a Diagnostics& and return std::optional; an empty optional means that at least one
/// error was added.
class Diagnostics {
 public:
  void error(Place place, std::string field, std::string sentence, std::string hint = {});
  void warning(Place place, std::string field, std::string sentence, std::string hint = {});
  void note(Place place, std::string field, std::string sentence, std::string hint = {});

  /// Everything that another sink collected, after what is here.
  void append(const Diagnostics& other);

  bool has_errors() const { return errors_ > 0; }

  int error_count() const { return errors_; }

  const std::vector<Diagnostic>& all() const { return all_; }

 private:
  std::vector<Diagnostic> all_;
  int errors_ = 0;
};

/// As compilers print it: `file:line:col: error: field: sentence (hint)`.
std::string to_string(const Diagnostic& diagnostic);

/// The candidates most like `word`, nearest first, at most `limit`, none that share too little with
/// it (edit distance, case and punctuation ignored; a candidate that contains the word counts as
/// near).
std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates,
                                 std::size_t limit = 3);

/// "did you mean 'a', 'b' or 'c'?" for the nearest candidates, or "" if there is none.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

/// Stops the program over a broken invariant of our own: message, place, abort. Never for user
/// input.
[[noreturn]] void assertion_failed(const char* condition, const char* sentence, const char* file,
                                   int line);

}  // namespace aisle

#define AISLE_ASSERT(condition, sentence) \
  ((condition) ? static_cast<void>(0)     \
               : ::aisle::assertion_failed(#condition, sentence, __FILE__, __LINE__))
