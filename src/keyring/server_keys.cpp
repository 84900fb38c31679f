#include "keyring/server_keys.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/crc32c.h"
#include "base/descriptor.h"
#include "base/text.h"
#include "keyring/key_files.h"

namespace angarium::keyring {
namespace {

constexpr std::string_view kFirstLine = "angarium server keys 1\n";
constexpr std::size_t kIdDigits = 16;
constexpr std::size_t kSaid = kIdDigits + 1 + 2 * kKeyOctets + 1;
constexpr std::size_t kSumDigits = 8;
/// "ID KEY CRC-32C of both\n": a key that is not as it was written opens nothing, and must not wrap anything.
constexpr std::size_t kLine = kSaid + kSumDigits + 1;
constexpr std::size_t kFileMax = kFirstLine.size() + kServerKeysMax * kLine;

/// Text that holds keys, wiped when it goes.
struct Wiped {
  std::string text;
  ~Wiped() { OPENSSL_cleanse(text.data(), text.size()); }
};

std::string path_in(const std::string& directory) { return directory + "/" + std::string(kKeysFile); }

std::unexpected<Error> because(const std::string& path, std::string_view why) {
  return fail(kNoServerKey, path + ": " + std::string(why));
}

Result<> write_all(int file, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t count = ::write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return because(path, strerrordesc_np(errno));
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(file) != 0) return because(path, strerrordesc_np(errno));
  return {};
}

Result<> sync_directory(const std::string& path) {
  const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) return because(path, strerrordesc_np(errno));
  return {};
}

template <std::unsigned_integral T>
std::string number_text(T number) {
  std::string octets(sizeof(T), '\0');
  for (std::size_t i = 0; i < sizeof(T); ++i) octets[sizeof(T) - 1 - i] = static_cast<char>(number >> (8 * i));
  return to_hex(octets);
}

/// Of what stands in a line before it.
std::string sum_of(std::string_view said) { return number_text(crc32c(said)); }

}  // namespace

Result<ServerKeys> ServerKeys::parse(std::string_view text) {
  const auto damaged = [] { return fail(kNoServerKey, "no file of server keys"); };
  if (!text.starts_with(kFirstLine)) return damaged();
  text.remove_prefix(kFirstLine.size());
  ServerKeys keys;
  for (; !text.empty(); text.remove_prefix(kLine)) {
    if (text.size() < kLine || text[kIdDigits] != ' ' || text[kSaid - 1] != ' ' || text[kLine - 1] != '\n')
      return damaged();
    if (text.substr(kSaid, kSumDigits) != sum_of(text.substr(0, kSaid))) return damaged();
    const auto id = from_hex(text.substr(0, kIdDigits));
    Wiped key{from_hex(text.substr(kIdDigits + 1, 2 * kKeyOctets)).value_or("")};
    if (!id || key.text.size() != kKeyOctets || keys.versions_.size() == kServerKeysMax) return damaged();
    std::uint64_t number = 0;
    for (const char c : *id) number = number << 8 | static_cast<unsigned char>(c);
    if (std::ranges::any_of(keys.versions_, [&](const Version& one) { return one.id == number; })) return damaged();
    keys.versions_.push_back({number, Key(key.text)});
  }
  if (keys.versions_.empty()) return damaged();
  return keys;
}

std::string ServerKeys::text() const {
  std::string out(kFirstLine);
  out.reserve(kFileMax);  // no copies of it are left behind by growing
  for (const Version& version : versions_) {
    const Wiped key{to_hex(version.key.octets())};
    const std::size_t line = out.size();
    out.append(number_text(version.id)).append(" ").append(key.text).append(" ");
    out.append(sum_of(std::string_view(out).substr(line))).append("\n");
  }
  return out;
}

Result<ServerKeys> ServerKeys::read(const std::string& directory) {
  const std::string path = path_in(directory);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.get() < 0) return because(path, strerrordesc_np(errno));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return because(path, strerrordesc_np(errno));
  if (!S_ISREG(status.st_mode)) return because(path, "not a file");
  if (status.st_uid != ::geteuid() && status.st_uid != 0) return because(path, "belongs to another user");
  if ((status.st_mode & 077) != 0) return because(path, "others may open it; make it 0600");
  Wiped read{std::string(kFileMax + 1, '\0')};
  std::size_t size = 0;
  while (size < read.text.size()) {
    const ssize_t count = ::read(file.get(), read.text.data() + size, read.text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return because(path, strerrordesc_np(errno));
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  auto keys = parse(std::string_view(read.text).substr(0, size));
  if (!keys) return because(path, keys.error().text());
  return keys;
}

/// The new text beside the old one, then in its place: there is one of them at every moment.
Result<> ServerKeys::write(const std::string& directory) const {
  if (versions_.size() > kServerKeysMax)
    return fail(kNoServerKey, "too many rotations of the server's key were cut short");
  const std::string path = path_in(directory);
  const std::string fresh = path + ".new";
  // Of a writing that was cut short.
  if (::unlink(fresh.c_str()) != 0 && errno != ENOENT) return because(fresh, strerrordesc_np(errno));
  const Wiped written{text()};
  const Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return because(fresh, strerrordesc_np(errno));
  TRY(write_all(file.get(), written.text, fresh));
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return because(path, strerrordesc_np(errno));
  return sync_directory(directory);
}

Result<ServerKeys> ServerKeys::make(const std::string& directory, Random& random) {
  if (auto there = read(directory)) return there;
  struct stat status{};
  // What is there and cannot be read is not written over.
  if (::lstat(path_in(directory).c_str(), &status) == 0 || errno != ENOENT) return read(directory);
  if (::mkdir(directory.c_str(), 0700) == 0)
    TRY(sync_directory(directory + "/.."));
  else if (errno != EEXIST)
    return because(directory, strerrordesc_np(errno));
  ServerKeys keys;
  keys.versions_.push_back({random.number(), Key::make(random)});
  TRY(keys.write(directory));
  return keys;
}

Result<Key> ServerKeys::find(std::uint64_t id) const {
  for (const Version& version : versions_)
    if (version.id == id) return version.key;
  return fail(kNoServerKey, "the server's key " + number_text(id) + " is not in its file");
}

Result<ServerKeys> ServerKeys::with_new(const std::string& directory, Random& random) const {
  ServerKeys more = *this;
  more.versions_.push_back({random.number(), Key::make(random)});
  TRY(more.write(directory));
  return more;
}

ServerKeys ServerKeys::with(const ServerKeys& newer) const {
  ServerKeys all;
  for (const Version& version : versions_)
    if (!newer.find(version.id)) all.versions_.push_back(version);
  all.versions_.insert(all.versions_.end(), newer.versions_.begin(), newer.versions_.end());
  return all;
}

Result<ServerKeys> ServerKeys::forget_old(const std::string& directory) const {
  ServerKeys newest;
  newest.versions_.push_back(current());
  TRY(newest.write(directory));
  return newest;
}

}  // namespace angarium::keyring
