// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "sim/base/units.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace google::protobuf {
class Message;
}

namespace aisle {

/// Where each field of a message stood in the text files that it was read from (with `extends`,
/// several).
class SourceMap {
 public:
  SourceMap();
  ~SourceMap();
  SourceMap(SourceMap&&) noexcept;
  SourceMap& operator=(SourceMap&&) noexcept;

  /// Place of the field at `path` ("cluster.scale_out.nic", "reference[1].value"); for an absent
  /// field, of the nearest enclosing message that is present.
  Place find(std::string_view path) const;

  /// Says where the field at `path` stood, for readers of other forms than text format; the place
  /// of "" is that of the file.
  void note(const std::string& path, Place place);

  struct Data;  ///< proto_text.cpp's own
  std::unique_ptr<Data> data;
};

/// The bytes of an input file of at most 64 MiB that is UTF-8 text; else nothing, with an error.
std::optional<std::string> read_input(const std::string& path, Diagnostics& diagnostics);

/// Reads a text-format file into `message`. Reports, all at once where the parser allows it and
/// with line and column: a file that is missing, unreadable, a directory or truncated; syntax
/// errors; unknown fields (with the nearest names); wrong types; duplicates of singular fields.
/// When the message has a string field `extends`, the named file (relative to this one) is read
/// first and this one merged over it: lists given here replace its lists; a cycle is an error;
/// `extends` itself is empty afterwards, since the message is whole. What `message` holds after a
/// failure is of no use.
bool read_text_file(const std::string& path, google::protobuf::Message& message, SourceMap& places,
                    Diagnostics& diagnostics);

/// The same from a string; `name` stands for the file in places.
bool read_text(std::string_view text, const std::string& name, google::protobuf::Message& message,
               SourceMap& places, Diagnostics& diagnostics);

/// Applies `PATH=VALUE` ("cluster.count=4096", "reference[0].value=3", "cluster.scale_out.nic=800
/// Gb/s"). The value is a bare string, number, enum name or, for messages and lists, text format.
/// Plain text for a figure ("cluster.what_if.hbm_bandwidth=4.8 TB/s") is its value, with basis
/// assumed. A whole list or message is replaced; the index one past a list's end appends. Unknown
/// paths name the nearest fields. Places afterwards point at "--set PATH=VALUE", or at `flag` where
/// the user gave one that stands for the field. On an error nothing changes; otherwise references
/// into `message` end.
bool set_field(std::string_view assignment, google::protobuf::Message& message, SourceMap& places,
               Diagnostics& diagnostics, const std::string& flag = {});

/// Text format as our files have it (two spaces, no trailing blanks), for saving and for
/// provenance.
std::string write_text(const google::protobuf::Message& message);

/// What a field path means: type, default, and the comment in the schema; for a message, its
/// fields. Empty, with an error, for an unknown path. `descriptor_set` is the file that protoc
/// wrote with --include_source_info.
std::optional<std::string> explain_field(std::string_view path, const std::string& root_message,
                                         const std::string& descriptor_set,
                                         Diagnostics& diagnostics);

}  // namespace aisle
