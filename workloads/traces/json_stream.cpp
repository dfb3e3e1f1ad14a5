// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/json_stream.hpp"

#include "workloads/traces/json_scan.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace aisle::workloads::traces {
namespace {

constexpr std::size_t kChunk = std::size_t{512} << 10, kPadding = 64;
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

bool is_space(char byte) {
  return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

// End of the value that begins at `text`, or kNone if it is not whole.
std::size_t end_of_value(const char* text, std::size_t size) {
  if (size == 0) return kNone;
  if (text[0] == '{' || text[0] == '[') {
    JsonScan scan;
    const std::size_t end =
        scan_brackets(text, size, scan, [&](std::size_t) { return scan.depth == 0; });
    return end == size ? kNone : end + 1;
  }
  if (text[0] == '"') {
    for (std::size_t at = 1; at < size; ++at) {
      if (text[at] == '\\')
        ++at;
      else if (text[at] == '"')
        return at + 1;
    }
    return kNone;
  }
  for (std::size_t at = 1; at < size; ++at) {
    if (std::strchr(",{}[]\"", text[at]) != nullptr || is_space(text[at])) return at;
  }
  return kNone;
}

}  // namespace

// The first byte of the buffer is kept free for a batch's bracket.
JsonStream::JsonStream(Source& source, std::string array, Diagnostics& diagnostics)
    : source_(&source),
      diagnostics_(&diagnostics),
      array_(std::move(array)),
      buffer_(1 + kChunk + kPadding),
      at_(1),
      size_(1) {}

JsonStream::Item JsonStream::next() {
  restore();
  single_ = false;
  if (done_) return Item::end;
  if (!started_ && !start()) return Item::end;
  while (true) {
    const std::optional<Item> item = singles_    ? next_single()
                                     : in_array_ ? next_of_array()
                                                 : member();
    if (item) return *item;
  }
}

bool JsonStream::start() {
  started_ = true;
  more();
  if (size_ - at_ >= 3 && std::memcmp(&buffer_[at_], "\xEF\xBB\xBF", 3) == 0) at_ += 3;
  while ((at_ < size_ || more()) && is_space(buffer_[at_])) ++at_;
  if (at_ >= size_ || (buffer_[at_] != '{' && buffer_[at_] != '[')) {
    diagnostics_->error(place_of(at_), {}, "is neither a JSON object nor an array",
                        "record the trace again, or copy the file again");
    failed_ = done_ = true;
    return false;
  }
  bare_ = in_array_ = buffer_[at_] == '[';
  ++at_;
  return true;
}

// Reads on. What was used up makes room; where nothing was, the buffer grows up to kWindow.
bool JsonStream::more() {
  if (at_end_) return false;
  if (at_ > 1) {
    const char* const used_end = buffer_.data() + at_;
    for (const char* at = buffer_.data() + 1; at < used_end;) {
      const void* found = std::memchr(at, '\n', static_cast<std::size_t>(used_end - at));
      if (found == nullptr) {
        columns_ += used_end - at;
        break;
      }
      at = static_cast<const char*>(found) + 1;
      ++lines_;
      columns_ = 0;
    }
    std::memmove(&buffer_[1], &buffer_[at_], size_ - at_);
    size_ -= at_ - 1;
    at_ = 1;
  } else if (size_ + kPadding == buffer_.size()) {
    if (size_ > kWindow) return false;
    buffer_.resize(1 + std::min(2 * (size_ - 1), kWindow) + kPadding);
    if (size_ + kPadding >= buffer_.size()) return false;
  }
  const std::size_t room = buffer_.size() - kPadding - size_;
  const std::size_t got = source_->read(&buffer_[size_], room);
  size_ += got;
  at_end_ = got < room;
  return got > 0;
}

// To the next byte that is neither space nor comma; false at the end of the file.
bool JsonStream::skip_separators() {
  while (true) {
    while (at_ < size_ && (is_space(buffer_[at_]) || buffer_[at_] == ',')) ++at_;
    if (at_ < size_) return true;
    if (!more()) return false;
  }
}

JsonStream::Item JsonStream::stop(std::string sentence, std::string hint) {
  done_ = true;
  diagnostics_->warning(place_of(at_), {}, std::move(sentence), std::move(hint));
  return Item::end;
}

std::optional<JsonStream::Item> JsonStream::next_of_array() {
  if (size_ - at_ < kChunk / 2) more();
  if (!skip_separators()) {
    return stop("the file breaks off; what came before is used", "copy the file again");
  }
  while (true) {
    if (buffer_[at_] == ']') {
      ++at_;
      in_array_ = false;
      return std::nullopt;
    }
    JsonScan scan;
    std::size_t whole = 0;
    const std::size_t left = size_ - at_;
    const std::size_t closed = scan_brackets(&buffer_[at_], left, scan, [&](std::size_t offset) {
      if (scan.depth == 0) whole = offset + 1;
      return scan.depth < 0;
    });
    if (whole == 0 && closed < left) whole = closed;
    if (whole == 0) {  // numbers or strings, of which the last may not be whole
      for (std::size_t end = 0, size = 0;
           (size = end_of_value(&buffer_[at_ + end], left - end)) != kNone;) {
        end += size;
        whole = end;
        while (end < left && (is_space(buffer_[at_ + end]) || buffer_[at_ + end] == ',')) ++end;
        if (end == left) break;
      }
    }
    if (whole > 0) {
      hand_out(at_, at_ + whole);
      return Item::batch;
    }
    if (closed == 0) {  // a closing brace where an array should end
      ++at_;
      return stop("'}' where the array should end; what came before is used",
                  "copy the file again");
    }
    if (!more()) return skip_record();
  }
}

// A record that is larger than the window, or cut off: runs through the text to its end.
JsonStream::Item JsonStream::skip_record() {
  reason_ = at_end_ ? "record cut off by the end of the file" : "record larger than 64 MB";
  diagnostics_->warning(place_of(at_), {}, std::string(reason_),
                        at_end_ ? "copy the file again" : "record without stacks or shapes");
  JsonScan scan;
  while (true) {
    const std::size_t left = size_ - at_;
    const std::size_t end =
        scan_brackets(&buffer_[at_], left, scan, [&](std::size_t) { return scan.depth <= 0; });
    at_ += end == left ? left : end + (scan.depth == 0 ? 1 : 0);
    if (end < left) break;
    if (!more()) {
      done_ = true;
      break;
    }
  }
  return Item::lost;
}

void JsonStream::one_by_one(std::size_t done) {
  restore();
  single_end_ = end_;
  singles_ = true;
  at_ = begin_;
  for (; done > 0 && at_ < single_end_; --done) {
    if (!skip_separators()) break;
    const std::size_t size = end_of_value(&buffer_[at_], single_end_ - at_);
    at_ = size == kNone ? single_end_ : at_ + std::max<std::size_t>(size, 1);
  }
}

std::optional<JsonStream::Item> JsonStream::next_single() {
  while (at_ < single_end_ && (is_space(buffer_[at_]) || buffer_[at_] == ',')) ++at_;
  if (at_ >= single_end_) {
    singles_ = false;
    return std::nullopt;
  }
  const std::size_t size = end_of_value(&buffer_[at_], single_end_ - at_);
  hand_out(at_, size == kNone ? single_end_ : at_ + size);
  single_ = true;
  return Item::batch;
}

void JsonStream::hand_out(std::size_t begin, std::size_t end) {
  begin_ = begin;
  end_ = at_ = end;
  before_ = std::exchange(buffer_[begin - 1], '[');
  behind_ = std::exchange(buffer_[end], ']');
  handed_out_ = true;
  text_ = {&buffer_[begin - 1], end - begin + 2};
}

void JsonStream::restore() {
  if (!handed_out_) return;
  buffer_[begin_ - 1] = before_;
  buffer_[end_] = behind_;
  handed_out_ = false;
}

// Leaves at_ behind the colon.
bool JsonStream::read_name() {
  std::size_t size = 0;
  while ((size = end_of_value(&buffer_[at_], size_ - at_)) == kNone && more()) {}
  if (size == kNone || buffer_[at_] != '"') return false;
  name_.assign(&buffer_[at_ + 1], size - 2);
  at_ += size;
  while ((at_ < size_ || more()) && is_space(buffer_[at_])) ++at_;
  if (at_ >= size_ || buffer_[at_] != ':') return false;
  ++at_;
  while ((at_ < size_ || more()) && is_space(buffer_[at_])) ++at_;
  return at_ < size_;
}

std::optional<JsonStream::Item> JsonStream::member() {
  while (true) {
    if (!skip_separators()) {
      if (bare_) {
        done_ = true;
        return Item::end;
      }
      return stop("the file breaks off; what came before is used", "copy the file again");
    }
    if (bare_) return stop("text behind the end of the array is not used", "copy the file again");
    if (buffer_[at_] == '}') {
      ++at_;
      bare_ = true;  // from here on nothing may follow, as behind a bare array
      continue;
    }
    if (!read_name()) {
      return stop("no name of a member here; what came before is used", "copy the file again");
    }
    if (name_ == array_ && buffer_[at_] == '[') {
      ++at_;
      in_array_ = true;
      return std::nullopt;
    }
    std::size_t size = 0;
    while ((size = end_of_value(&buffer_[at_], size_ - at_)) == kNone && more()) {}
    if (size == kNone) {
      skip_record();
      if (done_) return Item::end;
      continue;
    }
    text_ = {&buffer_[at_], size};
    at_ += size;
    begin_ = at_ - size + 1;  // place() counts from a bracket
    return Item::member;
  }
}

aisle::Place JsonStream::place_of(std::size_t position) const {
  std::int64_t line = lines_, column = columns_;
  for (std::size_t i = 1; i < std::min(position, size_); ++i) {
    const bool covered = handed_out_ && i == begin_ - 1;
    const bool newline = (covered ? before_ : buffer_[i]) == '\n';
    line += newline ? 1 : 0;
    column = newline ? 0 : column + 1;
  }
  return {source_->name(), static_cast<int>(line + 1), static_cast<int>(column + 1)};
}

aisle::Place JsonStream::place(std::size_t offset) const {
  return place_of(handed_out_ ? begin_ - 1 + offset : at_);
}

}  // namespace aisle::workloads::traces
