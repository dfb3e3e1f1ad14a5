// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/source.hpp"

#include <fmt/core.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>

namespace aisle::workloads::traces {

// Either a file, through zlib (which passes plain bytes on), or a text.
struct Source::Impl {
  gzFile file = nullptr;
  std::string_view text;
  std::string head;  // read, but not yet consumed
  std::size_t head_used = 0;
  double whole = 1;  // size on disk, or of the text
  bool has_head = false, broken = false;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ~Impl() {
    if (file != nullptr) gzclose_r(file);
  }

  std::size_t read(char* to, std::size_t size) {
    if (file == nullptr) {
      const std::size_t taken = std::min(size, text.size());
      std::copy_n(text.data(), taken, to);
      text.remove_prefix(taken);
      return taken;
    }
    std::size_t done = 0;
    while (done < size && !broken) {
      const std::size_t part = std::min(size - done, std::size_t{1} << 30);
      const int got = gzread(file, to + done, static_cast<unsigned>(part));
      if (got <= 0) {
        int code = Z_OK;
        gzerror(file, &code);
        broken = got < 0 || code == Z_BUF_ERROR;
        break;
      }
      done += static_cast<std::size_t>(got);
    }
    return done;
  }
};

Source::Source() : impl_(std::make_unique<Impl>()) {}

Source::Source(Source&&) noexcept = default;
Source& Source::operator=(Source&&) noexcept = default;
Source::~Source() = default;

std::optional<Source> Source::open(const std::string& path, Diagnostics& diagnostics) {
  namespace fs = std::filesystem;
  const auto refuse = [&](const std::string& sentence, const std::string& hint) {
    diagnostics.error({path, 0, 0}, {}, sentence, hint);
    return std::nullopt;
  };
  std::error_code failure;
  const fs::file_status status = fs::status(path, failure);
  if (!fs::exists(status)) return refuse("there is no such file", "check the path");
  if (fs::is_directory(status)) return refuse("is a folder", "name the traces in it");
  Source source;
  source.name_ = path;
  source.impl_->file = gzopen(path.c_str(), "rb");
  if (source.impl_->file == nullptr) return refuse("cannot be read", "check its permissions");
  gzbuffer(source.impl_->file, 1U << 20);
  const std::uintmax_t size = fs::file_size(path, failure);
  if (!failure && size > 0) source.impl_->whole = static_cast<double>(size);
  if (source.head().empty()) {
    return source.broken()
               ? refuse("the compressed stream is damaged at its start", "copy the file again")
               : refuse("is empty", "the profiler wrote nothing, or is still writing");
  }
  if (gzdirect(source.impl_->file) == 1) source.plain_path_ = path;
  return source;
}

Source Source::over(std::string_view text, std::string name) {
  Source source;
  source.impl_->text = text;
  source.impl_->whole = static_cast<double>(std::max<std::size_t>(text.size(), 1));
  source.name_ = std::move(name);
  return source;
}

std::string_view Source::head() {
  if (!impl_->has_head) {
    impl_->has_head = true;
    impl_->head.resize(kHead);
    impl_->head.resize(impl_->read(impl_->head.data(), kHead));
  }
  return impl_->head;
}

std::size_t Source::read(char* to, std::size_t size) {
  const std::size_t left = impl_->head.size() - impl_->head_used;
  const std::size_t taken = std::min(size, left);
  std::copy_n(impl_->head.data() + impl_->head_used, taken, to);
  impl_->head_used += taken;
  return taken + (taken < size ? impl_->read(to + taken, size - taken) : 0);
}

double Source::progress() const {
  const double read = impl_->file != nullptr
                          ? static_cast<double>(gzoffset(impl_->file))
                          : impl_->whole - static_cast<double>(impl_->text.size());
  return std::clamp(read / impl_->whole, 0.0, 1.0);
}

bool Source::broken() const {
  return impl_->broken;
}

std::optional<std::string> read_all(Source& source, std::size_t most, Diagnostics& diagnostics) {
  std::string text;
  std::array<char, std::size_t{1} << 16> block;
  while (const std::size_t got = source.read(block.data(), block.size())) {
    text.append(block.data(), got);
    if (text.size() <= most) continue;
    diagnostics.error({source.name(), 0, 0}, {},
                      fmt::format("is longer than the {} MB that this format may take", most >> 20),
                      "split the recording");
    return std::nullopt;
  }
  return text;
}

}  // namespace aisle::workloads::traces
