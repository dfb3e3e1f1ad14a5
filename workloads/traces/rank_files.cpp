// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/rank_files.hpp"

#include "workloads/traces/assemble.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace aisle::workloads::traces {
namespace {

namespace fs = std::filesystem;

/// Profilers whose files complete each other.
enum class Family { none, ascend, nsys };

Family family_of(const Importer* importer) {
  if (importer == nullptr) return Family::none;
  switch (importer->format) {
    case Format::ascend_kernels:
    case Format::ascend_operators:
    case Format::ascend_collectives:
    case Format::ascend_steps:
    case Format::ascend_trace_view:
      return Family::ascend;
    case Format::nsys_sqlite:
    case Format::nsys_kernel_sum:
    case Format::nsys_gpu_trace:
      return Family::nsys;
    default:
      return Family::none;
  }
}

/// The last "rank3", "rank_3" or "rank-3" in a name.
std::optional<std::int32_t> rank_in(const std::string& name) {
  constexpr std::string_view kWord = "rank";
  constexpr std::size_t kDigits = 7;
  const std::string text = lowered(name);
  for (std::size_t at = text.rfind(kWord); at != std::string::npos;
       at = at == 0 ? std::string::npos : text.rfind(kWord, at - 1)) {
    std::size_t from = at + kWord.size();
    if (from < text.size() && (text[from] == '_' || text[from] == '-')) ++from;
    const std::size_t end = std::min(text.find_first_not_of("0123456789", from), text.size());
    if (end > from && end - from <= kDigits) return std::stoi(text.substr(from, end - from));
  }
  return std::nullopt;
}

/// Ascend's profiler leaves "profiler_info_3.json" beside the output folder of rank 3.
std::optional<std::int32_t> rank_of_info(const fs::path& folder) {
  constexpr std::string_view kStem = "profiler_info_";
  std::optional<std::int32_t> found;
  std::error_code failure;
  for (fs::directory_iterator at(folder, failure), end; !failure && at != end;
       at.increment(failure)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(kStem)) continue;
    const std::string digits = name.substr(kStem.size(), name.find('.') - kStem.size());
    const auto number = to_integer(digits);
    if (!number || *number < 0 || *number > 1'000'000) continue;
    if (found) return std::nullopt;
    found = small(*number);
  }
  return found;
}

/// What a name tells beside the kind of table that it names.
struct Name {
  std::string folder, prefix, table, suffix;
  std::optional<std::int32_t> rank;
};

Name name_of(const InputFile& file, Family family) {
  constexpr std::array<std::string_view, 14> kTables = {
      "kernel_details", "op_summary",        "op_statistic",   "communication_matrix",
      "communication",  "step_trace_time",   "step_trace",     "trace_view",
      "msprof",         "cuda_gpu_kern_sum", "cuda_gpu_trace", "cuda_gpu_kernel_sum",
      "gpukernsum",     "gputrace"};
  const fs::path path = fs::path(file.path);
  Name name;
  std::error_code failure;
  const fs::path folder = fs::absolute(path, failure).lexically_normal().parent_path();
  name.folder = folder.string();
  std::string stem = path.filename().string();
  for (const std::string_view ending : {".gz", ".csv", ".json", ".sqlite", ".db"}) {
    if (stem.size() > ending.size() && stem.ends_with(ending)) {
      stem.resize(stem.size() - ending.size());
    }
  }
  name.rank = rank_in(stem);
  for (const std::string_view table : kTables) {
    const std::size_t at = lowered(stem).rfind(table);
    if (at == std::string::npos) continue;
    name.table = table;
    name.prefix = stem.substr(0, at);
    name.suffix = stem.substr(at + table.size());
    break;
  }
  if (name.table.empty()) name.prefix = stem;
  while (!name.prefix.empty() &&
         std::string_view("_-. ").find(name.prefix.back()) != std::string_view::npos) {
    name.prefix.pop_back();
  }
  if (family != Family::ascend) return name;
  if (!name.rank) name.rank = rank_in(folder.filename().string());
  if (!name.rank) name.rank = rank_in(folder.parent_path().filename().string());
  if (!name.rank) name.rank = rank_of_info(folder);
  if (!name.rank) name.rank = rank_of_info(folder.parent_path());
  return name;
}

/// Puts the files of one rank together.
class Grouping {
 public:
  void add(InputFile file) {
    const Family family = family_of(file.importer);
    Name name = name_of(file, family);
    Kind kind{file.importer == nullptr ? Format::normalised : file.importer->format, name.table};
    Group* group = family == Family::none ? nullptr : place_for(family, name, kind);
    if (group == nullptr) {
      groups_.push_back({family, std::move(name), {}, {}});
      group = &groups_.back();
    }
    group->tables.insert(std::move(kind));
    group->files.push_back(std::move(file));
  }

  std::vector<RankFiles> take() {
    join_by_rank();
    std::stable_sort(groups_.begin(), groups_.end(), [](const Group& a, const Group& b) {
      constexpr std::int32_t kLast = std::numeric_limits<std::int32_t>::max();
      return a.name.rank.value_or(kLast) < b.name.rank.value_or(kLast);
    });
    std::map<std::int32_t, int> count;
    for (const Group& group : groups_) {
      if (group.name.rank) ++count[*group.name.rank];
    }
    std::vector<RankFiles> out;
    for (Group& group : groups_) {
      const bool alone = group.name.rank && count[*group.name.rank] == 1;
      out.push_back({std::move(group.files), alone ? *group.name.rank : kNone});
    }
    return out;
  }

