#include "drop/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "base/crc32c.h"
#include "base/text.h"

namespace angarium::drop {
namespace {

constexpr std::string_view kFinished = "m-";
constexpr std::string_view kUnfinished = "t-";
constexpr std::size_t kTokenLetters = 32;
constexpr std::size_t kBufferSize = 256 * 1024;
constexpr std::int64_t kUnfinishedSeconds = 24 * 60 * 60;

Error failed(const std::string& what, int number) {
  return {kFolder, "cannot " + what + ": " + strerrordesc_np(number)};
}

std::string path(const std::string& folder, std::string_view prefix, const std::string& token) {
  return folder + "/" + std::string(prefix) + token;
}

Result<> write_at(int descriptor, std::string_view octets, std::int64_t at) {
  while (!octets.empty()) {
    const ssize_t written =
        at < 0 ? write(descriptor, octets.data(), octets.size()) : pwrite(descriptor, octets.data(), octets.size(), at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(failed("write into the drop folder", errno));
    octets.remove_prefix(static_cast<std::size_t>(written));
    if (at >= 0) at += written;
  }
  return {};
}

Result<> sync_folder(const std::string& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return std::unexpected(failed("open " + folder, errno));
  const int done = fsync(descriptor);
  const int number = errno;
  close(descriptor);
  if (done != 0) return std::unexpected(failed("sync " + folder, number));
  return {};
}

bool is_token(std::string_view token) {
  if (token.size() != kTokenLetters) return false;
  for (const char c : token)
    if (!is_digit(c) && (c < 'a' || c > 'f')) return false;
  return true;
}

/// Left by a program that was ended while it wrote.
void remove_if_old(const std::string& folder, const std::string& name, WallTime now) {
  const std::string file = folder + "/" + name;
  struct stat status{};
  if (lstat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  if (now.seconds() - status.st_mtim.tv_sec > kUnfinishedSeconds) unlink(file.c_str());
}

}  // namespace

bool is_file_name(std::string_view name) {
  return name.starts_with(kFinished) && is_token(name.substr(kFinished.size()));
}

Writer::Writer(std::string folder, std::string token, int descriptor)
    : folder_(std::move(folder)), token_(std::move(token)), descriptor_(descriptor) {}

Writer::Writer(Writer&& other) noexcept
    : folder_(std::move(other.folder_)),
      token_(std::move(other.token_)),
      buffer_(std::move(other.buffer_)),
      seal_(other.seal_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      named_(other.named_) {}

Writer::~Writer() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  if (!named_) unlink(path(folder_, kUnfinished, token_).c_str());
}

Result<Writer> Writer::create(const std::string& folder, const Note& note, Random& random) {
  std::string token = to_hex(random.octets(kTokenLetters / 2));
  // The server, which may be another user, reads it; others would have to know its name.
  const int descriptor =
      open(path(folder, kUnfinished, token).c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0) return std::unexpected(failed("make a file in " + folder, errno));
  Writer writer(folder, std::move(token), descriptor);
  if (fchmod(descriptor, 0644) != 0) return std::unexpected(failed("make a file in " + folder, errno));
  const std::string text = format_note(note);
  writer.buffer_ = format_seal({}) + text;
  writer.seal_.crc = crc32c(text);
  return writer;
}

Result<> Writer::append(std::string_view octets) {
  seal_.length += octets.size();
  seal_.crc = crc32c(octets, seal_.crc);
  buffer_ += octets;
  return buffer_.size() < kBufferSize ? Result<>() : flush();
}

Result<> Writer::flush() {
  TRY(write_at(descriptor_, buffer_, -1));
  buffer_.clear();
  return {};
}

Result<std::string> Writer::finish() {
  TRY(flush());
  TRY(write_at(descriptor_, format_seal(seal_), 0));
  if (fsync(descriptor_) != 0) return std::unexpected(failed("sync a file of the drop folder", errno));
  if (rename(path(folder_, kUnfinished, token_).c_str(), path(folder_, kFinished, token_).c_str()) != 0)
    return std::unexpected(failed("name a file of the drop folder", errno));
  named_ = true;
  return std::string(kFinished) + token_;
}

Result<> Writer::settle() {
  if (syncfs(descriptor_) != 0) return std::unexpected(failed("sync the drop folder", errno));
  return {};
}

Reader::Reader(Reader&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      owner_(other.owner_),
      size_(other.size_),
      at_(other.at_),
      crc_(other.crc_),
      start_(std::move(other.start_)) {}

Reader::~Reader() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<Reader> Reader::open(const std::string& folder, const std::string& name) {
  if (!is_file_name(name)) return fail(kBadFile, "the name is none that sendmail gives");
  // Not waiting, should somebody have put a pipe there.
  const int descriptor = ::open((folder + "/" + name).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return fail(kGone, "the file is not in the drop folder");
  if (descriptor < 0 && (errno == ELOOP || errno == ENXIO || errno == EACCES || errno == EPERM))
    return fail(kBadFile, std::string("it cannot be opened: ") + strerrordesc_np(errno));
  if (descriptor < 0) return std::unexpected(failed("open " + name, errno));
  Reader reader(descriptor);
  TRY(reader.read_start());
  return reader;
}

Result<> Reader::read_start() {
  struct stat status{};
  if (fstat(descriptor_, &status) != 0) return std::unexpected(failed("look at a file", errno));
  if (!S_ISREG(status.st_mode)) return fail(kBadFile, "it is no regular file");
  if (status.st_nlink > 1) return fail(kBadFile, "it has more names than one");
  owner_ = status.st_uid;
  size_ = static_cast<std::uint64_t>(status.st_size);
  std::string start(std::min<std::uint64_t>(size_, kHeadMax), '\0');
  std::size_t have = 0;
  while (have < start.size()) {
    const ssize_t got = pread(descriptor_, start.data() + have, start.size() - have, static_cast<off_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(failed("read a file of the drop folder", errno));
    if (got == 0) return fail(kBadFile, "it was cut while it was read");
    have += static_cast<std::size_t>(got);
  }
  start_ = TRY(parse_start(start));
  if (start_.seal.length != size_ - start_.message_at) return fail(kBadFile, "it is cut, or longer than it says");
  crc_ = crc32c(std::string_view(start).substr(kSealSize, start_.message_at - kSealSize));
  at_ = start_.message_at;
  return {};
}

Result<std::string> Reader::next() {
  std::string piece(std::min<std::uint64_t>(size_ - at_, kPiece), '\0');
  if (piece.empty()) {
    if (crc_ != start_.seal.crc) return fail(kBadFile, "its checksum is wrong");
    return piece;
  }
  ssize_t got = 0;
  do {
    got = pread(descriptor_, piece.data(), piece.size(), static_cast<off_t>(at_));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return std::unexpected(failed("read a file of the drop folder", errno));
  if (got == 0) return fail(kBadFile, "it was cut while it was read");
  piece.resize(static_cast<std::size_t>(got));
  at_ += piece.size();
  crc_ = crc32c(piece, crc_);
  return piece;
}

Result<std::vector<std::string>> list(const std::string& folder, std::size_t max, WallTime now) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(opendir(folder.c_str()), closedir);
  if (!listing) return std::unexpected(failed("list " + folder, errno));
  std::vector<std::string> names;
  while (const dirent* entry = readdir(listing.get())) {
    const std::string name = entry->d_name;
    if (is_file_name(name))
      names.push_back(name);
    else if (name.starts_with(kUnfinished))
      remove_if_old(folder, name, now);
    if (names.size() == max) break;
  }
  return names;
}

Result<> remove(const std::string& folder, const std::string& name) {
  if (unlink((folder + "/" + name).c_str()) != 0 && errno != ENOENT)
    return std::unexpected(failed("remove " + name, errno));
  return sync_folder(folder);
}

Result<> set_aside(const std::string& folder, const std::string& name) {
  const std::string bad = folder + "/" + std::string(kBadFolder);
  if (mkdir(bad.c_str(), 0700) != 0 && errno != EEXIST) return std::unexpected(failed("make " + bad, errno));
  // Users may make that name, too, in a folder that is open to all.
  struct stat status{};
  if (lstat(bad.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != geteuid())
    return fail(kFolder, bad + " is not a directory of this server's user");
  if (rename((folder + "/" + name).c_str(), (bad + "/" + name).c_str()) != 0)
    return std::unexpected(failed("set " + name + " aside", errno));
  return sync_folder(folder);
}

Result<> check_folder(const std::string& folder) {
  struct stat status{};
  if (lstat(folder.c_str(), &status) != 0) return std::unexpected(failed("look at " + folder, errno));
  if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 07777) != kFolderMode)
    return fail(kFolder, folder + " is not a directory of this server's user with mode 1733");
  return {};
}

}  // namespace angarium::drop
