// Aliases and .forward files as they are on the host now.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "alias/file.h"
#include "alias/table.h"
#include "base/time.h"

namespace angarium::alias {

/// Octets of a .forward file.
inline constexpr std::size_t kForwardMax = 64u << 10;

/// The table of a file, with what it may say.
struct Aliases {
  Table table;
  Trust trust = Trust::all;
  std::uint32_t owner = 0;  ///< of the file
};

/// /etc/aliases, kept until the file changes. Any thread; blocks for the file.
class AliasFile {
 public:
  /// `owner`: who beside root may own the file and still name commands and files.
  AliasFile(Files& files, std::string path, std::uint32_t owner, const Clock& clock = system_clock())
      : files_(files), path_(std::move(path)), owner_(owner), clock_(clock) {}

  /// Asks for the file's state and reads it again when that is another, or when it was changed so shortly before it was
  /// read that a second change may show the same time. No file, no aliases. kUnreadableFile (temporary), kTooLarge.
  Result<std::shared_ptr<const Aliases>> read();

 private:
  Files& files_;
  std::string path_;
  std::uint32_t owner_;
  const Clock& clock_;
  std::mutex mutex_;
  std::shared_ptr<const Aliases> known_;
  std::optional<FileStatus> status_;  ///< that `known_` was read from; nothing: no file
  bool settled_ = false;
};

/// What a user's .forward says.
struct Forward {
  List list;
  Trust trust = Trust::all;
};
/// Reads with the rights of this process: call as the user. Nothing without the file, or when it is no regular file of
/// root or the user: others do not send a user's mail away. kUnreadableFile.
Result<std::optional<Forward>> read_forward(Files& files, const std::string& path, std::uint32_t user);

}  // namespace angarium::alias
