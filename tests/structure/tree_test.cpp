// SPDX-License-Identifier: Apache-2.0
// Does the tree keep its promises: include direction, sizes, licence lines, top level, wording.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct File {
  std::string path;  // from the root of the repository
  std::vector<std::string> lines;
};

bool has_ending(const std::string& path, std::initializer_list<std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return path.ends_with(ending); });
}

bool is_ours(const fs::path& entry) {
  const std::string name = entry.filename().string();
  return name != ".git" && name != ".cache" && name != "results" && !name.starts_with("build") &&
         !name.ends_with(".swp") && name != "CMakeUserPresets.json";
}

void collect(const fs::path& folder, const fs::path& root, std::vector<File>& files) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory()) {
      if (folder != root || is_ours(entry.path())) collect(entry.path(), root, files);
      continue;
    }
    if (!entry.is_regular_file() || (folder == root && !is_ours(entry.path()))) continue;
    File file{fs::relative(entry.path(), root).string(), {}};
    std::ifstream in(entry.path(), std::ios::binary);
    bool text = true;
    for (std::string line; std::getline(in, line);) {
      text = text && line.find('\0') == std::string::npos;
      file.lines.push_back(line);
    }
    if (text) files.push_back(std::move(file));
  }
}

const std::vector<File>& tree() {
  static const std::vector<File> files = [] {
    std::vector<File> all;
    collect(AISLE_SOURCE_DIR, AISLE_SOURCE_DIR, all);
    std::sort(all.begin(), all.end(), [](const File& a, const File& b) { return a.path < b.path; });
    return all;
  }();
  return files;
}

std::string at(const File& file, std::size_t index) {
  return file.path + ":" + std::to_string(index + 1) + ": " + file.lines[index];
}

// What each folder may include, from the arrows of the design (themselves included; everyone may
// include sim/base). Schemas count as the folder that holds the .proto.
const std::map<std::string, std::set<std::string>>& allowed() {
  static const std::map<std::string, std::set<std::string>> table = [] {
    const std::set<std::string> topology = {"sim/base", "topology"};
    std::set<std::string> workloads = topology;
    workloads.insert("workloads");
    std::set<std::string> kernels = workloads;
    kernels.insert("sim/kernels");
    std::set<std::string> power = topology;
    power.insert("power");
    std::set<std::string> engine = kernels;
    engine.insert({"power", "sim/engine"});
    std::set<std::string> study = engine;
    study.insert("sim/study");
    std::set<std::string> report = study;
    report.insert("sim/report");
    std::set<std::string> cli = report;
    cli.insert("sim/cli");
    std::set<std::string> gui = report;
    gui.insert("gui");
    return std::map<std::string, std::set<std::string>>{
        {"sim/base", {"sim/base"}}, {"topology", topology},
        {"workloads", workloads},   {"sim/kernels", kernels},
        {"power", power},           {"sim/engine", engine},
        {"sim/study", study},       {"sim/report", report},
        {"sim/cli", cli},           {"gui", gui},
    };
  }();
  return table;
}

// The folder of the design that a path lies in, or "".
std::string box(const std::string& path) {
  for (const auto& [folder, below] : allowed()) {
    if (path.starts_with(folder + "/")) return folder;
  }
  return "";
}

// The schemas' messages meet in one library; power and workloads name the shared Figure type and
// scenario messages that their doors take, so schema headers are exempt from the arrows.
bool is_schema(const std::string& included) {
  return included.ends_with(".pb.h");
}

std::string included_by(const std::string& line, char open, char close) {
  const std::size_t hash = line.find_first_not_of(" \t");
  if (hash == std::string::npos || line.compare(hash, 8, "#include") != 0) return "";
  const std::size_t from = line.find(open, hash);
  const std::size_t to = from == std::string::npos ? from : line.find(close, from + 1);
  return to == std::string::npos ? "" : line.substr(from + 1, to - from - 1);
}

TEST(Tree, IncludesPointDown) {
  int checked = 0;
  for (const File& file : tree()) {
    const std::string from = box(file.path);
    if (from.empty() || !has_ending(file.path, {".cpp", ".hpp"})) continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const std::string included = included_by(file.lines[i], '"', '"');
      const std::string to = box(included);
      if (to.empty() || is_schema(included)) continue;
      ++checked;
      EXPECT_TRUE(allowed().at(from).contains(to)) << "upward include: " << at(file, i);
    }
  }
  EXPECT_GT(checked, 20);
}

TEST(Tree, IncludesOfOursAreWrittenFromTheRoot) {
  for (const File& file : tree()) {
    if (box(file.path).empty() || !has_ending(file.path, {".cpp", ".hpp"})) continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const std::string included = included_by(file.lines[i], '"', '"');
      if (included.empty() || has_ending(included, {".moc", ".pb.h"})) continue;
      EXPECT_FALSE(box(included).empty()) << "not from the root: " << at(file, i);
    }
  }
}

TEST(Tree, HeavyHeadersStayInSources) {
  const std::vector<std::string> heavy = {"simgrid",     "boost",      "google/protobuf", "CLI",
                                          "qcustomplot", "simdjson",   "sqlite3",         "fmt/",
                                          "Eigen",       "unsupported"};
  for (const File& file : tree()) {
    if (!file.path.ends_with(".hpp")) continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      std::string included = included_by(file.lines[i], '<', '>');
      if (included.empty()) included = included_by(file.lines[i], '"', '"');
      for (const std::string& name : heavy) {
        EXPECT_FALSE(included.starts_with(name)) << "heavy header: " << at(file, i);
      }
    }
  }
}

TEST(Tree, SourcesNameTheirLicence) {
  for (const File& file : tree()) {
    const bool source = has_ending(file.path, {".cpp", ".hpp", ".proto", ".cmake"}) ||
                        file.path.ends_with("CMakeLists.txt");
    if (!source) continue;
    ASSERT_FALSE(file.lines.empty()) << file.path;
    EXPECT_NE(file.lines.front().find("SPDX-License-Identifier: Apache-2.0"), std::string::npos)
        << file.path << " does not start with its licence line";
  }
}

TEST(Tree, FilesStayShort) {
  for (const File& file : tree()) {
    if (file.path.ends_with(".hpp")) {
      EXPECT_LE(file.lines.size(), 200U) << file.path;
    } else if (file.path.ends_with(".cpp")) {
      EXPECT_LE(file.lines.size(), 500U) << file.path;
    }
  }
}

TEST(Tree, TopLevelIsTheAgreedOne) {
  const std::set<std::string> agreed = {
      "CMakeLists.txt", "LICENSE", "README.md", "docs",     "gui",      "power",
      "scenarios",      "sim",     "tests",     "topology", "workloads"};
  for (const fs::directory_entry& entry : fs::directory_iterator(AISLE_SOURCE_DIR)) {
    const std::string name = entry.path().filename().string();
    if (!is_ours(entry.path()) || name.starts_with(".")) continue;
    EXPECT_TRUE(agreed.contains(name)) << "not agreed at the top level: " << name;
  }
}

// Words in two halves, or this file would find itself. Each is machine- or moment-bound: a path of
// one machine, or work announced instead of done.
TEST(Tree, NoMachinePathsAndNothingLeftToDo) {
  const std::vector<std::string> words = {
      "/wo"
      "rk/",
      "/tmp/ai"
      "sle",
      "TO"
      "DO",
      "FIX"
      "ME"};
  for (const File& file : tree()) {
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      for (const std::string& word : words) {
        EXPECT_EQ(file.lines[i].find(word), std::string::npos)
            << "'" << word << "': " << at(file, i);
      }
    }
  }
}

}  // namespace
