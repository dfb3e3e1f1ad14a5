// SPDX-License-Identifier: Apache-2.0
#include "sim/base/proto_text.hpp"

#include "sim/base/proto_text_data.hpp"
#include "sim/base/utf8.hpp"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

namespace aisle {
namespace {

namespace pb = google::protobuf;
namespace fs = std::filesystem;

constexpr std::size_t kLargestFile = std::size_t{64} << 20;  // bytes; the parser counts in int

// The bytes of a file; an error at `asked_from` (where the file is named) if it has none to give.
std::optional<std::string> read_bytes(const std::string& path, const Place& asked_from,
                                      const std::string& field, Diagnostics& diagnostics) {
  const auto fail = [&](const std::string& sentence, const std::string& hint) {
    diagnostics.error(asked_from, field, sentence, hint);
    return std::nullopt;
  };
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (status.type() == fs::file_type::not_found) {
    return fail(fmt::format("there is no file '{}'", path), "check the path");
  }
  if (status.type() == fs::file_type::directory) {
    return fail(fmt::format("'{}' is a folder", path), "name a file in it");
  }
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  std::string bytes;
  char block[65536];
  while (in.good() && bytes.size() <= kLargestFile) {
    in.read(block, sizeof block);
    bytes.append(block, static_cast<std::size_t>(in.gcount()));
  }
  if (!in.is_open() || in.bad()) {
    return fail(fmt::format("'{}' cannot be read: {}", path, std::strerror(errno)),
                "check its permissions");
  }
  if (bytes.size() > kLargestFile) {
    return fail(fmt::format("'{}' is larger than 64 MiB", path), "is it a text file?");
  }
  return bytes;
}

// Offset of the first byte that is not UTF-8 text, or npos.
std::size_t first_broken_byte(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = text[i] == '\0' ? 0 : utf8_character(text, i);
    if (length == 0) return i;
    i += length;
  }
  return std::string_view::npos;
}

bool check_utf8(std::string_view text, const std::string& file, Diagnostics& diagnostics) {
  const std::size_t broken = first_broken_byte(text);
  if (broken == std::string_view::npos) return true;
  const std::string_view before = text.substr(0, broken);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t column = broken - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
  diagnostics.error({file, static_cast<int>(line), static_cast<int>(column)}, "",
                    fmt::format("byte 0x{:02x} is not UTF-8 text",
                                static_cast<unsigned>(static_cast<unsigned char>(text[broken]))),
                    "is it a binary file? save text as UTF-8");
  return false;
}

// Empties each list of `base` that `change` gives, so that merging replaces instead of appending.
void drop_replaced_lists(const pb::Message& change, pb::Message& base, const std::string& path,
                         PlaceMap& places) {
  std::vector<const pb::FieldDescriptor*> fields;
  change.GetReflection()->ListFields(change, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    const std::string name = path.empty() ? field->name() : path + "." + field->name();
    if (field->is_repeated()) {
      base.GetReflection()->ClearField(&base, field);
      forget_places(places, name);
    } else if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE &&
               base.GetReflection()->HasField(base, field)) {
      drop_replaced_lists(change.GetReflection()->GetMessage(change, field),
                          *base.GetReflection()->MutableMessage(&base, field), name, places);
    }
  }
}

// One name for one file, however it is reached.
std::string identity(const std::string& path) {
  std::error_code code;
  const fs::path canonical = fs::weakly_canonical(path, code);
  return code ? path : canonical.string();
}

const pb::FieldDescriptor* extends_field(const pb::Message& message) {
  const pb::FieldDescriptor* field = message.GetDescriptor()->FindFieldByName("extends");
  const bool usable = field != nullptr && !field->is_repeated() &&
                      field->cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING;
  return usable ? field : nullptr;
}

bool read_chain(std::string_view text, const std::string& file, std::vector<std::string>& chain,
                pb::Message& message, PlaceMap& places, Diagnostics& diagnostics);

