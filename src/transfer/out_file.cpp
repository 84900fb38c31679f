#include "transfer/out_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/text.h"
#include "transfer/source.h"

namespace angarium::transfer {
namespace {

constexpr std::size_t kHeldMax = 256u << 10;

}  // namespace

Result<OutFile> OutFile::create(const std::string& path) {
  OutFile out;
  out.path_ = path;
  out.file_ = delivery::Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (out.file_.get() < 0) return std::unexpected(place_error(errno, "make", path));
  return out;
}

Result<OutFile> OutFile::reopen(const std::string& path, std::uint64_t offset) {
  OutFile out;
  out.path_ = path;
  out.file_ = delivery::Descriptor(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (out.file_.get() < 0) return std::unexpected(place_error(errno, "open", path));
  TRY(out.cut(offset));
  return out;
}

OutFile OutFile::at(int descriptor, const std::string& path, std::uint64_t offset) {
  OutFile out;
  out.borrowed_ = descriptor;
  out.path_ = path;
  out.offset_ = offset;
  return out;
}

Result<> OutFile::write(std::string_view octets) {
  held_ += octets;
  return held_.size() < kHeldMax ? Result<>() : flush();
}

Result<> OutFile::flush() {
  std::string_view rest = held_;
  while (!rest.empty()) {
    const ssize_t put = ::pwrite(descriptor(), rest.data(), rest.size(), static_cast<off_t>(offset_));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const int number = errno;
      held_.erase(0, held_.size() - rest.size());
      return std::unexpected(place_error(number, "write", path_));
    }
    offset_ += static_cast<std::uint64_t>(put);
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  held_.clear();
  return {};
}

Result<> OutFile::sync() {
  TRY(flush());
  if (::fsync(descriptor()) != 0) return std::unexpected(place_error(errno, "sync", path_));
  return {};
}

Result<> OutFile::cut(std::uint64_t offset) {
  if (offset >= offset_ && offset <= offset_ + held_.size() && !held_.empty()) {
    held_.resize(offset - offset_);
    return {};
  }
  held_.clear();
  if (::ftruncate(descriptor(), static_cast<off_t>(offset)) != 0)
    return std::unexpected(place_error(errno, "cut", path_));
  offset_ = offset;
  return {};
}

namespace {

/// With root's rights: nothing of somebody else is gone through, whoever makes it in between.
Result<> make_roots_folders(const std::string& path) {
  delivery::Descriptor here(::open(path.starts_with('/') ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (here.get() < 0) return std::unexpected(place_error(errno, "open", path));
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string name = path.substr(at, end - at);
    const std::string part = path.substr(0, end);
    at = end + 1;
    if (name.empty()) continue;
    if (::mkdirat(here.get(), name.c_str(), 0700) != 0 && errno != EEXIST)
      return std::unexpected(place_error(errno, "make", part));
    delivery::Descriptor next(::openat(here.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status{};
    if (next.get() < 0 || ::fstat(next.get(), &status) != 0)
      return std::unexpected(place_error(errno, "open without following links", part));
    if (status.st_uid != 0)
      return fail(kPlace, escape_controls(part, 4096) + " is not root's, and nothing of root's is written there");
    here = std::move(next);
  }
  return {};
}

}  // namespace

Result<> make_folders(const std::string& path) {
  if (::geteuid() == 0) return make_roots_folders(path);
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return std::unexpected(place_error(errno, "make", part));
    if (at == std::string::npos) return {};
  }
}

Result<> sync_folder(const std::string& path) {
  const delivery::Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) return std::unexpected(place_error(errno, "sync", path));
  return {};
}

Result<bool> rename_new(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == EEXIST) return false;
  if (errno != EINVAL && errno != ENOSYS) return std::unexpected(place_error(errno, "name", to));
  // A file system without that: a link replaces nothing, either.
  if (::link(from.c_str(), to.c_str()) != 0) {
    if (errno == EEXIST) return false;
    return std::unexpected(place_error(errno, "name", to));
  }
  (void)::unlink(from.c_str());
  return true;
}

}  // namespace angarium::transfer
