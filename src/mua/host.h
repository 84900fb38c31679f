// Files and programs of the user's host.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace angarium::mua {

/// Octets of a file or of a program's output that are taken into a message; larger ones are refused.
inline constexpr std::size_t kTextMax = std::size_t{64} << 20;

/// "~/x" and "~" in the home folder; others as they are.
std::string in_home(std::string_view path, const std::string& home);
bool file_exists(const std::string& path);
bool is_folder(const std::string& path);
/// Whether both names mean one file that is there.
bool same_file(const std::string& a, const std::string& b);
/// The whole file. kHost, also for one beyond `max` octets and one that is no regular file or pipe.
Result<std::string> read_file(const std::string& path, std::size_t max = kTextMax);
/// At the end of the file, which is made with mode 0600; synced.
Result<> append_file(const std::string& path, std::string_view octets);
/// A file that was not there before, for its owner alone unless `mode` says otherwise; synced. kHost, also when
/// something of the name is there, a link too; then, and after any error, nothing is left behind.
Result<> write_new_file(const std::string& path, std::string_view octets, unsigned mode = 0600);
/// If it is there.
void remove_file(const std::string& path);
/// A new file, 0600, in the folder for temporary ones; removed with its object.
class TemporaryFile {
 public:
  /// `suffix`: such as ".txt".
  static Result<TemporaryFile> make(std::string_view content, std::string_view suffix = "");
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// Runs `shell -c command` with this program's terminal and waits for it: its exit status, 128 and the signal for one
/// that was killed. SIGINT and SIGQUIT are its alone meanwhile. kHost when it can't be started.
Result<int> run_command(const std::string& shell, const std::string& command);
/// The same with `input` as its input; a program that does not read it all is left in peace.
Result<int> feed_command(const std::string& shell, const std::string& command, std::string_view input);
struct Ran {
  int status = 0;
  std::string output;
};
/// The same, and what it prints is taken. kHost for more than kTextMax octets.
Result<Ran> filter_command(const std::string& shell, const std::string& command, std::string_view input);

/// Text for the shell as one word.
std::string shell_word(std::string_view text);

}  // namespace angarium::mua
