// Files that say where mail goes, behind a seam: whose they are decides what they may say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace angarium::alias {

/// It is there, or may be, but cannot be read now.
inline constexpr ErrorKind kUnreadableFile{"alias.unreadable", Fault::dependency, Lasting::temporary};

/// What tells one state of a file from another, and whose it is.
struct FileStatus {
  bool regular = true;
  std::uint32_t owner = 0;
  std::uint32_t mode = 0644;  ///< permissions alone
  std::uint64_t size = 0;
  std::int64_t changed_ns = 0;  ///< mtime
  std::uint64_t inode = 0;
  std::uint64_t device = 0;
  friend bool operator==(const FileStatus&, const FileStatus&) = default;
};

/// What the targets of a file may be.
enum class Trust {
  all,
  addresses,  ///< who else may write there must not gain commands or files
};
/// `all` for a regular file that root or `owner` owns and nobody else may write.
Trust trust_of(const FileStatus& status, std::uint32_t owner);

struct FileText {
  FileStatus status;
  std::string text;  ///< empty unless the file is regular
};

/// Blocks: for pools, not for loops. Any thread.
class Files {
 public:
  virtual ~Files() = default;
  /// Nothing when there is no such file. kUnreadableFile.
  virtual Result<std::optional<FileStatus>> status(const std::string& path) = 0;
  /// The same with the octets; kUnreadableFile for more than `max` too. Status and text are of one open file.
  virtual Result<std::optional<FileText>> read(const std::string& path, std::size_t max) = 0;
};

/// Those of this host, with the rights of this process. Symbolic links are followed. Lives as long as the process.
Files& system_files();

}  // namespace angarium::alias
