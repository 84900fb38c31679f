// The drop folder: DIR/drop, mode 1733, the server's. Users of this host put files there, each under a name that cannot
// be guessed; they can neither list it nor touch what others have put there. Both ends, plain system calls that block.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "drop/file.h"

namespace angarium::drop {

/// What the server answers to "mail.take" once the message is durable in its store; anything else that is no refusal
/// leaves the file where it is, and it is the writer's to settle().
inline constexpr std::string_view kTaken = "\"taken\"";

/// The folder is not there, or a system call failed: "cannot write …: No space left on device".
inline constexpr ErrorKind kFolder{"drop.folder", Fault::dependency, Lasting::temporary};
/// The file is not there (any more).
inline constexpr ErrorKind kGone{"drop.gone", Fault::user, Lasting::permanent};

inline constexpr unsigned kFolderMode = 01733;
/// Where what cannot be taken is set aside; the server's alone.
inline constexpr std::string_view kBadFolder = "bad";

/// Letters and digits after "m-": 128 random bits in hex.
bool is_file_name(std::string_view name);

// --- the user's end -------------------------------------------------------------------------------------------------

/// A file on its way into the folder. Without finish() nothing is left of it.
class Writer {
 public:
  /// Creates the file under a name the server does not look at. kFolder.
  static Result<Writer> create(const std::string& folder, const Note& note, Random& random);
  Writer(Writer&& other) noexcept;
  Writer& operator=(Writer&&) = delete;
  ~Writer();

  Result<> append(std::string_view octets);
  /// Octets of the message so far.
  [[nodiscard]] std::uint64_t length() const { return seal_.length; }
  /// Writes the seal, waits until the content is on the disk and gives the file its name, which is returned: from now
  /// on the server may take it.
  Result<std::string> finish();
  /// Waits until the name is on the disk, too. The folder cannot be opened by users, to be synced alone.
  Result<> settle();

 private:
  Writer(std::string folder, std::string token, int descriptor);
  Result<> flush();

  std::string folder_;
  std::string token_;
  std::string buffer_;
  Seal seal_;
  int descriptor_;
  bool named_ = false;
};

// --- the server's end -----------------------------------------------------------------------------------------------

/// A file that was found fit: regular, one link, named as a finished one, and closed when this ends.
class Reader {
 public:
  /// kGone, kBadFile, kFolder.
  static Result<Reader> open(const std::string& folder, const std::string& name);
  Reader(Reader&& other) noexcept;
  Reader& operator=(Reader&&) = delete;
  ~Reader();

  [[nodiscard]] unsigned owner() const { return owner_; }
  [[nodiscard]] const Start& start() const { return start_; }
  /// The next piece of the message, empty at its end; there the checksum is right or kBadFile.
  Result<std::string> next();

  static constexpr std::size_t kPiece = 256 * 1024;

 private:
  explicit Reader(int descriptor) : descriptor_(descriptor) {}
  Result<> read_start();

  int descriptor_;
  unsigned owner_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t at_ = 0;
  std::uint32_t crc_ = 0;
  Start start_;
};

/// Names of at most so many finished files; unfinished ones older than a day are removed.
Result<std::vector<std::string>> list(const std::string& folder, std::size_t max, WallTime now);
/// Removes a file for good: it does not come back after a power cut.
Result<> remove(const std::string& folder, const std::string& name);
/// Moves it into the folder `bad`.
Result<> set_aside(const std::string& folder, const std::string& name);
/// Whether the folder is one, this process' own, and nobody can list it or take what others put there.
Result<> check_folder(const std::string& folder);

}  // namespace angarium::drop