// Reads the file that `change` extends and merges `change` over it.
bool merge_over_base(const std::string& file, const pb::FieldDescriptor* extends,
                     std::vector<std::string>& chain, pb::Message& change, PlaceMap& places,
                     Diagnostics& diagnostics) {
  const std::string named = change.GetReflection()->GetString(change, extends);
  const auto found = places.find(extends->name());
  const Place place = found == places.end() ? Place{file, 0, 0} : found->second;
  const std::string path = (fs::path(file).parent_path() / named).lexically_normal().string();
  const auto bytes = read_bytes(path, place, extends->name(), diagnostics);
  if (!bytes) return false;
  const std::string key = identity(path);
  if (std::find(chain.begin(), chain.end(), key) != chain.end()) {
    std::string circle;
    for (const std::string& step : chain) circle += fs::path(step).filename().string() + " -> ";
    diagnostics.error(place, extends->name(),
                      fmt::format("files extend one another in a circle: {}{}", circle,
                                  fs::path(key).filename().string()),
                      "let one of them extend nothing");
    return false;
  }
  chain.push_back(key);
  const std::unique_ptr<pb::Message> base(change.New());
  PlaceMap base_places;
  const bool read = read_chain(*bytes, path, chain, *base, base_places, diagnostics);
  chain.pop_back();
  if (!read) return false;
  drop_replaced_lists(change, *base, "", base_places);
  base->MergeFrom(change);
  base->GetReflection()->ClearField(base.get(), extends);
  change.GetReflection()->Swap(&change, base.get());
  places.merge(base_places);  // keeps what the changing file gave
  return true;
}

bool read_chain(std::string_view text, const std::string& file, std::vector<std::string>& chain,
                pb::Message& message, PlaceMap& places, Diagnostics& diagnostics) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (!check_utf8(text, file, diagnostics)) return false;
  const bool parsed = parse_text(text, file, message, places, diagnostics);
  const pb::FieldDescriptor* extends = extends_field(message);
  if (extends == nullptr || !message.GetReflection()->HasField(message, extends)) return parsed;
  return merge_over_base(file, extends, chain, message, places, diagnostics) && parsed;
}

}  // namespace

SourceMap::SourceMap() : data(std::make_unique<Data>()) {}

SourceMap::~SourceMap() = default;
SourceMap::SourceMap(SourceMap&&) noexcept = default;
SourceMap& SourceMap::operator=(SourceMap&&) noexcept = default;

Place SourceMap::find(std::string_view path) const {
  if (data == nullptr) return {};
  while (!path.empty()) {
    const auto found = data->places.find(path);
    if (found != data->places.end()) return found->second;
    const std::size_t cut = path.find_last_of(".[");
    path = path.substr(0, cut == std::string_view::npos ? 0 : cut);
  }
  return {data->file, 0, 0};
}

void SourceMap::note(const std::string& path, Place place) {
  if (path.empty()) data->file = place.file;
  data->places[path] = std::move(place);
}

std::optional<std::string> read_input(const std::string& path, Diagnostics& diagnostics) {
  auto bytes = read_bytes(path, {path, 0, 0}, "", diagnostics);
  if (bytes && !check_utf8(*bytes, path, diagnostics)) return std::nullopt;
  return bytes;
}

bool read_text(std::string_view text, const std::string& name, pb::Message& message,
               SourceMap& places, Diagnostics& diagnostics) {
  places = SourceMap();
  places.data->file = name;
  message.Clear();
  std::vector<std::string> chain = {identity(name)};
  return read_chain(text, name, chain, message, places.data->places, diagnostics);
}

bool read_text_file(const std::string& path, pb::Message& message, SourceMap& places,
                    Diagnostics& diagnostics) {
  const auto bytes = read_bytes(path, {path, 0, 0}, "", diagnostics);
  return bytes && read_text(*bytes, path, message, places, diagnostics);
}

std::string write_text(const pb::Message& message) {
  pb::TextFormat::Printer printer;
  printer.SetUseShortRepeatedPrimitives(true);
  printer.SetUseUtf8StringEscaping(true);
  std::string out;
  printer.PrintToString(message, &out);
  if (first_broken_byte(out) == std::string::npos) return out;
  printer.SetUseUtf8StringEscaping(false);  // a text holds bytes ("\377"): escape all of them
  printer.PrintToString(message, &out);
  return out;
}

}  // namespace aisle
