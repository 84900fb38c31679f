// Files of tests: texts by path, in memory.
#pragma once

#include <map>
#include <set>

#include "alias/file.h"

namespace angarium::alias {

class MemoryFiles final : public Files {
 public:
  /// Writes the file; what it was before is another state.
  void write(const std::string& path, std::string text, FileStatus status = {}) {
    status.size = text.size();
    status.inode = ++inode_;
    files_[path] = {.status = status, .text = std::move(text)};
  }
  /// Like an editor that keeps everything but the octets as it was.
  void change_unseen(const std::string& path, std::string text) { files_[path].text = std::move(text); }
  void remove(const std::string& path) { files_.erase(path); }
  void set_unreadable(const std::string& path) { unreadable_.insert(path); }
  void set_readable(const std::string& path) { unreadable_.erase(path); }
  [[nodiscard]] std::size_t reads() const { return reads_; }

  Result<std::optional<FileStatus>> status(const std::string& path) override {
    if (unreadable_.contains(path)) return fail(kUnreadableFile, "cannot read " + path);
    const auto file = files_.find(path);
    if (file == files_.end()) return std::nullopt;
    return file->second.status;
  }
  Result<std::optional<FileText>> read(const std::string& path, std::size_t max) override {
    ++reads_;
    if (!TRY(status(path))) return std::nullopt;
    if (files_[path].text.size() > max) return fail(kUnreadableFile, path + " is too large");
    return files_[path];
  }

 private:
  std::map<std::string, FileText> files_;
  std::set<std::string> unreadable_;
  std::uint64_t inode_ = 0;
  std::size_t reads_ = 0;
};

}  // namespace angarium::alias
