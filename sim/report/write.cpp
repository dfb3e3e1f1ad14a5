// SPDX-License-Identifier: Apache-2.0
#include "sim/base/diagnostics.hpp"
#include "sim/report/report.hpp"
#include "sim/report/series.hpp"
#include "sim/study/result.pb.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <zlib.h>

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <limits>
#include <system_error>
#include <unistd.h>

namespace aisle::sim {
namespace {

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

/// A file that is being written beside its final name; removed unless it is renamed.
class NewFile {
 public:
  explicit NewFile(const std::string& path) : path_(path) {
    static std::atomic<unsigned> count{0};
    const std::filesystem::path final_path(path);
    const std::string name = "." + final_path.filename().string() + "." +
                             std::to_string(::getpid()) + "." + std::to_string(count++) + ".tmp";
    temporary_ = (final_path.parent_path() / name).string();
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0) refuse();
  }

  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  ~NewFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!renamed_) ::unlink(temporary_.c_str());
  }

  void write(const std::string& content) {
    std::size_t done = 0;
    while (done < content.size()) {
      const ssize_t written = ::write(descriptor_, content.data() + done, content.size() - done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) refuse();
      done += static_cast<std::size_t>(written);
    }
  }

  /// Content first, name second: after a power cut the name never stands for half a file.
  void keep() {
    // Some special files cannot be synchronised, and need not be.
    if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP) refuse();
    const int closed = ::close(descriptor_);
    descriptor_ = -1;
    if (closed != 0) refuse();
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) refuse();
    renamed_ = true;
  }

 private:
  [[noreturn]] void refuse() {
    const int error = errno;
    if (descriptor_ >= 0) {
      ::close(descriptor_);
      descriptor_ = -1;
      ::unlink(temporary_.c_str());
    }
    fail(error, "cannot write " + path_);
  }

  std::string path_, temporary_;
  int descriptor_ = -1;
  bool renamed_ = false;
};

std::string gzip(const std::string& content) {
  AISLE_ASSERT(content.size() <= std::numeric_limits<uInt>::max() / 2,
               "a trace of more than 2 GB is compressed in pieces");
  z_stream stream{};
  constexpr int kGzipHeader = 16;
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzipHeader, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    fail(ENOMEM, "cannot compress");
  }
  std::string out(deflateBound(&stream, content.size()), '\0');
  // zlib reads through a pointer to non-const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) fail(EIO, "cannot compress");
  return out;
}

/// Equal results are equal bytes.
std::string binary(const pb::Result& result) {
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    result.SerializeToCodedStream(&coded);
  }
  return out;
}

}  // namespace

void write_file(const std::string& path, const std::string& content) {
  NewFile file(path);
  file.write(content);
  file.keep();
}

void make_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  // The library's message for a file in the way differs from version to version; ours names it.
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    fail(error ? error.value() : ENOTDIR, "cannot make the folder " + folder);
  }
}

void write_result(const pb::Result& result, const std::string& folder) {
  make_folder(folder);
  const std::string at = folder.ends_with('/') ? folder : folder + "/";
  write_file(at + "result.json", result_json(result));
  write_file(at + "result.csv", result_csv(result));
  write_file(at + "trace.perfetto.json.gz", gzip(perfetto_json(result)));
  write_file(at + "report.html", html_page(result));
  if (result.series_size() > 0) write_file(at + "series.csv", series_csv(result));
  if (result.requests().arrival_s_size() > 0) write_file(at + "requests.csv", requests_csv(result));
  // Last, because it is what other commands read: where it is, the rest is too.
  write_file(at + "result.pb", binary(result));
}

}  // namespace aisle::sim
