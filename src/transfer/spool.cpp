#include "transfer/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "transfer/source.h"

namespace angarium::transfer {
namespace {

std::string folder() {
  const char* const named = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): nobody sets it here
  return named == nullptr || *named == '\0' ? "/var/tmp" : named;
}

Result<delivery::Descriptor> nameless_file() {
  const std::string where = folder();
  delivery::Descriptor file(::open(where.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file.get() >= 0) return file;
  // Not every file system has these.
  std::string name = where + "/angarium-XXXXXX";
  file = delivery::Descriptor(::mkostemp(name.data(), O_CLOEXEC));
  if (file.get() < 0) return std::unexpected(place_error(errno, "make a file in", where));
  (void)::unlink(name.c_str());
  return file;
}

}  // namespace

Result<> Spool::write(std::string_view octets) {
  held_ += octets;
  return held_.size() <= kSpoolMemory ? Result<>() : flush();
}

Result<> Spool::flush() {
  if (file_.get() < 0) file_ = TRY(nameless_file());
  for (std::string_view rest = held_; !rest.empty();) {
    const ssize_t put = ::pwrite(file_.get(), rest.data(), rest.size(), static_cast<off_t>(written_));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return std::unexpected(place_error(errno, "write in", folder()));
    written_ += static_cast<std::uint64_t>(put);
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  held_.clear();
  return {};
}

Result<std::string> Spool::at(std::uint64_t offset, std::size_t octets) const {
  if (offset >= size()) return std::string();
  if (offset >= written_) return held_.substr(static_cast<std::size_t>(offset - written_), octets);
  std::string read(static_cast<std::size_t>(std::min<std::uint64_t>(octets, written_ - offset)), '\0');
  for (std::size_t got = 0; got < read.size();) {
    const ssize_t now = ::pread(file_.get(), read.data() + got, read.size() - got, static_cast<off_t>(offset + got));
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) return std::unexpected(place_error(now < 0 ? errno : EIO, "read in", folder()));
    got += static_cast<std::size_t>(now);
  }
  return read;
}

void Spool::clear() {
  held_.clear();
  written_ = 0;
  if (file_.get() >= 0 && ::ftruncate(file_.get(), 0) != 0) file_ = delivery::Descriptor();
}

}  // namespace angarium::transfer