 private:
  using Kind = std::pair<Format, std::string>;

  struct Group {
    Family family;
    Name name;  // of its first file
    std::set<Kind> tables;
    std::vector<InputFile> files;
  };

  /// A second table of one kind is another rank's; among several the suffix decides.
  Group* place_for(Family family, const Name& name, const Kind& kind) {
    Group* best = nullptr;
    for (Group& group : groups_) {
      if (group.family != family || group.name.folder != name.folder ||
          group.name.prefix != name.prefix || group.name.rank != name.rank ||
          group.tables.contains(kind))
        continue;
      if (best == nullptr || group.name.suffix == name.suffix) best = &group;
    }
    return best;
  }

  /// Files in several folders, or under several prefixes, whose names tell the same rank.
  void join_by_rank() {
    std::map<std::int32_t, Group*> first;
    for (Group& group : groups_) {
      if (group.family != Family::ascend || !group.name.rank) continue;
      const auto [place, fresh] = first.try_emplace(*group.name.rank, &group);
      if (fresh) continue;
      Group& into = *place->second;
      const bool apart = std::none_of(group.tables.begin(), group.tables.end(),
                                      [&](const Kind& kind) { return into.tables.contains(kind); });
      if (!apart) continue;
      into.tables.insert(group.tables.begin(), group.tables.end());
      std::move(group.files.begin(), group.files.end(), std::back_inserter(into.files));
      group.files.clear();
    }
    std::erase_if(groups_, [](const Group& group) { return group.files.empty(); });
  }

  std::vector<Group> groups_;
};

/// Traces in a folder and in the folders below it.
class Search {
 public:
  Search(Grouping& grouping, Diagnostics& diagnostics)
      : grouping_(grouping), diagnostics_(diagnostics) {}

  /// How many traces were found.
  int run(const fs::path& folder, int depth) {
    std::vector<fs::path> files, folders;
    std::error_code failure;
    for (fs::directory_iterator at(folder, failure), end; !failure && at != end;
         at.increment(failure)) {
      std::error_code unknown;
      if (at->is_regular_file(unknown)) files.push_back(at->path());
      if (at->is_directory(unknown)) folders.push_back(at->path());
    }
    std::sort(files.begin(), files.end());
    std::sort(folders.begin(), folders.end());
    // Beside what Ascend's profilers put out lie their raw records.
    for (const char* output : {"ASCEND_PROFILER_OUTPUT", "mindstudio_profiler_output"}) {
      if (fs::is_directory(folder / output, failure)) return run(folder / output, depth);
      // Databases of its own with what the tables have.
      if (folder.filename() == output) {
        std::erase_if(files, [](const fs::path& path) { return path.extension() == ".db"; });
      }
    }
    int found = take(folder, files);
    for (const fs::path& below : folders) {
      const std::string name = below.filename().string();
      // "cluster_analysis_output" sums up over ranks.
      if (depth == 0 || name.starts_with('.') || name == "cluster_analysis_output") {
        diagnostics_.note({below.string(), 0, 0}, {}, "this folder is not searched");
        continue;
      }
      found += run(below, depth - 1);
    }
    return found;
  }

 private:
  int take(const fs::path& folder, const std::vector<fs::path>& files) {
    int found = 0;
    std::vector<std::string> left_out;
    for (const fs::path& path : files) {
      Diagnostics quiet;
      std::optional<Source> source = Source::open(path.string(), quiet);
      const Importer* importer = source ? importer_of(*source) : nullptr;
      if (importer == nullptr) {
        left_out.push_back(path.string());
        continue;
      }
      grouping_.add({path.string(), importer, false});
      ++found;
    }
    if (left_out.size() == 1) {
      diagnostics_.note({left_out[0], 0, 0}, {},
                        "is left out: no trace of a format that Aisle knows");
    } else if (!left_out.empty()) {
      diagnostics_.note({folder.string(), 0, 0}, {},
                        fmt::format("{} files are left out, {} the first: no traces of a format "
                                    "that Aisle knows",
                                    left_out.size(), fs::path(left_out[0]).filename().string()));
    }
    return found;
  }

  Grouping& grouping_;
  Diagnostics& diagnostics_;
};

}  // namespace

const Importer* importer_of(Source& source) {
  const std::string_view head = source.head();
  for (const Importer& importer : importers()) {
    if (importer.recognises(head)) return &importer;
  }
  return nullptr;
}

std::vector<RankFiles> find_rank_files(const std::vector<std::string>& paths,
                                       Diagnostics& diagnostics) {
  constexpr int kDepth = 4;  // job / rank / PROF_... / output
  Grouping grouping;
  for (const std::string& path : paths) {
    std::error_code failure;
    if (fs::is_directory(path, failure)) {
      if (Search(grouping, diagnostics).run(path, kDepth) == 0) {
        diagnostics.error({path, 0, 0}, {}, "no trace in this folder",
                          "docs/formats/kernel-traces.md lists the formats");
      }
      continue;
    }
    InputFile file{path, nullptr, true};
    // A pipe can be read once only.
    if (fs::is_regular_file(path, failure)) {
      Diagnostics quiet;
      if (std::optional<Source> source = Source::open(path, quiet)) {
        file.importer = importer_of(*source);
      }
    }
    grouping.add(std::move(file));
  }
  return grouping.take();
}

}  // namespace aisle::workloads::traces
